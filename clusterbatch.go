package redisconn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// errand is a command of a pipeline on its way through a cluster.
type errand struct {
	cmd    redis.Cmder
	order  order
	anyone bool         // any master will do, and all such errands go to the same
	node   *clusterNode // where it goes next; nil: where the table says
	asking bool         // that node serves its slot only for those who ask
	to     redirection  // where that sent it on; without an address: nowhere
	failed failure      // what the last attempt proved, unless it was answered
	maybe  bool         // an earlier attempt left open whether it was applied
	memory
}

// isOpen reports whether nothing that the cluster said settles the errand.
func (e *errand) isOpen() bool { return isOpen(e.cmd) }

// isSentOn reports whether a node said that the errand belongs to another.
func (e *errand) isSentOn() bool { return e.to.addr != "" }

// refuse gives the errand an error that no server sent.
func (e *errand) refuse(err error) {
	e.cmd.SetErr(err)
	e.to, e.failed = redirection{}, diagnose(err)
}

// order is what commands of a pipeline have in common that are kept in the order
// in which they were queued. Those in different slots go to different nodes at the
// same time, so on a cluster order holds for each key. It is told by the key as
// long as every command of a slot names exactly one and does nothing else;
// otherwise all of the slot is one order.
type order struct {
	slot int
	key  string
}

// newErrands makes the errands of a pipeline, in its order.
func newErrands(cmds []redis.Cmder) []*errand {
	array := make([]errand, len(cmds))
	errands := make([]*errand, len(cmds))
	for i, cmd := range cmds {
		e := &array[i]
		e.cmd = cmd
		if p, ok := cmd.(*placed); ok {
			e.order.slot = p.slot
		} else {
			e.order.slot, _ = slotOfArgs(cmd.Args())
			e.anyone = e.order.slot == noSlot
		}
		errands[i] = e
	}
	return errands
}

// findOrders finds the order of each errand. Only trouble needs to know it.
func findOrders(errands []*errand) {
	simple := map[int]bool{} // whether every command of a slot names one key and does nothing else
	keys := make([]string, len(errands))
	for i, e := range errands {
		named := keysOf(e.cmd)
		one := len(named) == 1 && effectOf(e.cmd) != EffectUnknown
		if one {
			keys[i] = named[0]
		}
		if so, known := simple[e.order.slot]; !known || so {
			simple[e.order.slot] = one
		}
	}
	for i, e := range errands {
		if simple[e.order.slot] {
			e.order.key = keys[i]
		}
	}
}

// byOrder groups errands by their order.
func byOrder(errands []*errand) [][]*errand {
	var groups [][]*errand
	index := map[order]int{}
	for _, e := range errands {
		at, known := index[e.order]
		if !known {
			at = len(groups)
			index[e.order] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], e)
	}
	return groups
}

// tail is the index from which on a condition holds for all errands.
func tail(errands []*errand, holds func(*errand) bool) int {
	first := len(errands)
	for first > 0 && holds(errands[first-1]) {
		first--
	}
	return first
}

// sendClusterPipeline is sendPipeline for a cluster: it sends every node its share
// at the same time, sends on what moved, and sends again what may be.
//
// The reasoning is that of a single connection, for each order by itself. What
// was not executed is sent again, or on, only together with all that stands
// behind it in its order: if one of these was executed it would come after it.
func (c *Client) sendClusterPipeline(ctx context.Context, batch *call, cmds []redis.Cmder) error {
	wire, spreads := c.generation.Load().cluster.spreadAll(ctx, cmds)
	c.sendErrands(ctx, batch, wire)
	for _, s := range spreads {
		s.join()
	}
	return firstError(cmds)
}

func (c *Client) sendErrands(ctx context.Context, batch *call, cmds []redis.Cmder) {
	all := newErrands(cmds)
	// A read behind a write must see it, so reads go to replicas only among themselves.
	replicas := !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return effect.Of(cmd.Args()) != effect.Read })
	for sent := all; ; {
		batch.attempts++
		if c.attempt(ctx, all, sent, replicas) {
			return
		}
		c.remedyErrands(ctx, sent, batch.lastTried())
		var again []*errand
		for _, group := range byOrder(sent) {
			from := tail(group, (*errand).isOpen)
			c.noticedAll(ctx, group)
			c.failErrands(ctx, batch, group[:from])
			open := group[from:]
			first := len(open)
			if !isOver(ctx) && !c.gate.gaveUp() {
				first = c.repeatableErrands(open)
			}
			c.failErrands(ctx, batch, open[:first])
			again = append(again, open[first:]...)
		}
		if sent = again; len(sent) == 0 {
			return
		}
		for _, e := range sent {
			e.maybe = e.maybe || e.failed.applied == AppliedMaybe
			e.node, e.asking = nil, false
		}
		if stop := c.pause(ctx, batch, soonest(sent)); stop != nil {
			for _, e := range sent {
				e.failed = c.stoppedBy(stop, e.failed)
			}
			c.failErrands(ctx, batch, sent)
			return
		}
		batch.tried = time.Now()
	}
}

