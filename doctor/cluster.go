package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	idSlots     = "RC-P010"
	idClustered = "RC-P011"
	idAnnounced = "RC-P012"
	idAllowed   = "RC-P013"
	idHeirs     = "RC-P014"
	idAgreement = "RC-P015"
	idMoves     = "RC-P016"
)

// slotsOfCluster is how many hash slots there are, by the cluster specification.
const slotsOfCluster = 16384

var clusterChecks = []Check{
	{
		ID: idSlots, Layer: LayerTopology, Title: "the cluster serves all slots", Needs: []string{idAnswer},
		About: "CLUSTER INFO of every node that answers: the cluster's state, and how many of the 16384 slots somebody serves. Unless cluster-require-full-coverage is no, one slot that nobody serves stops the whole cluster.",
		Cause: "a shard that is down without a replica to take over, slots that were never assigned, a migration that was broken off",
		Fix: []Remedy{
			{"see what is wrong with which slots", "{cli} --cluster check {addr}"},
			{"bring the shard's nodes back; if they are lost for good, assign their slots anew", "{cli} --cluster fix {addr}"},
		},
		Run: checkSlots,
	},
	{
		ID: idClustered, Layer: LayerTopology, Title: "no node of the cluster has failed", Needs: []string{idAnswer}, Quiet: true,
		About: "CLUSTER NODES of every node that answers: what the nodes think of each other.",
		Cause: "a node that is down or cut off from the others: their bus is the port plus 10000",
		Fix: []Remedy{
			{"see what the nodes think of each other", "{cli} CLUSTER NODES"},
			{"remove a node that will not come back", "{cli} --cluster del-node {addr} {id}"},
		},
		Run: checkMembers,
	},
	{
		ID: idAnnounced, Layer: LayerTopology, Title: "the addresses that the cluster announces can be reached from here", Needs: []string{idAnswer}, Quiet: true,
		About: "A client is sent from node to node by the addresses in CLUSTER SLOTS. Behind NAT, in containers and in Kubernetes they are often of a network that the client is not in. The client connects to each, as the program would; one that it cannot reach and that the other nodes find well is told of here, one that they find down in RC-P003.",
		Cause: "a cluster in a container or behind NAT that announces its inner addresses",
		Fix: []Remedy{
			{"see what is announced", "{cli} CLUSTER SLOTS"},
			{"announce what clients can reach, on each node", "{node} CONFIG SET cluster-announce-ip ADDRESS"},
			{"or have the program map them, with redisconn.WithAddressMap", ""},
		},
		Run: checkAnnounced,
	},
	{
		ID: idAllowed, Layer: LayerTopology, Title: "the addresses that the cluster announces are allowed", Needs: []string{idAnswer}, Quiet: true,
		About: "Whoever listens at an announced address is given the password, so a client connects only where connection.allow_addrs lets it; by default to addresses of the kind of the configured ones: loopback, private or public. Those that are not allowed are not dialled.",
		Cause: "nodes that announce addresses of another network, an allow-list that is older than the cluster, a rogue or misconfigured node",
		Fix: []Remedy{
			{"see what is announced", "{cli} CLUSTER SLOTS"},
			{"if the addresses are right, cover them in connection.allow_addrs; if not, correct what the nodes announce", "{node} CONFIG SET cluster-announce-ip ADDRESS"},
		},
		Run: checkAllowed,
	},
	{
		ID: idHeirs, Layer: LayerTopology, Title: "every master has a replica to take over", Needs: []string{idAnswer}, Quiet: true,
		About: "A master without a replica that is well cannot be failed over: when it goes, its slots go with it.",
		Cause: "replicas that are down or were never there; after a failover, the old master that has not come back",
		Fix: []Remedy{
			{"see who follows whom", "{cli} CLUSTER NODES"},
			{"add a replica", "{cli} --cluster add-node NEW-ADDRESS {addr} --cluster-slave --cluster-master-id {id}"},
		},
		Run: checkHeirs,
	},
	{
		ID: idAgreement, Layer: LayerTopology, Title: "the nodes agree on who serves which slots", Needs: []string{idAnswer}, Quiet: true,
		About: "The layout in CLUSTER NODES of every node that answers, against that of most of them. For a moment after a failover or a migration they differ; for longer, a node is cut off from the others and sends its clients astray.",
		Cause: "a failover or a migration under way, a network that is parted, a bus port (the port plus 10000) that is closed",
		Fix: []Remedy{
			{"compare what the nodes say", "{cli} --cluster check {addr}"},
			{"see from a node that differs whom it can hear", "{cli} CLUSTER NODES"},
		},
		Run: checkAgreement,
	},
	{
		ID: idMoves, Layer: LayerTopology, Title: "no slot is left on the move", Needs: []string{idAnswer}, Quiet: true,
		About: "What every node that answers says in CLUSTER NODES of its own slots: those that it gives away or takes over. Meanwhile their keys cost a redirection (ASK), and a command with keys on both sides is refused (TRYAGAIN). A resharding that was broken off leaves them so until somebody ends it.",
		Cause: "a resharding that is under way, or one that was broken off",
		Fix: []Remedy{
			{"see which slots are open, and between whom", "{cli} --cluster check {addr}"},
			{"if nobody is moving them, end what was begun", "{cli} --cluster fix {addr}"},
		},
		Run: checkMoves,
	},
}

