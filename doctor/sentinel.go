package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

const (
	idQuorum   = "RC-P020"
	idWatched  = "RC-P021"
	idReplicas = "RC-P022"
)

var sentinelChecks = []Check{
	{
		ID: idQuorum, Layer: LayerTopology, Title: "the sentinels can agree on a failover", Needs: []string{idAnswer},
		About: "How many sentinels answer: enough of them have to find the master down (the quorum), and most of all have to elect the one that fails it over.",
		Cause: "sentinels that are down, or that cannot be reached from here",
		Fix: []Remedy{
			{"ask a sentinel that answers which of the others it finds down", "{sentinel} SENTINEL SENTINELS {master}"},
			{"start the missing ones; make the others forget those that are gone for good", "{sentinel} SENTINEL RESET {master}"},
		},
		Run: checkQuorum,
	},
	{
		ID: idWatched, Layer: LayerTopology, Title: "the nodes that the sentinels name can be reached from here", Needs: []string{idAnswer}, Quiet: true,
		About: "After a failover the client connects to the address of a replica as the sentinels name it. In containers and behind NAT that is often of a network that the client is not in. They are dialled, and sent nothing.",
		Cause: "a node that is down, or nodes in a container or behind NAT that announce their inner addresses",
		Fix: []Remedy{
			{"see what the sentinels name", "{sentinel} SENTINEL REPLICAS {master}"},
			{"have each node announce what clients can reach", "{node} CONFIG SET replica-announce-ip ADDRESS"},
		},
		Run: checkWatched,
	},
	{
		ID: idReplicas, Layer: LayerTopology, Title: "there is a replica to fail over to", Needs: []string{idAnswer}, Quiet: true,
		About: "A master without a replica that follows it cannot be failed over, however many sentinels agree.",
		Cause: "replicas that are down or were never there",
		Fix:   []Remedy{{"see the replicas as the sentinels see them", "{sentinel} SENTINEL REPLICAS {master}"}},
		Run:   checkReplicas,
	},
}

// deploymentPatience is how long a client that is new may take to hear from all sentinels.
const deploymentPatience = 3 * time.Second

// deployment is what the client knows of the nodes. Behind sentinels it asks all
// of them once it is connected, so their word may be a moment late.
func (p *Patient) deployment(ctx context.Context) redisconn.Health {
	ctx, cancel := context.WithTimeout(ctx, deploymentPatience)
	defer cancel()
	health := p.client.Health(ctx)
	for hasSentinels(p.config) && health.Quorum == nil && ctx.Err() == nil {
		<-time.After(10 * time.Millisecond)
		health = p.client.LastHealth()
	}
	return health
}

// watched runs a check of a Sentinel deployment where there is one.
func (p *Patient) watched(ctx context.Context, judge func(redisconn.Health) Finding) Finding {
	if !hasSentinels(p.config) {
		return NotNeeded("there are no sentinels")
	}
	health := p.deployment(ctx)
	if health.Quorum == nil {
		return Skip("the sentinels have not told yet")
	}
	return judge(health)
}

func checkQuorum(ctx context.Context, p *Patient) Finding {
	return p.watched(ctx, func(h redisconn.Health) Finding { return judgeQuorum(*h.Quorum) })
}

// judgeQuorum says what the sentinels that answer can still do.
func judgeQuorum(q redisconn.Quorum) Finding {
	said := fmt.Sprintf("%d of %d sentinels of %s answer, %d must agree that it is down", q.Answering, q.Sentinels, q.Master, q.Needed)
	evidence := []Fact{{"sentinels", q.Sentinels}, {"answering", q.Answering}, {"needed", q.Needed}}
	switch {
	case q.Answering < q.Needed:
		return Fail(redisconn.ClassMasterDown, said, evidence...)
	case q.Answering <= q.Sentinels/2:
		return Fail(redisconn.ClassMasterDown, said+", and most of them must elect one", evidence...)
	case q.Answering < q.Sentinels:
		return Warn(said, evidence...)
	}
	return Pass(said, evidence...)
}

func checkWatched(ctx context.Context, p *Patient) Finding {
	return p.watched(ctx, func(h redisconn.Health) Finding {
		var addrs []string
		for _, node := range h.Nodes {
			addrs = append(addrs, node.Addr)
		}
		addrs = unique(addrs)
		dead, evidence := unreachable(p.reach(ctx, addrs))
		if len(dead) > 0 {
			finding := Fail(redisconn.ClassUnreachable, fmt.Sprintf("%d of %d announced addresses cannot be reached from here: %s", len(dead), len(addrs), strings.Join(dead, ", ")), evidence...).about(dead[0], "")
			if slices.Contains(p.sentinels(), dead[0]) {
				finding = finding.mend("see whether the sentinel answers there", "{node} PING").
					mend("have it announce what clients can reach", "{node} SENTINEL CONFIG SET announce-ip ADDRESS")
			}
			return finding
		}
		return Pass(fmt.Sprintf("all %d announced addresses can be reached from here", len(addrs)), evidence...)
	})
}

func checkReplicas(ctx context.Context, p *Patient) Finding {
	return p.watched(ctx, func(h redisconn.Health) Finding { return judgeReplicas(h.Nodes) })
}

// judgeReplicas says whether there is anybody to take over, by what the sentinels
// tell of the nodes.
func judgeReplicas(nodes []redisconn.NodeHealth) Finding {
	replicas, following := 0, 0
	for _, node := range nodes {
		if node.Role == "replica" {
			replicas++
			if node.Link != "down" {
				following++
			}
		}
	}
	evidence := []Fact{{"replicas", replicas}, {"following", following}}
	switch {
	case replicas == 0:
		return Warn("there is no replica", evidence...)
	case following == 0:
		return Warn("none of "+plural(replicas, "replica")+" follows the master", evidence...)
	}
	return Pass(fmt.Sprintf("%d of %s could take over", following, plural(replicas, "replica")), evidence...)
}