// attempt sends every node its share of errands and follows where nodes send them
// on. It reports whether all of them were answered; if not, all errands of the
// pipeline have an order.
func (c *Client) attempt(ctx context.Context, all, errands []*errand, replicas bool) (answered bool) {
	g := c.current()
	defer g.users.leave()
	journeyOf(ctx).attempt(RouteDirect, "")
	if g.cluster.sendShares(ctx, errands, replicas) {
		return true
	}
	findOrders(all)
	for hops := 0; ; hops++ {
		var moved []*errand
		for _, group := range byOrder(errands) {
			from := tail(group, (*errand).isSentOn)
			if hops == maxRedirections {
				from = len(group)
			}
			for _, e := range group[:from] {
				if e.isSentOn() {
					e.refuse(&nodeError{addr: e.node.addr, err: &strayError{hops, e.cmd.Err()}})
				}
			}
			moved = append(moved, group[from:]...)
		}
		if errands = moved; len(errands) == 0 {
			return false
		}
		for _, e := range errands {
			e.node, e.asking = g.cluster.follow(e.to), e.to.ask
		}
		g.cluster.sendShares(ctx, errands, replicas)
	}
}

// errStateful: a command changes the connection that it travels on, such as MULTI
// or SELECT, and a pipeline to a cluster travels on many.
var errStateful = errors.New("it changes the connection that it travels on, and a pipeline travels on one to each node of the cluster: use TxPipelined, RunTransaction or Watch")

// sendShares makes one attempt at errands, at all nodes at the same time. It
// reports whether all of them were answered.
func (cl *cluster) sendShares(ctx context.Context, errands []*errand, replicas bool) (answered bool) {
	news := cl.breaking()
	shares := map[*clusterNode][]*errand{}
	var keyless *clusterNode // takes all commands without a key, which keeps them in order
	answered = true
	for _, e := range errands {
		e.to = redirection{}
		if e.node == nil && e.anyone {
			e.node = keyless
		}
		var err error
		if e.node == nil {
			_, e.node, err = cl.destination(e.cmd, replicas)
		}
		if err == nil && isStateful(e.cmd) {
			err = errStateful
		}
		if err != nil {
			e.refuse(cl.lost(err, news))
			answered = false
			continue
		}
		if e.anyone {
			keyless = e.node
		}
		shares[e.node] = append(shares[e.node], e)
	}
	var all sync.WaitGroup
	journeyOf(ctx).to("")
	for node, share := range shares {
		if len(shares) == 1 {
			journeyOf(ctx).to(node.addr)
			node.sendShare(ctx, share, news)
		} else {
			all.Go(func() { node.sendShare(ctx, share, news) })
		}
	}
	all.Wait()
	return answered && !slices.ContainsFunc(errands, func(e *errand) bool { return e.isSentOn() || e.isOpen() })
}

// sendShare sends a node its share and enters what became of each errand.
func (n *clusterNode) sendShare(ctx context.Context, share []*errand, news <-chan struct{}) {
	if err := n.known(news); err != nil {
		for _, e := range share {
			e.refuse(err)
		}
		return
	}
	own, wire := make([]redis.Cmder, 0, len(share)), make([]redis.Cmder, 0, len(share))
	for _, e := range share {
		if e.asking {
			wire = append(wire, redis.NewStatusCmd(ctx, "asking"))
		}
		own, wire = append(own, e.cmd), append(wire, e.cmd)
	}
	if _, err := exchange(ctx, n.direct, wire); err == nil {
		return
	}
	for i, f := range diagnoseEach(own) {
		e := share[i]
		if to, ok := redirectionOf(e.cmd.Err(), e.order.slot, n.addr); ok {
			e.to = to
		} else if e.isOpen() {
			e.refuse(n.failed(e.cmd.Err(), news))
			if f.applied == AppliedMaybe {
				e.failed.applied = AppliedMaybe // by its place in the share
			}
		}
	}
}

// remedyErrands is remedied for each kind of failure among errands.
func (c *Client) remedyErrands(ctx context.Context, errands []*errand, attempted time.Time) {
	mended := map[Class]bool{}
	for _, e := range errands {
		if !e.isOpen() {
			continue
		}
		class := e.failed.class
		if _, known := mended[class]; !known {
			mended[class] = c.remedied(ctx, e.failed, attempted)
		}
		e.failed.mended = mended[class]
	}
}

// noticedAll tells the monitor of the failures among errands, and finds out what
// of each is to be told.
func (c *Client) noticedAll(ctx context.Context, errands []*errand) {
	for _, e := range errands {
		if e.isOpen() {
			c.noticed(e.failed)
			e.failed = e.telling(ctx, e.failed)
		}
	}
}

// repeatableErrands is the index from which on the open errands of an order may
// be sent again; see [Client.repeatable].
func (c *Client) repeatableErrands(open []*errand) int {
	cmds, failures := make([]redis.Cmder, len(open)), make([]failure, len(open))
	for i, e := range open {
		cmds[i], failures[i] = e.cmd, e.failed
	}
	return c.repeatable(nil, cmds, failures)
}

// failErrands gives errands without an answer errors of their own.
func (c *Client) failErrands(ctx context.Context, batch *call, errands []*errand) {
	cmds, failures := make([]redis.Cmder, len(errands)), make([]failure, len(errands))
	for i, e := range errands {
		cmds[i], failures[i] = e.cmd, e.failed
		if e.maybe {
			failures[i].applied = AppliedMaybe
		}
	}
	c.failEach(ctx, batch, cmds, failures)
}

// soonest is the failure by which to decide how long to wait before the next
// attempt: one that does not wait for news of the cluster, if there is one, so
// that a dead shard holds up nothing else.
func soonest(errands []*errand) failure {
	for _, e := range errands {
		if awaitsNews(e.failed) == nil {
			return e.failed
		}
	}
	return errands[0].failed
}

// awaitsNews returns the node that failed where only a change of the cluster can
// help; nil elsewhere, as where the next attempt is made with other credentials.
func awaitsNews(f failure) *nodeError {
	var at *nodeError
	if f.mended || !errors.As(f.err, &at) || at.news == nil {
		return nil
	}
	return at
}