// clustered makes a check of a cluster's where there is one, by what the nodes say
// that answer.
func clustered(run func(p *Patient, answering []*node) Finding) func(context.Context, *Patient) Finding {
	return func(_ context.Context, p *Patient) Finding {
		answering := p.answering()
		switch {
		case len(p.nodes) == 0:
			return NotNeeded("there is no cluster")
		case len(answering) == 0:
			return p.deserted()
		}
		return run(p, answering)
	}
}

var checkSlots = clustered(func(p *Patient, answering []*node) Finding {
	served, assigned, shards := slotsOfCluster, slotsOfCluster, 0
	var failing []string
	var evidence []Fact
	for _, n := range answering {
		if err := n.view.info.err; err != nil {
			return unanswered("CLUSTER INFO", err)
		}
		fields := n.view.info.value
		ok, err := strconv.Atoi(fields["cluster_slots_ok"])
		if err != nil {
			return Fail(redisconn.ClassProtocol, n.Addr+": CLUSTER INFO does not say how many slots are served", Fact{"cluster_state", fields["cluster_state"]})
		}
		served, assigned, shards = min(served, ok), min(assigned, number(fields["cluster_slots_assigned"])), max(shards, number(fields["cluster_size"]))
		if fields["cluster_state"] != "ok" {
			failing = append(failing, n.Addr)
		}
		evidence = append(evidence, Fact{n.Addr, "state " + fields["cluster_state"] + ", slots served " + fields["cluster_slots_ok"]})
	}
	stopped := ""
	if len(failing) > 0 {
		stopped = fmt.Sprintf("the cluster's state is fail, say %d of %s: they serve nothing", len(failing), plural(len(answering), "node"))
	}
	switch {
	case served < slotsOfCluster:
		said := fmt.Sprintf("%d of %d slots are not served", slotsOfCluster-served, slotsOfCluster)
		if assigned < slotsOfCluster {
			said += fmt.Sprintf(", %d of them are assigned to nobody", slotsOfCluster-assigned)
		}
		for _, n := range p.nodes {
			if n.err != nil && n.Role == "master" {
				said += fmt.Sprintf("; master %s of slots %s does not answer", n.Addr, n.Slots)
			}
		}
		if stopped != "" {
			said += "; " + stopped
		}
		return Fail(redisconn.ClassClusterDown, said, evidence...)
	case stopped != "":
		return Fail(redisconn.ClassClusterDown, stopped, evidence...)
	}
	return Pass(fmt.Sprintf("%d of %d slots are served, by %s", served, slotsOfCluster, plural(shards, "shard")), evidence...)
})

// viewed makes a check of what the nodes that answer see.
func viewed(run func(p *Patient, views []*node) Finding) func(context.Context, *Patient) Finding {
	return clustered(func(p *Patient, answering []*node) Finding {
		for _, n := range answering {
			if err := n.view.members.err; err != nil {
				return unanswered("CLUSTER NODES", err)
			}
		}
		return run(p, answering)
	})
}

var checkMembers = viewed(func(_ *Patient, views []*node) Finding {
	all, ids := map[string]bool{}, map[string]string{}
	var bad []string
	for _, n := range views {
		for _, m := range n.view.members.value {
			all[m.id] = true
			if flag := m.trouble(); flag != "" {
				bad = append(bad, strings.TrimSpace(m.addr+" ("+flag+")"))
				ids[m.addr] = m.id
			}
		}
	}
	slices.Sort(bad)
	bad = slices.Compact(bad)
	evidence := []Fact{{"nodes", len(all)}}
	ill := slices.Sorted(maps.Keys(ids))
	for _, addr := range ill {
		evidence = append(evidence, Fact{addr, ids[addr]}) // the repair needs it
	}
	if len(bad) > 0 {
		return Warn(fmt.Sprintf("of %s not all are well with each other: %s", plural(len(all), "node"), strings.Join(bad, ", ")), evidence...).about(ill[0], ids[ill[0]])
	}
	return Pass(fmt.Sprintf("all %d nodes are well with each other", len(all)), evidence...)
})

