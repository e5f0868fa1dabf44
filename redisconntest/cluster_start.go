package redisconntest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// nodeTimeout is the default of WithNodeTimeout. Redis's own, 15 s, would be most of a test's time.
const nodeTimeout = time.Second

// WithNodeTimeout changes how long a node of a [Cluster] must be silent until others find it down
// (cluster-node-timeout) from one second. It means nothing to a server without a cluster.
func WithNodeTimeout(d time.Duration) ServerOption {
	return WithDirective("cluster-node-timeout", milliseconds(d))
}

// start starts the nodes and makes them a cluster, step by step as in the specification
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec) rather than by redis-cli, which pauses
// for seconds in between. Every pair of nodes is introduced, rather than waiting for gossip to spread.
func (c *Cluster) start(masters, replicas int, opts []ServerOption) error {
	if masters < 1 || masters > slotCount || replicas < 0 {
		return fmt.Errorf("%d masters with %d replicas each: at least one master is needed, and not more than there are slots, %d",
			masters, replicas, slotCount)
	}
	var err error
	c.nodes, err = newMembers(c.t, masters*(1+replicas), serverConfig{auditPassword: newAuditPassword()}, opts)
	if err != nil {
		return err
	}
	c.shards = make([][]*Server, masters)
	for i, node := range c.nodes {
		c.shards[i%masters] = append(c.shards[i%masters], node)
		node.topology = append(node.topology,
			[]string{"cluster-enabled", "yes"},
			[]string{"cluster-announce-ip", loopback},
			[]string{"cluster-port", strconv.Itoa(node.peerPort.port)},
			[]string{"cluster-node-timeout", milliseconds(nodeTimeout)},
			[]string{"cluster-allow-replica-migration", "no"},
			[]string{"tls-cluster", yesNo(node.cfg.ca != nil)})
	}
	if err := startAll(c.nodes); err != nil {
		return err
	}
	if err := c.learnIDs(); err != nil {
		return err
	}
	if err := c.assignSlots(); err != nil {
		return err
	}
	if err := each(c.nodes, c.meet); err != nil {
		return err
	}
	if err := c.awaitViews(c.strangers); err != nil {
		return err
	}
	if err := c.attachReplicas(); err != nil {
		return err
	}
	return c.awaitViews(c.unfinished)
}

// learnIDs asks each node for its id, which it keeps for ever. Addresses are no names: a test may make nodes announce
// other ones.
func (c *Cluster) learnIDs() error {
	for _, node := range c.nodes {
		err := node.ask(func(ctx context.Context, client *redis.Client) error {
			id, err := client.ClusterMyID(ctx).Result()
			c.ids[id] = node
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// assignSlots gives each master its share, and an epoch of its own: equal ones would first have to be resolved.
func (c *Cluster) assignSlots() error {
	var errs []error
	for shard, nodes := range c.shards {
		first, end := shard*slotCount/len(c.shards), (shard+1)*slotCount/len(c.shards)
		errs = append(errs, nodes[0].ask(func(ctx context.Context, client *redis.Client) error {
			if err := client.Do(ctx, "cluster", "set-config-epoch", shard+1).Err(); err != nil {
				return err
			}
			return client.ClusterAddSlotsRange(ctx, first, end-1).Err()
		}))
	}
	return errors.Join(errs...)
}

// meet introduces the node to all that come after it.
func (c *Cluster) meet(node *Server) error {
	return node.ask(func(ctx context.Context, client *redis.Client) error {
		for _, other := range c.nodes[slices.Index(c.nodes, node)+1:] {
			if err := client.Do(ctx, "cluster", "meet", loopback, other.Port(), other.peerPort.port).Err(); err != nil {
				return err
			}
		}
		return nil
	})
}

// strangers says which nodes do not know each other yet.
func (c *Cluster) strangers(views []clusterView) string {
	for i, view := range views {
		known := 0
		for _, node := range view.nodes {
			if node.linked && !node.is("handshake") {
				known++
			}
		}
		if known != len(c.nodes) {
			return fmt.Sprintf("node %d of %d knows %d nodes", i, len(c.nodes), known)
		}
	}
	return ""
}

// attachReplicas makes all nodes but the first of each shard replicas of that.
func (c *Cluster) attachReplicas() error {
	var errs []error
	for _, nodes := range c.shards {
		id := c.idOf(nodes[0])
		errs = append(errs, each(nodes[1:], func(node *Server) error {
			return node.ask(func(ctx context.Context, client *redis.Client) error {
				return client.ClusterReplicate(ctx, id).Err()
			})
		}))
	}
	return errors.Join(errs...)
}

// idOf returns the id that a node has in the cluster.
func (c *Cluster) idOf(node *Server) string {
	for id, server := range c.ids {
		if server == node {
			return id
		}
	}
	return ""
}

// unfinished says what the cluster lacks to be complete.
func (c *Cluster) unfinished(views []clusterView) string {
	for _, view := range views {
		replicas := 0
		for _, node := range view.nodes {
			if node.is("slave") {
				replicas++
			}
		}
		if want := len(c.nodes) - len(c.shards); replicas != want {
			return fmt.Sprintf("a node sees %d replicas, there are %d", replicas, want)
		}
	}
	if missing := c.uncovered(views); missing != "" {
		return missing
	}
	for _, nodes := range c.shards {
		for _, node := range nodes[1:] {
			if link := node.replicationField("master_link_status"); link != "up" {
				return fmt.Sprintf("the link of replica %s to its master is %q", node.Addr(), link)
			}
		}
	}
	return ""
}
