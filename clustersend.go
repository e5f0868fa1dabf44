package redisconn

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// placed is a command that goes to the master of a slot, or to a node, whatever
// its keys say: one of the parts that a command for several nodes is made of.
type placed struct {
	redis.Cmder
	slot int
	addr string // "" for the master of the slot
}

// destination is where a command belongs; a read may go to a replica.
func (cl *cluster) destination(cmd redis.Cmder, replicas bool) (slot int, node *clusterNode, err error) {
	if p, ok := cmd.(*placed); ok {
		if p.addr != "" {
			return p.slot, cl.at(p.addr), nil
		}
		node, err = cl.route(p.slot, nil)
		return p.slot, node, err
	}
	slot, crossed := slotOfArgs(cmd.Args())
	switch {
	case crossed:
		return slot, nil, crossSlot(keysOf(cmd))
	case slot == noSlot && cmd.Name() == "scan":
		return slot, nil, errScan
	}
	args := cmd.Args()
	if !replicas {
		args = nil
	}
	node, err = cl.route(slot, args)
	return slot, node, err
}

// process makes one attempt to carry a command to its node, and on to another
// one where that sends it.
func (cl *cluster) process(ctx context.Context, cmd redis.Cmder, by nodeWay) error {
	news := cl.breaking()
	slot, node, err := cl.destination(cmd, true)
	if err != nil {
		return cl.lost(err, news)
	}
	asking := false
	for hops := 0; ; hops++ {
		err := node.process(ctx, cmd, by, asking, news)
		to, sent := redirectionOf(err, slot, node.addr)
		switch {
		case !sent && answers(cmd, err):
			return err
		case !sent:
			return node.failed(err, news)
		case hops == maxRedirections:
			return node.failed(&strayError{hops, err}, news)
		}
		node, asking = cl.follow(to), to.ask
	}
}

// follow is the node that a redirection names.
func (cl *cluster) follow(to redirection) *clusterNode {
	if !to.ask {
		cl.misled(to.from)
	}
	return cl.at(to.addr)
}

// lost is the error of a command that has no node to go to.
func (cl *cluster) lost(err error, news <-chan struct{}) error {
	var unserved *unservedError
	if errors.As(err, &unserved) {
		cl.misled("")
		return &nodeError{err: err, news: news}
	}
	return err
}

// failed names the node in a failure.
func (n *clusterNode) failed(err error, news <-chan struct{}) error {
	var known *nodeError
	if errors.As(err, &known) {
		return err
	}
	failed := &nodeError{addr: n.addr, err: err}
	switch {
	case errors.Is(err, redis.ErrClosed):
		// The node had left the cluster; the pool says so before it hands out a connection.
		failed.err = &linkError{phase: phaseDial, err: net.ErrClosed}
	case diagnose(err).class == ClassClusterDown:
		failed.news = news
	}
	return failed
}

// known returns the failure of a command that goes to a node known to be dead, nil for one that answers.
func (n *clusterNode) known(news <-chan struct{}) error {
	out := n.dead.Load()
	if out == nil {
		return nil
	}
	return &nodeError{addr: n.addr, err: &linkError{phase: phaseDial, err: out.cause}, news: news, dead: out}
}

// process makes one attempt at this node. With asking the node serves a slot that
// is still being moved to it.
func (n *clusterNode) process(ctx context.Context, cmd redis.Cmder, by nodeWay, asking bool, news <-chan struct{}) error {
	if err := n.known(news); err != nil {
		return err
	}
	journeyOf(ctx).to(n.addr)
	if !asking {
		return by(n, ctx, cmd)
	}
	_, err := exchange(ctx, n.direct, []redis.Cmder{redis.NewStatusCmd(ctx, "asking"), cmd})
	if failed := cmd.Err(); failed != nil {
		err = failed // ASKING itself has no say
	}
	return err
}

// keysOf are the keys that a command names.
func keysOf(cmds ...redis.Cmder) (keys []string) {
	for _, cmd := range cmds {
		for key := range effect.KeysOf(cmd.Args()) {
			keys = append(keys, key)
		}
	}
	return keys
}

