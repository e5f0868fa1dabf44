package redisconn

import (
	"sync/atomic"
	"time"
)

// deadlineGrain is how much later than it was asked for a deadline on a socket may
// be. Calls that follow each other then have the same one, and need not set it: the
// driver sets three for a call, each of which costs the runtime as much as an
// allocation and a timer that has to be moved.
const deadlineGrain = time.Millisecond

// socketDeadline is a deadline that a socket has: that of its reads or its writes.
type socketDeadline struct {
	at atomic.Int64 // in Unix nanoseconds; 0 for none, or for one that is not known
}

// set returns the deadline to set for t, or that the socket has it already.
func (d *socketDeadline) set(t time.Time) (rounded time.Time, has bool) {
	if t.IsZero() {
		d.at.Store(0)
		return t, false
	}
	asked := t.UnixNano()
	at := asked - asked%int64(deadlineGrain) + int64(deadlineGrain)
	if d.at.Load() == at {
		return t, true
	}
	d.at.Store(at)
	return t.Add(time.Duration(at - asked)), false
}

// isAhead reports whether there is a deadline, and it has not passed.
func (d *socketDeadline) isAhead(now time.Time) bool { return d.at.Load() > now.UnixNano() }
