package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redisconn/redisconn/internal/effect"
)

// cluster is the nodes of a cluster and who of them serves which slots now.
//
// The driver's own cluster client is not on the way of commands. It drops the
// errors of shards when it splits MGET or DEL, sends commands without keys to
// replicas as well, asks for COMMAND on the way of the first one, decides by the
// error alone what to repeat, and does not say which node failed. What is left to
// do here is little: a table of slots over plain driver clients, so that
// everything below a node is what it is for a single server.
type cluster struct {
	config  Config
	makes   func(addr string) *drivers // the driver's clients for a node; set before the first command
	suspect func()                     // asks the monitor for a look
	table   atomic.Pointer[slotTable]
	stale   atomic.Pointer[string] // the node that knows better than the table, or "" for any; nil while nothing hints at that
	turn    atomic.Uint32          // of commands that may go to any master

	mu      sync.Mutex // guards what follows
	nodes   map[string]*clusterNode
	retired map[string]time.Time // nodes that left the table, and when
	news    chan struct{}        // closed when a node comes back or a slot changes hands
	over    bool
}

// clusterNode is a server of a cluster.
type clusterNode struct {
	*drivers
	addr     string
	dead     atomic.Pointer[outage] // what the monitor found; nil while it answers
	latency  atomic.Int64           // of PING, in nanoseconds; 0 while not measured
	inFlight atomic.Int64           // commands that do not wait at the server
}

// slotTable is a topology with its nodes at hand.
type slotTable struct {
	*topology
	shards []*shard
	bySlot [slotCount]*shard // nil where nobody serves
}

// shard is a master with its replicas.
type shard struct {
	name     string
	master   *clusterNode
	replicas []*clusterNode
	turn     atomic.Uint32 // of the replicas, for reads
}

// newCluster makes a cluster of what one of its nodes told. It has no driver
// clients yet.
func newCluster(cfg Config, t *topology, suspect func()) *cluster {
	cl := &cluster{config: cfg, suspect: suspect, nodes: map[string]*clusterNode{}, retired: map[string]time.Time{}, news: make(chan struct{})}
	cl.adopt(t)
	return cl
}

// begin gives every node its driver clients.
func (cl *cluster) begin(makes func(addr string) *drivers) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.makes = makes
	for _, node := range cl.nodes {
		node.drivers = makes(node.addr)
	}
}

// adopt makes a topology the one that commands follow. Nodes that it does not
// have any more are kept for a while: commands are on their way there.
func (cl *cluster) adopt(t *topology) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	table := &slotTable{topology: t}
	listed := map[string]bool{}
	at := func(addr string) *clusterNode {
		listed[addr] = true
		return cl.nodeLocked(addr)
	}
	for _, layout := range t.shards {
		s := &shard{name: layout.name(), master: at(layout.master)}
		for _, addr := range layout.replicas {
			s.replicas = append(s.replicas, at(addr))
		}
		table.shards = append(table.shards, s)
		for _, r := range layout.slots {
			for slot := r.first; slot <= r.last; slot++ {
				table.bySlot[slot] = s
			}
		}
	}
	for addr := range cl.nodes {
		if _, known := cl.retired[addr]; !listed[addr] && !known {
			cl.retired[addr] = time.Now()
		}
	}
	cl.table.Store(table)
	cl.tellLocked()
}

// at returns the node at an address that the cluster named, known or not.
func (cl *cluster) at(addr string) *clusterNode {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.nodeLocked(addr)
}

func (cl *cluster) nodeLocked(addr string) *clusterNode {
	delete(cl.retired, addr)
	node := cl.nodes[addr]
	if node == nil {
		node = &clusterNode{addr: addr}
		if cl.makes != nil {
			node.drivers = cl.makes(addr)
		}
		if cl.over {
			_ = node.close() // whoever uses it is told so
		}
		cl.nodes[addr] = node
	}
	return node
}

// retireAfter is how long a node that left the table is kept. It is longer than
// most commands take, and short enough for a scaled-down cluster to be let go.
const retireAfter = 10 * time.Second

// sweep closes the nodes that left the table long ago. A node that a redirection
// named and that the table never had is among them after as long.
func (cl *cluster) sweep() {
	table := cl.table.Load()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for addr, node := range cl.nodes {
		since, known := cl.retired[addr]
		switch {
		case table.has(node):
		case !known:
			cl.retired[addr] = time.Now()
		case time.Since(since) > retireAfter:
			delete(cl.nodes, addr)
			delete(cl.retired, addr)
			_ = node.close() // nothing is known to be on its way there
		}
	}
}

func (t *slotTable) has(node *clusterNode) bool {
	return slices.ContainsFunc(t.shards, func(s *shard) bool { return s.master == node || slices.Contains(s.replicas, node) })
}

// close closes the connections of every node.
func (cl *cluster) close() error {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.over = true
	var errs []error
	for _, node := range cl.nodes {
		errs = append(errs, node.close())
	}
	return errors.Join(errs...)
}

// breaking returns the channel that the next news closes.
func (cl *cluster) breaking() <-chan struct{} {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.news
}

// tell wakes those who wait for news.
func (cl *cluster) tell() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.tellLocked()
}

func (cl *cluster) tellLocked() {
	close(cl.news)
	cl.news = make(chan struct{})
}

// misled notes that the table is out of date, as a node told, and asks for a look.
func (cl *cluster) misled(by string) {
	cl.doubt(by)
	cl.suspect()
}

// doubt is misled for whoever looks already. The node that told knows better; the
// others may not have heard of it yet.
func (cl *cluster) doubt(by string) { cl.stale.Store(&by) }