func checkAnnounced(_ context.Context, p *Patient) Finding {
	return p.judgeAnnounced(idAnnounced, "%d of %d announced addresses cannot be reached from here", "the announced addresses can be reached from here")
}

func checkAllowed(_ context.Context, p *Patient) Finding {
	return p.judgeAnnounced(idAllowed, "%d of %d announced addresses are not allowed", "the announced addresses are allowed")
}

// judgeAnnounced says which nodes cannot be asked for the reason that the check of
// the id tells of.
func (p *Patient) judgeAnnounced(id, bad, well string) Finding {
	if len(p.nodes) == 0 {
		return NotNeeded("there is no cluster")
	}
	var found []string
	var evidence []Fact
	var class redisconn.Class
	for _, n := range p.nodes {
		if n.err != nil && p.belongs(n) == id {
			found = append(found, n.Addr)
			evidence = append(evidence, Fact{n.Addr, n.err.Error()})
			class = redisconn.ClassOf(n.err)
		}
	}
	if len(found) > 0 {
		return Fail(class, fmt.Sprintf(bad, len(found), len(p.nodes))+": "+strings.Join(found, ", "), evidence...).about(found[0], "")
	}
	return Pass(well, Fact{"nodes", len(p.nodes)})
}

var checkHeirs = viewed(func(_ *Patient, views []*node) Finding {
	members := views[0].view.members.value
	var masters, alone []string
	var first member
	var evidence []Fact
	for _, m := range members {
		if len(m.slots) == 0 || m.trouble() != "" {
			continue
		}
		masters = append(masters, m.addr)
		if !slices.ContainsFunc(members, func(r member) bool { return r.master == m.id && r.trouble() == "" }) {
			if alone = append(alone, m.addr); len(alone) == 1 {
				first = m
			}
			evidence = append(evidence, Fact{m.addr, m.id}) // the repair needs it
		}
	}
	if len(alone) > 0 {
		return Warn(fmt.Sprintf("%d of %s have no replica that is well: %s", len(alone), plural(len(masters), "master"), strings.Join(alone, ", ")), evidence...).about(first.addr, first.id)
	}
	return Pass("every master has a replica that is well", Fact{"masters", len(masters)})
})

var checkAgreement = viewed(func(_ *Patient, views []*node) Finding {
	votes := map[string][]string{}
	var most []string
	for _, n := range views {
		layout := n.view.layout()
		votes[layout] = append(votes[layout], n.Addr)
		if len(votes[layout]) > len(most) {
			most = votes[layout]
		}
	}
	var others []string
	for _, n := range views {
		if !slices.Contains(most, n.Addr) {
			others = append(others, n.Addr)
		}
	}
	if len(others) > 0 {
		return Warn(fmt.Sprintf("%d of %s have another layout than most: %s", len(others), plural(len(views), "node"), strings.Join(others, ", ")), Fact{"layouts", len(votes)})
	}
	return Pass("every node that answers has the same layout", Fact{"nodes", len(views)})
})

var checkMoves = viewed(func(_ *Patient, views []*node) Finding {
	moves := map[string]string{}
	for _, n := range views {
		addrs := map[string]string{}
		for _, m := range n.view.members.value {
			addrs[m.id] = m.addr
		}
		for _, m := range n.view.members.value {
			for _, word := range m.moves {
				if slot, to, ok := strings.Cut(word, "->-"); ok {
					moves[slot] = m.addr + " to " + addrs[to]
				} else if slot, from, ok := strings.Cut(word, "-<-"); ok {
					moves[slot] = addrs[from] + " to " + m.addr
				}
			}
		}
	}
	var evidence []Fact
	var found []string
	for _, slot := range slices.Sorted(maps.Keys(moves)) {
		found = append(found, slot+" from "+moves[slot])
		evidence = append(evidence, Fact{"slot_" + slot, moves[slot]})
	}
	if len(found) > 0 {
		return Warn(plural(len(found), "slot")+" on the move: "+strings.Join(found, ", "), evidence...)
	}
	return Pass("every slot is where it belongs", Fact{"nodes", len(views)})
})

// number is a field of INFO that is one; 0 where it is missing.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
