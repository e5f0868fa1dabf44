package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"

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
		About: "SENTINEL CKQUORUM for every master that the sentinel watches: enough sentinels answer to find the master down, and to elect one of them that fails it over.",
		Cause: "sentinels that are down or cannot reach each other",
		Fix: []Remedy{
			{"see which sentinels this one knows, and which of them it finds down", "{cli} SENTINEL SENTINELS NAME"},
			{"start the missing ones; make a sentinel forget those that are gone for good", "{cli} SENTINEL RESET NAME"},
		},
		Run: checkQuorum,
	},
	{
		ID: idWatched, Layer: LayerTopology, Title: "the masters that the sentinels name are up and can be reached from here", Needs: []string{idAnswer}, Quiet: true,
		About: "A client connects to the address that a sentinel names. It is dialled, and sent nothing.",
		Cause: "a master that is down, or sentinels in a container or behind NAT that name inner addresses",
		Fix: []Remedy{
			{"see what the sentinel names", "{cli} SENTINEL MASTERS"},
			{"have the master announce what clients can reach", "redis-cli -h HOST -p PORT CONFIG SET replica-announce-ip ADDRESS"},
		},
		Run: checkWatched,
	},
	{
		ID: idReplicas, Layer: LayerTopology, Title: "there is a replica to fail over to", Needs: []string{idAnswer}, Quiet: true,
		About: "A master without a replica that is up cannot be failed over, however many sentinels agree.",
		Cause: "replicas that are down or were never there",
		Fix:   []Remedy{{"see the replicas as the sentinel sees them", "{cli} SENTINEL REPLICAS NAME"}},
		Run:   checkReplicas,
	},
}

// watched runs a check for the masters that a sentinel watches.
func (p *Patient) watched(ctx context.Context, run func(masters []map[string]string) Finding) Finding {
	if p.mode(ctx) != modeSentinel {
		return NotNeeded("the address does not lead to a sentinel")
	}
	masters, err := p.listing(ctx, "SENTINEL", "MASTERS")
	switch {
	case err != nil:
		return unanswered("SENTINEL MASTERS", err)
	case len(masters) == 0:
		return Fail(redisconn.ClassConfig, "the sentinel watches nobody").because("a sentinel without sentinel monitor in its configuration").
			mend("make it watch the master", "{cli} SENTINEL MONITOR NAME ADDRESS PORT QUORUM")
	}
	return run(masters)
}

// listing asks a sentinel for a list of things with fields. RESP3 has them as
// maps, RESP2 as lists of names and values.
func (p *Patient) listing(ctx context.Context, words ...any) ([]map[string]string, error) {
	rows, err := p.client.Do(ctx, words...).Slice()
	if err != nil {
		return nil, err
	}
	var list []map[string]string
	for _, row := range rows {
		fields := map[string]string{}
		switch row := row.(type) {
		case map[any]any:
			for key, value := range row {
				fields[fmt.Sprint(key)] = fmt.Sprint(value)
			}
		case []any:
			for i := 0; i+1 < len(row); i += 2 {
				fields[fmt.Sprint(row[i])] = fmt.Sprint(row[i+1])
			}
		}
		list = append(list, fields)
	}
	return list, nil
}

func checkQuorum(ctx context.Context, p *Patient) Finding {
	if q := p.client.Health(ctx).Quorum; q != nil { // a client of a Sentinel deployment asks them all
		return judgeQuorum(*q)
	}
	return p.watched(ctx, func(masters []map[string]string) Finding {
		var evidence []Fact
		for _, master := range masters {
			name := master["name"]
			said, err := p.client.Do(ctx, "SENTINEL", "CKQUORUM", name).Text()
			if err != nil && strings.HasPrefix(err.Error(), "NOQUORUM") {
				return Fail(redisconn.ClassMasterDown, name+": "+err.Error(), Fact{"quorum", master["quorum"]}, Fact{"other_sentinels", master["num-other-sentinels"]})
			}
			if err != nil {
				return unanswered("SENTINEL CKQUORUM", err)
			}
			evidence = append(evidence, Fact{name, said})
		}
		return Pass("the sentinels can agree on a failover of "+plural(len(masters), "master"), evidence...)
	})
}

// judgeQuorum says what the sentinels that answer can still do: Needed of them find
// the master down, and a majority of all elects the one that fails it over.
func judgeQuorum(q redisconn.Quorum) Finding {
	said := fmt.Sprintf("%d of %d sentinels of %s answer, %d must agree that it is down", q.Answering, q.Sentinels, q.Master, q.Needed)
	evidence := []Fact{{"sentinels", q.Sentinels}, {"answering", q.Answering}, {"needed", q.Needed}}
	switch {
	case q.Answering < q.Needed:
		return Fail(redisconn.ClassMasterDown, said, evidence...)
	case q.Answering <= q.Sentinels/2:
		return Fail(redisconn.ClassMasterDown, said+" and a majority has to elect one of them", evidence...)
	case q.Answering < q.Sentinels:
		return Warn(said, evidence...)
	}
	return Pass(said, evidence...)
}

func checkWatched(ctx context.Context, p *Patient) Finding {
	return p.watched(ctx, func(masters []map[string]string) Finding {
		var addrs []string
		for _, master := range masters {
			addrs = append(addrs, net.JoinHostPort(master["ip"], master["port"]))
			if flags := master["flags"]; strings.Contains(flags, "down") {
				return Fail(redisconn.ClassMasterDown, master["name"]+" at "+addrs[len(addrs)-1]+" is down for the sentinels", Fact{"flags", flags})
			}
		}
		return p.judgeAnnounced(ctx, addrs)
	})
}

func checkReplicas(ctx context.Context, p *Patient) Finding {
	return p.watched(ctx, func(masters []map[string]string) Finding {
		var evidence []Fact
		for _, master := range masters {
			name, up := master["name"], 0
			replicas, err := p.listing(ctx, "SENTINEL", "REPLICAS", name)
			if err != nil {
				return unanswered("SENTINEL REPLICAS", err)
			}
			for _, replica := range replicas {
				if flags := replica["flags"]; !strings.Contains(flags, "down") && !strings.Contains(flags, "disconnected") {
					up++
				}
			}
			if up == 0 {
				return Warn(fmt.Sprintf("%s has %s, and none is up", name, plural(len(replicas), "replica")), Fact{name, 0})
			}
			evidence = append(evidence, Fact{name, up})
		}
		return Pass("every master has a replica to fail over to", evidence...)
	})
}
