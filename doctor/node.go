package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// node is a server that checks ask: the only one, or one of a cluster. What
// several checks ask it is asked once.
type node struct {
	redisconn.NodeHealth // of a cluster's: what the client knows of it
	asks                 redis.Cmdable
	err                  error         // why it cannot be asked
	took                 time.Duration // for its first answer
	view                 view          // of its cluster
	infos                *answer[map[string]string]
	settings             map[string]answer[string]
}

// newNode makes a node that is asked through a client.
func newNode(health redisconn.NodeHealth, asks redis.Cmdable) *node {
	return &node{NodeHealth: health, asks: asks, settings: map[string]answer[string]{}}
}

// visit finds whom to ask, once the client was connected: the server, or every
// node of the cluster. Each node is asked on a connection of the program's own
// kind, to an address that the client lets itself be sent to.
func (p *Patient) visit(ctx context.Context) {
	p.at = newNode(redisconn.NodeHealth{}, p.client)
	cluster, ok := p.client.Unwrap().(*redis.ClusterClient)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(p.options.Timeout, p.config.Timeouts.Dial))
	defer cancel()
	for _, health := range p.client.Health(ctx).Nodes {
		p.nodes = append(p.nodes, newNode(health, p.client))
	}
	// It fails when it knows no nodes; then there are none to visit either.
	_ = cluster.ForEachShard(ctx, func(ctx context.Context, client *redis.Client) error {
		at := slices.IndexFunc(p.nodes, func(n *node) bool { return n.Addr == client.Options().Addr })
		if at >= 0 { // else it joined just now
			p.nodes[at].greet(ctx, client)
		}
		return nil
	})
	for _, n := range p.nodes {
		if n.err == nil {
			p.at = n
			break
		}
	}
}

// greet asks the node whether it is there and how it sees its cluster.
func (n *node) greet(ctx context.Context, client *redis.Client) {
	n.asks = client
	sent := time.Now()
	if n.err = client.Ping(ctx).Err(); n.err != nil {
		return
	}
	n.took = time.Since(sent)
	n.view = viewOf(ctx, client)
}

// everywhere makes a check at each server: at the only one, or at every node of a
// cluster that answers. The worst of what is found is the finding, with the name
// of its node, and its repair leads there.
func everywhere(run func(context.Context, *Patient) Finding) func(context.Context, *Patient) Finding {
	return func(ctx context.Context, p *Patient) Finding {
		nodes := p.answering()
		if len(nodes) == 0 {
			return run(ctx, p)
		}
		home := p.at
		defer func() { p.at = home }()
		var findings []Finding
		for _, n := range nodes {
			p.at = n
			finding := run(ctx, p)
			finding.at = n
			findings = append(findings, finding)
		}
		return worst(findings)
	}
}

// gravity is the order in which outcomes of several nodes count: one that could
// not be asked hides no trouble of another, and one that is well says less.
var gravity = []Outcome{OutcomePass, OutcomeSkip, OutcomeWarn, OutcomeFail}

// worst makes one finding of those at each node.
func worst(findings []Finding) Finding {
	grave := func(f Finding) int { return slices.Index(gravity, f.Outcome) }
	found := slices.MaxFunc(findings, func(a, b Finding) int { return cmp.Compare(grave(a), grave(b)) })
	alike := true
	var others []string
	for _, f := range findings {
		alike = alike && f.Outcome == found.Outcome && f.Detail == found.Detail
		if f.Outcome == found.Outcome && f.at != found.at {
			others = append(others, f.at.Addr)
		}
	}
	switch {
	case alike:
		found.Detail += fmt.Sprintf(" (all %s)", plural(len(findings), "node"))
	case found.Outcome == OutcomePass:
		found.Detail = found.at.Addr + ": " + found.Detail + "; the other nodes are well, too"
	case len(others) > 0:
		found.Detail = found.at.Addr + ": " + found.Detail + "; likewise " + strings.Join(others, ", ")
	default:
		found.Detail = found.at.Addr + ": " + found.Detail
	}
	return found
}

// answering are the nodes of a cluster that can be asked; none where there is no cluster.
func (p *Patient) answering() []*node {
	return slices.DeleteFunc(slices.Clone(p.nodes), func(n *node) bool { return n.err != nil })
}

// deserted is the finding of a check that has nobody to ask, because no node of the
// cluster answers at the address where it is said to be.
func (p *Patient) deserted() Finding {
	root := p.belongs(p.nodes[0])
	return Finding{Outcome: OutcomeSkip, Detail: "no node of the cluster answers, see " + root, blocked: root}
}

// isDeserted reports whether it is so.
func (p *Patient) isDeserted() bool { return len(p.nodes) > 0 && len(p.answering()) == 0 }

// belongs is the check that tells of a node that cannot be asked. One that nobody
// can reach from here while the others find it well announces a wrong address.
func (p *Patient) belongs(n *node) string {
	switch redisconn.ClassOf(n.err) {
	case redisconn.ClassAddress:
		return idAllowed
	case redisconn.ClassRefused, redisconn.ClassUnreachable, redisconn.ClassDNS:
		if !p.missed(n.ID) {
			return idAnnounced
		}
	}
	return idNodes
}
