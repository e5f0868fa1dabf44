package redisconn

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// suspicionTimeout bounds a sample of a node while any node is under suspicion,
// unless its answers usually take long: the sooner a dead one is known, the sooner
// its calls go elsewhere.
const suspicionTimeout = 300 * time.Millisecond

// usualTrips is how many times the latency of a PING a sample may take under
// suspicion: a new connection needs about half as many round trips.
const usualTrips = 12

// clusterWatch looks at every node of a cluster for the monitor, whose goroutine
// owns it. It finds the dead, brings back the calls that wait for them, and
// keeps the table of slots up to date.
type clusterWatch struct {
	client  *Client
	target  *target
	cluster *cluster
	policy  HealthConfig
	nodes   map[string]*nodeWatch
	asked   time.Time // when a node was last asked who serves what
	sought  time.Time // when the seeds were last asked for one that answers
	vain    error     // why none did
}

// nodeWatch is what is known of one node. A sample owns it while it is made.
type nodeWatch struct {
	node    *clusterNode
	target  *target
	probe   *probe // nil while there is no connection
	facts   serverFacts
	factsAt time.Time
	state   string // what it says of the cluster: ok or fail
	epoch   string // of the cluster, as it knows it: another one means that slots change hands
	judged  string // the same, when it was last judged

	// calling is an attempt to reach the node again, once it is known to be dead.
	// It has its own time, so that a node that hangs holds up no other.
	calling chan called
	hangUp  context.CancelFunc
	tried   time.Time // when the last attempt to connect began

	misses      int
	missed      time.Time // when the first of them was
	err         error     // of the last sample, nil when it answered
	latency     time.Duration
	lastSuccess time.Time
	served      time.Time // when it last said that the cluster is well
}

// called is what became of an attempt to reach a dead node.
type called struct {
	probe *probe
	facts serverFacts
	err   error
}

func newClusterWatch(c *Client, t *target, p *probe, facts serverFacts) *clusterWatch {
	w := &clusterWatch{client: c, target: t, cluster: t.cluster, policy: t.config.Health, nodes: map[string]*nodeWatch{}, asked: time.Now()}
	w.enlist()
	if n := w.nodes[p.client.Options().Addr]; n != nil {
		n.probe, n.facts, n.factsAt = p, facts, time.Now()
	} else {
		p.close() // the seed is known to the cluster by another address
	}
	return w
}

// enlist follows the table: nodes come and go.
func (w *clusterWatch) enlist() {
	table := w.cluster.table.Load()
	for _, s := range table.shards {
		for _, node := range append([]*clusterNode{s.master}, s.replicas...) {
			if w.nodes[node.addr] == nil {
				w.nodes[node.addr] = &nodeWatch{node: node, target: w.target}
			}
		}
	}
	maps.DeleteFunc(w.nodes, func(_ string, n *nodeWatch) bool {
		gone := !table.has(n.node)
		if gone {
			n.end()
		}
		return gone
	})
}

