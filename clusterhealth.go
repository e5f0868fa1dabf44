package redisconn

import (
	"fmt"
	"slices"
	"strings"
)

// worry judges a cluster of which a node answers. Nothing is served while all
// masters say so, or all are dead, and then it fails. While a part is served it
// warns, naming what is not: the commands of the other shards work.
func (w *clusterWatch) worry() (Status, Class, string) {
	table := w.cluster.table.Load()
	var troubles []string
	failing, answering := 0, 0
	class := ClassClusterDown
	for _, s := range table.shards {
		n := w.nodes[s.master.addr]
		switch out := s.master.dead.Load(); {
		case out != nil:
			troubles = append(troubles, fmt.Sprintf("slots %s are not served: their master %s is dead (%s)", s.name, s.master.addr, ClassOf(out.cause)))
		case n.err == nil:
			answering++
			if n.state == "fail" {
				failing++
				troubles = append(troubles, fmt.Sprintf("slots %s are not served: their master %s says that the cluster is down", s.name, s.master.addr))
			}
		}
	}
	if gaps := table.uncovered(); len(gaps) > 0 {
		troubles = append(troubles, "nobody serves slots "+joinRanges(gaps))
	}
	if answering > 0 && failing == answering {
		return StatusFail, class, "the cluster serves nothing: " + strings.Join(troubles, "; ")
	}
	if len(troubles) > 0 {
		return StatusWarn, class, strings.Join(troubles, "; ")
	}
	for _, s := range table.shards {
		for _, node := range s.replicas {
			if n := w.nodes[node.addr]; node.dead.Load() != nil || n.err == nil && n.facts.Link == "down" {
				troubles = append(troubles, fmt.Sprintf("slots %s have a replica that does not follow: %s", s.name, node.addr))
			}
		}
	}
	if len(troubles) > 0 {
		return StatusWarn, ClassUnreachable, strings.Join(troubles, "; ")
	}
	return StatusPass, "", ""
}

// describe enters every node and the slots into a verdict.
func (w *clusterWatch) describe(h *Health) {
	if w == nil {
		return
	}
	table := w.cluster.table.Load()
	unserved := table.uncovered()
	h.Nodes = nil
	for i, s := range table.shards {
		layout := table.topology.shards[i]
		master := w.nodes[s.master.addr]
		if s.master.dead.Load() != nil || master.state == "fail" {
			unserved = append(unserved, layout.slots...)
		}
		h.Nodes = append(h.Nodes, master.health("master", s.name, layout.ids[s.master.addr], serverFacts{}))
		for _, node := range s.replicas {
			h.Nodes = append(h.Nodes, w.nodes[node.addr].health("replica", s.name, layout.ids[node.addr], master.facts))
		}
	}
	slices.SortFunc(unserved, func(a, b slotRange) int { return a.first - b.first })
	h.Slots = &SlotCoverage{Covered: slotCount - countSlots(unserved), Total: slotCount}
	for _, r := range unserved {
		h.Slots.Uncovered = append(h.Slots.Uncovered, r.String())
	}
}

// health is the node in the words of [NodeHealth].
func (n *nodeWatch) health(role, slots, id string, master serverFacts) NodeHealth {
	h := NodeHealth{Addr: n.node.addr, ID: id, Role: role, Slots: slots, Status: StatusPass, Latency: n.latency, LastSuccess: n.lastSuccess}
	if role == "replica" {
		h.Link = n.facts.Link
		if master.Offset != nil && n.facts.Offset != nil {
			lag := max(*master.Offset-*n.facts.Offset, 0) // the two were asked one after the other
			h.Lag = &lag
		}
		if h.Link == "down" {
			h.Status, h.Class, h.Reason = StatusWarn, ClassMasterDown, "it does not follow its master"
		}
	}
	out := n.node.dead.Load()
	switch {
	case n.err != nil:
		f := diagnose(n.err)
		h.Status, h.Class, h.Reason = StatusWarn, f.class, f.class.Info().Meaning+": "+peerText(cause(n.err))
		if out != nil {
			h.Status = StatusFail
		}
	case n.state == "fail":
		h.Status, h.Class, h.Reason = StatusFail, ClassClusterDown, "it says cluster_state:fail"
	}
	return h
}