// slotOfAll is the slot of everything that commands name. They may name nothing.
func slotOfAll(cmds []redis.Cmder) (slot int, crossed bool) {
	slot = noSlot
	for _, cmd := range cmds {
		next, crosses := slotOfArgs(cmd.Args())
		switch {
		case crosses:
			return slot, true
		case next == noSlot || next == slot:
		case slot != noSlot:
			return slot, true
		default:
			slot = next
		}
	}
	return slot, false
}

// transact makes one attempt at a transaction: it goes to the node of its slot as
// a whole, and on as a whole. See [exchange] for what it returns.
func (cl *cluster) transact(ctx context.Context, cmds []redis.Cmder) (read bool, err error) {
	expectReplies(cmds) // they have none, also where nothing is sent
	slot, crossed := slotOfAll(cmds)
	if crossed {
		return false, crossSlot(keysOf(cmds...))
	}
	news := cl.breaking()
	node, err := cl.route(slot, nil)
	if err != nil {
		return false, cl.lost(err, news)
	}
	asking := false
	for hops := 0; ; hops++ {
		if err := node.known(news); err != nil {
			return false, err
		}
		if read, err = node.transact(ctx, cmds, asking); err == nil {
			return read, nil
		}
		to, sent := sentOn(cmds, read, err, slot, node.addr)
		switch {
		case !sent && isReply(err) && diagnose(err).class != ClassClusterDown:
			return read, err
		case !sent:
			return read, node.failed(err, news)
		case hops == maxRedirections:
			return false, node.failed(&strayError{hops, err}, news)
		}
		node, asking = cl.follow(to), to.ask
	}
}

// sentOn reads a redirection of a transaction: of EXEC, or of a command when it
// was queued, by which EXEC was aborted. Either way nothing was executed.
//
// What a command inside EXEC answered is no redirection, whatever it looks like: a
// script may answer anything.
func sentOn(cmds []redis.Cmder, read bool, err error, slot int, from string) (to redirection, ok bool) {
	if slot == noSlot || !isReply(err) {
		return to, false
	}
	if !read {
		return redirectionOf(err, slot, from)
	}
	aborted := redis.IsExecAbortError(err) || slices.ContainsFunc(cmds, isAborted)
	culprit := findCulprit(cmds)
	if !aborted || culprit == nil {
		return to, false
	}
	return redirectionOf(culprit.err, slot, from)
}

// transact sends a transaction to this node.
func (n *clusterNode) transact(ctx context.Context, cmds []redis.Cmder, asking bool) (read bool, err error) {
	journeyOf(ctx).to(n.addr)
	if !asking {
		return exchangeTx(ctx, n.direct, cmds)
	}
	// Inside MULTI the flag that ASKING sets stays until EXEC, and it must come
	// before MULTI, on the same connection.
	conn := n.direct.Conn()
	defer func() { _ = conn.Close() }() // returns it to the pool
	if err := conn.Process(ctx, redis.NewStatusCmd(ctx, "asking")); err != nil {
		expectReplies(cmds)
		return assignReplies(cmds, err), err
	}
	return through(ctx, conn.TxPipeline(), cmds, cmds...)
}

// watch runs fn with keys watched at the node that serves them.
func (cl *cluster) watch(ctx context.Context, fn func(*redis.Tx) error, keys []string, begun func() bool) error {
	slots := slotsOf(keys)
	if len(slots) > 1 {
		return crossSlot(keys)
	}
	slot := noSlot
	if len(slots) == 1 {
		slot = slots[0]
	}
	news := cl.breaking()
	node, err := cl.route(slot, nil)
	if err != nil {
		return cl.lost(err, news)
	}
	for hops := 0; ; hops++ {
		if err := node.known(news); err != nil {
			return err
		}
		err := node.direct.Watch(ctx, fn)
		to, sent := redirectionOf(err, slot, node.addr)
		switch {
		case begun() || !sent && isAnswer(err):
			return err
		case !sent:
			return node.failed(err, news)
		case hops == maxRedirections, to.ask:
			// A watch would need ASKING before each of its commands: it waits for
			// the move to end instead.
			return node.failed(&strayError{hops, err}, news)
		}
		node = cl.follow(to)
	}
}