// route returns the node that a command for a slot is to be sent to: the master,
// unless the arguments are those of a command that only reads.
func (cl *cluster) route(slot int, args []any) (*clusterNode, error) {
	table := cl.table.Load()
	if slot == noSlot {
		return cl.anyMaster(table)
	}
	s := table.bySlot[slot]
	if s == nil {
		return nil, &unservedError{slot}
	}
	if cl.config.Cluster.ReadFrom == ReadFromMaster || effect.Of(args) != effect.Read {
		return s.master, nil
	}
	return s.reader(cl.config.Cluster.ReadFrom), nil
}

// anyMaster returns one of the masters that answer, in turn; the next one in turn
// when none does.
func (cl *cluster) anyMaster(table *slotTable) (*clusterNode, error) {
	if len(table.shards) == 0 {
		return nil, &unservedError{noSlot}
	}
	turn := int(cl.turn.Add(1) % uint32(len(table.shards)))
	for i := range table.shards {
		if node := table.shards[(turn+i)%len(table.shards)].master; node.dead.Load() == nil {
			return node, nil
		}
	}
	return table.shards[turn].master, nil
}

// reader returns the node of a shard that answers a read.
func (s *shard) reader(from ReadFrom) *clusterNode {
	if from == ReadFromNearest {
		return s.nearest()
	}
	turn := int(s.turn.Add(1) % uint32(max(len(s.replicas), 1)))
	for i := range s.replicas {
		if node := s.replicas[(turn+i)%len(s.replicas)]; node.dead.Load() == nil {
			return node
		}
	}
	if from == ReadFromReplica && len(s.replicas) > 0 {
		return s.replicas[turn]
	}
	return s.master
}

// nearest returns the node of a shard that answers PING fastest. One that was not
// measured yet comes last.
func (s *shard) nearest() *clusterNode {
	best := s.master
	for _, node := range s.replicas {
		if node.dead.Load() == nil && (best.dead.Load() != nil || node.pace() < best.pace()) {
			best = node
		}
	}
	return best
}

func (n *clusterNode) pace() time.Duration {
	if latency := n.latency.Load(); latency > 0 {
		return time.Duration(latency)
	}
	return time.Hour
}

// unservedError: nobody serves a slot.
type unservedError struct{ slot int }

func (e *unservedError) Error() string {
	if e.slot == noSlot {
		return "the cluster has no master that serves slots"
	}
	return fmt.Sprintf("no node serves slot %d", e.slot)
}

// crossSlotError: keys that one command, transaction or watch names are in
// different slots. Nothing was sent.
type crossSlotError struct {
	keys  int
	slots []int
}

func crossSlot(keys []string) *crossSlotError {
	return &crossSlotError{keys: len(keys), slots: slotsOf(keys)}
}

func (e *crossSlotError) Error() string {
	const shown = 5
	ranges, more := slotRanges(e.slots), ""
	if len(ranges) > shown {
		ranges, more = ranges[:shown], " …"
	}
	return fmt.Sprintf("%d keys in %d slots (%s%s)", e.keys, len(e.slots), strings.Join(ranges, ", "), more)
}

// nodeError is a failure together with the node that the command had gone to.
type nodeError struct {
	addr string
	err  error
	// news is closed when there is reason for another attempt, where nothing else
	// than a change of the cluster can be one: the node is dead, or says that the
	// slot is not served.
	news <-chan struct{}
	dead *outage // the node was known to be dead, and nothing was sent
}

func (e *nodeError) Error() string { return e.err.Error() }
func (e *nodeError) Unwrap() error { return e.err }

// pauseForNews is pause where only a change of the cluster can help. It puts no
// load on a node that is dead, so it is not charged to the retry budget, and it
// ends as soon as there is something new; the retry policy's longest pause
// bounds it.
func (c *Client) pauseForNews(ctx context.Context, at *nodeError) error {
	if at.dead != nil && c.config.WhenDown == WhenDownFailFast {
		return &outageError{at.dead}
	}
	c.counts.retries.Add(1)
	timer := time.NewTimer(c.retries.max)
	defer timer.Stop()
	select {
	case <-at.news:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.gate.givenUp:
		return ErrClosed
	}
	return c.gate.await(ctx, c.config.WhenDown == WhenDownFailFast)
}

// knownDead returns why a node that the monitor found dead is not dialled.
func (g *generation) knownDead(addr string) *linkError {
	if g.cluster == nil {
		return nil
	}
	g.cluster.mu.Lock()
	node := g.cluster.nodes[addr]
	g.cluster.mu.Unlock()
	if node != nil { // it may have left the table
		if out := node.dead.Load(); out != nil {
			return &linkError{phase: phaseDial, err: out.cause}
		}
	}
	return nil
}

// use is who holds the connections to the node at an address, or to all nodes
// together where there is none.
func (cl *cluster) use(addr string) PoolUse {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if node := cl.nodes[addr]; node != nil {
		return usedOf(cl.config.Pool.Size, node.direct.PoolStats())
	}
	var sum PoolUse
	for _, node := range cl.nodes {
		use := usedOf(cl.config.Pool.Size, node.direct.PoolStats())
		sum.Size += use.Size
		sum.InUse += use.InUse
		sum.Idle += use.Idle
		sum.Waiting += use.Waiting
	}
	return sum
}

// addTo adds what the routes to every node carry.
func (cl *cluster) addTo(s *RouteStats) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for _, node := range cl.nodes {
		node.drivers.addTo(s)
	}
}

// onCluster reports whether commands go to a cluster.
func (c *Client) onCluster() bool {
	g := c.generation.Load()
	return g != nil && g.cluster != nil
}
