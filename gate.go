package redisconn

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// gate admits calls up to a bound, counts those in flight and, while Redis is
// down, is where they wait.
type gate struct {
	tally // the calls in flight
	// commands counts what was admitted. It is here because it changes with the
	// tally: in one cache line, which a processor has to take from the other once.
	commands atomic.Int64
	// outage is not nil while there is nothing to send to.
	outage atomic.Pointer[outage]
	// givenUp is closed when a shutdown stops waiting: those who wait at the gate go.
	givenUp chan struct{}
	_       [16]byte // the rest of the line belongs to nobody else
}

// outage is a stretch of time in which commands have nowhere to go.
type outage struct {
	cause   error         // what began it
	since   time.Time     // when
	waiting bool          // whether calls may wait for its end: not before Connect
	over    chan struct{} // closed at its end
}

func newGate(most int) *gate {
	g := &gate{tally: newTally(int64(most)), givenUp: make(chan struct{})}
	g.outage.Store(&outage{cause: errNeverConnected, since: time.Now(), over: make(chan struct{})})
	return g
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
