package redisconntest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// clusterView is how one node of a cluster sees all of them.
type clusterView struct {
	state string // "ok" or "fail"
	nodes []clusterNode
}

// clusterNode is one line of CLUSTER NODES.
type clusterNode struct {
	id     string
	flags  []string
	epoch  int64
	linked bool
	slots  [][2]int // first and last, without those that are only being imported
}

func (n clusterNode) is(flag string) bool { return slices.Contains(n.flags, flag) }

// parseClusterNodes reads lines like
//
//	07c37df... 127.0.0.1:30004@31004 slave e7d1eec... 0 1426238317239 4 connected
//	e7d1eec... 127.0.0.1:30001@31001,name myself,master - 0 0 1 connected 0-5460 [93->-292f8b3...]
//
// (https://redis.io/docs/latest/commands/cluster-nodes).
func parseClusterNodes(text string) ([]clusterNode, error) {
	var nodes []clusterNode
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			return nil, fmt.Errorf("line %q of CLUSTER NODES has %d fields, at least 8 are needed", line, len(fields))
		}
		node := clusterNode{id: fields[0], flags: strings.Split(fields[2], ","), linked: fields[7] == "connected"}
		var err error
		if node.epoch, err = strconv.ParseInt(fields[6], 10, 64); err != nil {
			return nil, fmt.Errorf("epoch %q of CLUSTER NODES is not a number", fields[6])
		}
		for _, field := range fields[8:] {
			if strings.HasPrefix(field, "[") { // a slot that is moving
				continue
			}
			slots, err := parseSlots(field)
			if err != nil {
				return nil, err
			}
			node.slots = append(node.slots, slots)
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// parseSlots reads "5461-10922" or "5461".
func parseSlots(field string) ([2]int, error) {
	from, to, isRange := strings.Cut(field, "-")
	if !isRange {
		to = from
	}
	first, errFirst := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	if errFirst != nil || errLast != nil || first < 0 || last < first || last >= slotCount {
		return [2]int{}, fmt.Errorf("slots %q of CLUSTER NODES are no range from 0 to %d", field, slotCount-1)
	}
	return [2]int{first, last}, nil
}

// clusterView asks the server how it sees its cluster.
func (s *Server) clusterView() (clusterView, error) {
	var view clusterView
	err := s.ask(func(ctx context.Context, client *redis.Client) error {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		view.state = infoField(info, "cluster_state")
		text, err := client.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		view.nodes, err = parseClusterNodes(text)
		return err
	})
	return view, err
}

// views asks all nodes that answer.
func (c *Cluster) views() ([]clusterView, error) {
	var views []clusterView
	for _, node := range c.nodes {
		if !node.answers() {
			continue
		}
		view, err := node.clusterView()
		switch {
		case err == nil:
			views = append(views, view)
		case node.answers(): // otherwise it was killed or paused meanwhile
			return views, err
		}
	}
	return views, nil
}

// newest returns, of all nodes in all views that the condition holds for, the one with the highest configuration
// epoch, nil if there is none. Epochs decide between two claims in the cluster itself: who is promoted, or imports a
// slot, takes a new one.
func (c *Cluster) newest(views []clusterView, condition func(clusterNode, *Server) bool) *Server {
	var newest *Server
	epoch := int64(-1)
	for _, view := range views {
		for _, node := range view.nodes {
			server := c.ids[node.id]
			if node.epoch > epoch && server != nil && condition(node, server) {
				newest, epoch = server, node.epoch
			}
		}
	}
	return newest
}

// masterOf returns the newest master among the nodes of a shard.
func (c *Cluster) masterOf(views []clusterView, shard int) *Server {
	master := c.newest(views, func(node clusterNode, server *Server) bool {
		return node.is("master") && slices.Contains(c.shards[shard], server)
	})
	if master == nil { // nobody answers
		master = c.shards[shard][0]
	}
	return master
}

// uncovered says what keeps the cluster from serving all slots, nothing if it serves them all.
func (c *Cluster) uncovered(views []clusterView) string {
	if len(views) == 0 {
		return "no node answers"
	}
	first := c.owners(views[0])
	for _, view := range views {
		if view.state != "ok" {
			return fmt.Sprintf("a node sees the cluster's state as %q", view.state)
		}
		if c.owners(view) != first {
			return "the nodes do not agree on who serves which slot"
		}
	}
	for slot, owner := range first {
		switch {
		case owner == nil:
			return fmt.Sprintf("slot %d belongs to nobody", slot)
		case !owner.answers():
			return fmt.Sprintf("slot %d belongs to %s, which does not answer", slot, owner.Addr())
		}
	}
	return ""
}

// owners returns who serves each slot in a node's view.
func (c *Cluster) owners(view clusterView) [slotCount]*Server {
	var owners [slotCount]*Server
	for _, node := range view.nodes {
		for _, slots := range node.slots {
			for slot := slots[0]; slot <= slots[1]; slot++ {
				owners[slot] = c.ids[node.id]
			}
		}
	}
	return owners
}