// look samples every node, at the same time, and draws the conclusions for each.
// The latency is that of the slowest master that answers. The error, when none
// does, is that of one of them.
func (w *clusterWatch) look(ctx context.Context) (time.Duration, error) {
	anxious := w.anxious()
	var all sync.WaitGroup
	for _, n := range w.nodes {
		if n.node.dead.Load() != nil {
			n.callAgain(w.client.life)
			continue
		}
		limit := w.policy.Timeout
		if anxious {
			limit = min(limit, max(suspicionTimeout, usualTrips*n.latency))
		}
		all.Go(func() { n.sample(ctx, limit) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	for _, n := range w.nodes {
		w.judge(n)
	}
	w.refresh(ctx)
	w.cluster.sweep()
	return w.slowest()
}

// slowest is the latency of the slowest master that answers.
func (w *clusterWatch) slowest() (latency time.Duration, err error) {
	answering := false
	for _, s := range w.cluster.table.Load().shards {
		switch n := w.nodes[s.master.addr]; {
		case n.err == nil:
			answering = true
			latency = max(latency, n.latency) // 0 for one that has just been enlisted
		case err == nil:
			err = &nodeError{addr: n.node.addr, err: n.err}
		}
	}
	if answering {
		err = nil
	}
	return latency, err
}

// anxiety is how long a shard that is not served is looked at more often than
// Health.Interval says. A failover is over long before.
const anxiety = time.Minute

// anxious reports whether the next look is to come soon: a node has missed one
// and may be dead, or a shard is not served since a short while.
func (w *clusterWatch) anxious() bool {
	if w == nil {
		return false
	}
	for _, n := range w.nodes {
		if n.err != nil && n.node.dead.Load() == nil {
			return true
		}
	}
	for _, s := range w.cluster.table.Load().shards {
		n, out := w.nodes[s.master.addr], s.master.dead.Load()
		if out != nil && time.Since(out.since) < anxiety || n.state == "fail" && time.Since(n.served) < anxiety {
			return true
		}
	}
	return false
}

// sample makes one probe of the node. As with a single server, a connection that
// breaks proves nothing: a new one has to tell.
func (n *nodeWatch) sample(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if n.probe != nil {
		n.ask(ctx)
		if n.err == nil || diagnose(n.err).class != ClassLost {
			n.count()
			return
		}
	}
	n.drop()
	n.tried = time.Now()
	p, facts, err := n.target.verifyServer(ctx, n.node.addr, nil)
	n.meet(called{p, facts, err})
	if n.err == nil {
		n.ask(ctx)
	}
	n.count()
}

// isVain reports whether an attempt that failed with err a moment ago is not worth
// another one yet: only somebody's intervention can help. The others may go on at
// the pace of the looks.
func isVain(err error, tried time.Time) bool {
	return time.Since(tried) < fatalRecheck && err != nil && diagnose(err).class.Info().Fatal
}

// callAgain tries to reach a dead node. It does not wait for the outcome, which
// is met by one of the next looks.
func (n *nodeWatch) callAgain(life context.Context) {
	if n.calling == nil {
		if isVain(n.err, n.tried) {
			return
		}
		n.tried = time.Now()
		calling := make(chan called, 1)
		ctx, cancel := context.WithCancel(life)
		n.calling, n.hangUp = calling, cancel
		go func() {
			p, facts, err := n.target.verifyServer(ctx, n.node.addr, nil)
			calling <- called{p, facts, err}
		}()
	}
	select {
	case c := <-n.calling:
		n.hangUp()
		n.calling = nil
		n.meet(c)
		n.count()
	default:
	}
}

// meet enters a connection that was verified, or why there is none.
func (n *nodeWatch) meet(c called) {
	if n.err = c.err; c.err == nil {
		n.probe, n.facts, n.factsAt, n.latency = c.probe, c.facts, time.Now(), c.probe.verified
	}
}

// ask sends a PING, and asks the node what it thinks of the cluster.
func (n *nodeWatch) ask(ctx context.Context) {
	latency, err := n.probe.ping(ctx)
	if n.err = err; err != nil {
		n.drop()
		return
	}
	n.latency = latency
	n.probe.renew(ctx, &n.facts, &n.factsAt)
	told := infoFields(redis.NewStringResult(n.probe.client.ClusterInfo(ctx).Result()))
	n.state = told["cluster_state"]
	if epoch := told["cluster_current_epoch"]; epoch != n.epoch {
		n.epoch = epoch
		n.target.cluster.doubt(n.node.addr)
	}
}

// count enters the outcome of a sample.
func (n *nodeWatch) count() {
	if n.err != nil {
		if n.misses++; n.misses == 1 {
			n.missed = time.Now()
		}
		n.state = ""
		return
	}
	n.misses = 0
	n.lastSuccess = time.Now()
	if n.state != "fail" {
		n.served = n.lastSuccess
	}
	n.node.latency.Store(int64(n.latency))
	n.node.lane.noFarther(n.latency)
}

// drop closes the connection.
func (n *nodeWatch) drop() {
	n.probe.close()
	n.probe = nil
}

// end closes the connection, and ends the attempt to open one.
func (n *nodeWatch) end() {
	n.drop()
	if n.calling == nil {
		return
	}
	n.hangUp()
	met := <-n.calling
	met.probe.close()
}

// judge decides whether a node is dead, by the rules for a single server: one
// refusal is proof, silence needs FailAfter misses. The calls that a silent one holds
// are brought back by cutting their connections, and none is sent there until it
// answers again.
func (w *clusterWatch) judge(n *nodeWatch) {
	was := n.node.dead.Load()
	if n.judged != n.state {
		n.judged = n.state
		w.cluster.tell()
	}
	if n.err == nil {
		if was != nil {
			n.node.dead.Store(nil)
			close(was.over)
			w.client.generation.Load().breakers.of(n.node.addr).reset()
			w.cluster.tell()
			w.tell("node answers again after "+time.Since(was.since).Round(time.Millisecond).String(), n.node.addr, "")
		}
		return
	}
	f := diagnose(n.err)
	if was != nil || n.misses < w.policy.FailAfter && !isDecisive(f.class) {
		return
	}
	n.node.dead.Store(&outage{
		cause: &ConnectError{Stage: stageOf(n.err), Addr: n.node.addr, Class: f.class, Attempts: n.misses, Err: cause(n.err)},
		since: time.Now(), waiting: true, over: make(chan struct{}),
	})
	var reply redis.Error
	if !f.class.Info().Fatal && !errors.As(n.err, &reply) { // one that says why answers the calls that it has as well
		links := &w.target.dialer.links
		if !isDecisive(f.class) { // it says nothing; a shard does not wait for Timeouts.Silence
			links.suspect(n.node.addr)
			w.client.cutSilent(links, n.node.addr, time.Since(n.missed))
		}
		links.cut(n.node.addr)
	}
	w.cluster.doubt("")
	w.tell("node is dead: "+f.class.Info().Meaning+": "+peerText(cause(n.err)), n.node.addr, f.class)
}

// tell tells of a change.
func (w *clusterWatch) tell(detail, addr string, class Class) {
	w.client.recorder.record(Event{Kind: EventTopology, Node: addr, Class: class, Detail: detail})
	w.client.log.Warn("redis cluster: "+detail, "node", addr)
}

// refresh asks a node who serves which slots: when something hints at a change,
// at every look, which are bounded; else when what is known has got old.
func (w *clusterWatch) refresh(ctx context.Context) {
	hint := w.cluster.stale.Swap(nil)
	if hint == nil && !w.hasOrphans() && time.Since(w.asked) < w.target.config.Cluster.RefreshInterval {
		return
	}
	before := w.cluster.table.Load().topology
	layout, err := w.ask(ctx, hint)
	if err != nil {
		w.cluster.doubt("") // somebody else may know
		return
	}
	if reflect.DeepEqual(layout, before) {
		return
	}
	w.cluster.adopt(layout)
	w.enlist()
	for _, news := range layout.changes(before) {
		w.tell(news, w.target.addr, "")
	}
	w.client.subscriptions.follow(ctx, before, layout)
}

// hasOrphans reports whether slots have no master that answers.
func (w *clusterWatch) hasOrphans() bool {
	table := w.cluster.table.Load()
	return len(table.uncovered()) > 0 || slices.ContainsFunc(table.shards, func(s *shard) bool { return s.master.dead.Load() != nil })
}

// ask asks a node that answers: one whose shard has lost its master, if there is
// one, because it is the first to know who takes over; else the one that hinted at
// a change; else any.
func (w *clusterWatch) ask(ctx context.Context, hint *string) (*topology, error) {
	var heirs, witness, others []*nodeWatch
	for _, s := range w.cluster.table.Load().shards {
		for i, node := range append([]*clusterNode{s.master}, s.replicas...) {
			switch n := w.nodes[node.addr]; {
			case n.probe == nil:
			case i > 0 && s.master.dead.Load() != nil:
				heirs = append(heirs, n)
			case hint != nil && *hint == node.addr:
				witness = append(witness, n)
			default:
				others = append(others, n)
			}
		}
	}
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	limited, cancel := context.WithTimeout(ctx, w.policy.Timeout)
	defer cancel()
	for _, n := range slices.Concat(heirs, witness, others) {
		if layout, err := n.probe.topology(limited, n.node.addr); err == nil && len(layout.shards) > 0 {
			w.asked = time.Now()
			return layout, nil
		}
	}
	return w.askSeeds(ctx)
}

// close ends the probes.
func (w *clusterWatch) close() {
	if w == nil {
		return
	}
	for _, n := range w.nodes {
		n.end()
	}
}
