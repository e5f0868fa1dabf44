package redisconn

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// gate admits calls, counts those in flight and, while Redis is down, is where
// they wait. Admission and count are one word, so a call costs one atomic
// addition on its way in and one on its way out.
type gate struct {
	// word is the number of calls in flight; its sign bit says the gate is shut.
	word atomic.Int64
	// outage is not nil while there is nothing to send to.
	outage atomic.Pointer[outage]
	// emptied receives when the last call has left a shut gate.
	emptied chan struct{}
	// givenUp is closed when a shutdown stops waiting: those who wait at the gate go.
	givenUp chan struct{}
}

// outage is a stretch of time in which commands have nowhere to go.
type outage struct {
	cause   error         // what began it
	since   time.Time     // when
	waiting bool          // whether calls may wait for its end: not before Connect
	over    chan struct{} // closed at its end
}

const gateShut = math.MinInt64

func newGate() *gate {
	g := &gate{emptied: make(chan struct{}, 1), givenUp: make(chan struct{})}
	g.outage.Store(&outage{cause: errNeverConnected, since: time.Now(), over: make(chan struct{})})
	return g
}

// enter admits a call, or refuses it when the gate is shut.
func (g *gate) enter() bool {
	if g.word.Add(1) > 0 {
		return true
	}
	g.depart()
	return false
}

// leave ends an admitted call.
func (g *gate) leave() {
	g.depart()
}

// depart takes one off the count. A refused call passes here as well: it may
// have hidden that the count had reached zero.
func (g *gate) depart() {
	if g.word.Add(-1) == gateShut {
		g.tellEmpty()
	}
}

// tellEmpty tells that the shut gate is empty. Several may find out at the same
// time: whoever shut it, the last call to leave, a call that was refused meanwhile.
func (g *gate) tellEmpty() {
	select {
	case g.emptied <- struct{}{}:
	default: // it is known already
	}
}

// inFlight is the number of admitted calls.
func (g *gate) inFlight() int64 { return g.word.Load() &^ gateShut }

// shut refuses new calls from now on and returns how many are in flight. It is called once.
func (g *gate) shut() int64 {
	inFlight := g.word.Or(gateShut)
	if inFlight == 0 {
		g.tellEmpty()
	}
	return inFlight
}

// close makes calls wait for what cause describes to pass, or fail when waiting
// is false. A new cause does not begin a new outage.
func (g *gate) close(cause error, waiting bool) {
	since := time.Now()
	if old := g.outage.Load(); old != nil {
		since = old.since
	}
	g.replace(&outage{cause: cause, since: since, waiting: waiting, over: make(chan struct{})})
}

// open ends the outage and lets those who wait go on.
func (g *gate) open() { g.replace(nil) }

// replace wakes those who wait for the old outage to look at what there is now.
func (g *gate) replace(next *outage) {
	if old := g.outage.Swap(next); old != nil {
		close(old.over)
	}
}

// awaitEmpty waits until the last call has left the shut gate and reports
// whether it did before ctx ended.
func (g *gate) awaitEmpty(ctx context.Context) bool {
	select {
	case <-g.emptied:
		return true
	default:
	}
	select {
	case <-g.emptied:
		return true
	case <-ctx.Done():
		return false
	}
}

// giveUp sends away those who wait at the gate. It is called once.
func (g *gate) giveUp() { close(g.givenUp) }

// gaveUp reports whether a shutdown has stopped waiting.
func (g *gate) gaveUp() bool {
	select {
	case <-g.givenUp:
		return true
	default:
		return false
	}
}

// await waits for the end of an outage, inside the caller's own budget.
func (g *gate) await(ctx context.Context, failFast bool) error {
	for {
		out := g.outage.Load()
		if out == nil {
			return nil
		}
		if failFast || !out.waiting {
			return &outageError{out}
		}
		select {
		case <-out.over:
		case <-ctx.Done():
			return &outageError{out}
		case <-g.givenUp:
			return ErrClosed
		}
	}
}

// outageError is why a call did not get past the gate.
type outageError struct{ outage *outage }

func (e *outageError) Error() string {
	var failed *ConnectError
	if !errors.As(e.outage.cause, &failed) {
		return e.outage.cause.Error() // nothing has failed yet
	}
	return "down for " + time.Since(e.outage.since).Round(time.Millisecond).String() + ": " + failed.brief()
}
func (e *outageError) Unwrap() error { return e.outage.cause }
