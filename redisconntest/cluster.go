package redisconntest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Cluster is a Redis Cluster of real processes on this machine's loopback. Its nodes are servers like those of
// [NewServer]: each can be killed, paused and started again, and each has a [Server.Client] and a [Server.Log].
//
// A shard is a range of slots with the nodes that were started for it, one of which is its master. Shards are numbered
// from 0, in the order of their slots, and keep their number and their nodes whoever becomes master.
//
// Trouble is reported by t.Errorf: methods may be called from any goroutine, all at the same time.
type Cluster struct {
	t      testing.TB
	nodes  []*Server
	shards [][]*Server        // first the node that was started as the master
	ids    map[string]*Server // by the id that a node has in the cluster
	limit  time.Duration      // for a change to be complete
}

// NewCluster starts a cluster with so many masters, each with so many replicas, and returns when all nodes agree that
// all slots are covered and all replicas are synchronized, after little more than two seconds: for so long a node that
// starts refuses to serve. Replicas stay with their shard. A node is found down after a second ([WithNodeTimeout]).
//
// The options are those of each node. It needs Redis 7 or Valkey; where redis-server is not installed the test is
// skipped or fails: see [RequireRedis]. A cluster that is not formed fails the test. Everything ends with the test, as
// with [NewServer].
func NewCluster(t testing.TB, masters, replicas int, opts ...ServerOption) *Cluster {
	t.Helper()
	c := &Cluster{t: t, ids: map[string]*Server{}, limit: topologyLimit}
	if err := c.start(masters, replicas, opts); err != nil {
		t.Fatalf("redisconntest.NewCluster: %v", err)
	}
	return c
}

// Nodes returns all nodes, whether they run or not, always in the same order: first those that were started as
// masters.
func (c *Cluster) Nodes() []*Server { return slices.Clone(c.nodes) }

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() []string { return addrs(c.nodes) }

// Masters returns the master of each shard, at the shard's number, as the nodes that answer see it now. A master that
// was killed is the master until a replica has been promoted.
func (c *Cluster) Masters() []*Server {
	c.t.Helper()
	views := c.look("Masters")
	masters := make([]*Server, len(c.shards))
	for shard := range masters {
		masters[shard] = c.masterOf(views, shard)
	}
	return masters
}

// Replicas returns the nodes of a shard that are not its master, whether they run or not.
func (c *Cluster) Replicas(shard int) []*Server {
	c.t.Helper()
	master := c.masterOf(c.look("Replicas"), shard)
	return slices.DeleteFunc(slices.Clone(c.shards[shard]), func(node *Server) bool { return node == master })
}

// NodeOf returns the node that serves the slot of the key, nil if none does.
func (c *Cluster) NodeOf(key string) *Server {
	c.t.Helper()
	return c.ownerOf(c.look("NodeOf"), SlotOf(key))
}

// ownerOf returns the newest of all nodes that a view has as the owner of the slot.
func (c *Cluster) ownerOf(views []clusterView, slot int) *Server {
	return c.newest(views, func(node clusterNode, _ *Server) bool {
		return slices.ContainsFunc(node.slots, func(slots [2]int) bool { return slots[0] <= slot && slot <= slots[1] })
	})
}

// look is views for a method, which reports trouble.
func (c *Cluster) look(method string) []clusterView {
	c.t.Helper()
	views, err := c.views()
	if err != nil {
		c.t.Errorf("Cluster.%s: %v", method, err)
	}
	return views
}

// ClusterOptions returns new driver options that connect to the cluster, with all nodes as seeds, and leave everything
// else to the driver's defaults: plain go-redis, for comparison.
func (c *Cluster) ClusterOptions() *redis.ClusterOptions {
	return &redis.ClusterOptions{Addrs: c.Addrs(), Password: c.nodes[0].Password(), TLSConfig: c.nodes[0].TLSConfig()}
}

// KillMaster kills the master of a shard, see [Server.Kill], and returns it. [Cluster.AwaitCovered] then waits until a
// replica has been promoted, some three seconds with the default node timeout.
func (c *Cluster) KillMaster(shard int) *Server {
	c.t.Helper()
	master := c.masterOf(c.look("KillMaster"), shard)
	master.Kill()
	return master
}

// PauseMaster freezes the master of a shard, see [Server.Pause], and returns it. After [Server.Resume] it takes itself
// for the master until another node tells it better.
func (c *Cluster) PauseMaster(shard int) *Server {
	c.t.Helper()
	master := c.masterOf(c.look("PauseMaster"), shard)
	master.Pause()
	return master
}

// Failover makes a replica of the shard the master while that is well (CLUSTER FAILOVER), waits until all nodes know,
// and returns the new master.
func (c *Cluster) Failover(shard int) *Server {
	c.t.Helper()
	replicas := slices.DeleteFunc(c.Replicas(shard), func(node *Server) bool { return !node.answers() })
	if len(replicas) == 0 {
		c.t.Errorf("Cluster.Failover: shard %d has no replica that answers", shard)
		return c.Masters()[shard]
	}
	replica := replicas[0]
	err := replica.ask(func(ctx context.Context, client *redis.Client) error {
		return client.ClusterFailover(ctx).Err()
	})
	if err != nil {
		c.t.Errorf("Cluster.Failover: %v", err)
		return c.Masters()[shard]
	}
	c.await("Failover", func(views []clusterView) string {
		if master := c.masterOf(views, shard); master != replica {
			return fmt.Sprintf("the master of shard %d is %s still", shard, master.Addr())
		}
		return c.uncovered(views)
	})
	return replica
}

// AwaitCovered waits until all nodes that answer agree on who serves each slot and everybody who does is a node that
// answers.
func (c *Cluster) AwaitCovered() {
	c.t.Helper()
	c.await("AwaitCovered", c.uncovered)
}

// await waits until nothing is missing in the views.
func (c *Cluster) await(method string, missing func([]clusterView) string) {
	c.t.Helper()
	if err := c.awaitViews(missing); err != nil {
		c.t.Errorf("Cluster.%s: %v", method, err)
	}
}

func (c *Cluster) awaitViews(missing func([]clusterView) string) error {
	var what string
	if poll(c.limit, topologyInterval, func() bool {
		views, err := c.views()
		if err != nil {
			what = err.Error()
			return false
		}
		what = missing(views)
		return what == ""
	}) {
		return nil
	}
	return fmt.Errorf("after %v still: %s; log of the first node:\n%s", c.limit, what, c.nodes[0].Log())
}
