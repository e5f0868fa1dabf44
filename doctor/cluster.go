package doctor

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	idSlots     = "RC-P010"
	idClustered = "RC-P011"
	idAnnounced = "RC-P012"
)

// slotsOfCluster is how many hash slots there are, by the cluster specification.
const slotsOfCluster = 16384

var clusterChecks = []Check{
	{
		ID: idSlots, Layer: LayerTopology, Title: "the cluster serves all slots", Needs: []string{idAnswer},
		About: "CLUSTER INFO of the node that the address leads to: its state, and how many of the 16384 slots somebody serves.",
		Cause: "a shard that is down without a replica to take over, slots that were never assigned, a migration that was broken off",
		Fix: []Remedy{
			{"see what is wrong with which slots", "{cli} --cluster check {addr}"},
			{"bring the shard's nodes back; if they are lost for good, assign their slots anew", "{cli} --cluster fix {addr}"},
		},
		Run: checkSlots,
	},
	{
		ID: idClustered, Layer: LayerTopology, Title: "no node of the cluster has failed", Needs: []string{idAnswer}, Quiet: true,
		About: "CLUSTER NODES: what the nodes think of each other.",
		Cause: "a node that is down or cut off from the others: their bus is the port plus 10000",
		Fix: []Remedy{
			{"see what the nodes think of each other", "{cli} CLUSTER NODES"},
			{"remove a node that will not come back", "{cli} --cluster del-node {addr} NODE-ID"},
		},
		Run: checkClusterNodes,
	},
	{
		ID: idAnnounced, Layer: LayerTopology, Title: "the addresses that the cluster announces can be reached from here", Needs: []string{idAnswer}, Quiet: true,
		About: "A client is sent from node to node by the addresses in CLUSTER SLOTS. Behind NAT, in containers and in Kubernetes they are often of a network that the client is not in. They are dialled, and sent nothing.",
		Cause: "a cluster in a container or behind NAT that announces its inner addresses",
		Fix: []Remedy{
			{"see what is announced", "{cli} CLUSTER SLOTS"},
			{"announce what clients can reach, on each node", "redis-cli -h HOST -p PORT CONFIG SET cluster-announce-ip ADDRESS"},
		},
		Run: checkAnnounced,
	},
}

// clustered runs a check of a cluster's where there is one.
func (p *Patient) clustered(ctx context.Context, run func() Finding) Finding {
	if p.mode(ctx) != modeCluster {
		return NotNeeded("there is no cluster")
	}
	return run()
}

func checkSlots(ctx context.Context, p *Patient) Finding {
	return p.clustered(ctx, func() Finding {
		text, err := p.client.ClusterInfo(ctx).Result()
		if err != nil {
			return unanswered("CLUSTER INFO", err)
		}
		fields := map[string]string{}
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			fields[key] = value
		}
		served, err := strconv.Atoi(fields["cluster_slots_ok"])
		if err != nil {
			return Fail(redisconn.ClassProtocol, "CLUSTER INFO does not say how many slots are served")
		}
		evidence := []Fact{
			{"state", fields["cluster_state"]}, {"slots_served", served}, {"slots_assigned", fields["cluster_slots_assigned"]},
			{"nodes", fields["cluster_known_nodes"]}, {"shards", fields["cluster_size"]},
		}
		switch {
		case served < slotsOfCluster:
			return Fail(redisconn.ClassClusterDown, fmt.Sprintf("%d of %d slots are not served", slotsOfCluster-served, slotsOfCluster), evidence...)
		case fields["cluster_state"] != "ok":
			return Fail(redisconn.ClassClusterDown, "the cluster's state is "+fields["cluster_state"], evidence...)
		}
		return Pass(fmt.Sprintf("%d of %d slots are served, by %s", served, slotsOfCluster, plural(number(fields["cluster_size"]), "shard")), evidence...)
	})
}

func checkClusterNodes(ctx context.Context, p *Patient) Finding {
	return p.clustered(ctx, func() Finding {
		text, err := p.client.ClusterNodes(ctx).Result()
		if err != nil {
			return unanswered("CLUSTER NODES", err)
		}
		var bad []string
		nodes := 0
		for line := range strings.Lines(text) {
			words := strings.Fields(line) // id ip:port@bus[,name] flags master ping pong epoch link slots...
			if len(words) < 8 {
				continue
			}
			nodes++
			addr, _, _ := strings.Cut(words[1], "@")
			for flag := range strings.SplitSeq(words[2], ",") {
				switch flag {
				case "fail", "fail?", "noaddr", "handshake":
					bad = append(bad, addr+" ("+flag+")")
				}
			}
		}
		if len(bad) > 0 {
			return Warn(fmt.Sprintf("%d of %d nodes: %s", len(bad), nodes, strings.Join(bad, ", ")), Fact{"nodes", nodes})
		}
		return Pass(fmt.Sprintf("all %d nodes are well with each other", nodes), Fact{"nodes", nodes})
	})
}

func checkAnnounced(ctx context.Context, p *Patient) Finding {
	return p.clustered(ctx, func() Finding {
		slots, err := p.client.ClusterSlots(ctx).Result()
		if err != nil {
			return unanswered("CLUSTER SLOTS", err)
		}
		var addrs []string
		for _, shard := range slots {
			for _, node := range shard.Nodes {
				host, port, err := net.SplitHostPort(node.Addr)
				if err == nil && host == "" { // by the specification: the host that was asked
					host = p.host()
				}
				addrs = append(addrs, net.JoinHostPort(host, port))
			}
		}
		return p.judgeAnnounced(ctx, unique(addrs))
	})
}

// judgeAnnounced dials what a topology announces.
func (p *Patient) judgeAnnounced(ctx context.Context, addrs []string) Finding {
	dead, evidence := unreachable(p.reach(ctx, addrs))
	if len(dead) > 0 {
		return Fail(redisconn.ClassUnreachable, fmt.Sprintf("%d of %d announced addresses cannot be reached from here: %s", len(dead), len(addrs), strings.Join(dead, ", ")), evidence...)
	}
	if len(addrs) == 1 {
		return Pass("the announced address can be reached from here", evidence...)
	}
	return Pass(fmt.Sprintf("all %d announced addresses can be reached from here", len(addrs)), evidence...)
}

// number is a field of INFO that is one; 0 where it is missing.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
