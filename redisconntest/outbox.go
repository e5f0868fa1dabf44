package redisconntest

import (
	"sync"
	"time"
)

// outboxLimit bounds what waits for a slow client, so that a proxy holds back a server as a network does.
const outboxLimit = 16 << 20

// parcel is something on its way to a client: bytes, or the end of the link.
type parcel struct {
	raw    []byte
	ends   bool
	ending Ending
	due    time.Time
}

// outbox keeps parcels in order until they are due.
type outbox struct {
	mu      sync.Mutex
	parcels []parcel
	bytes   int
	filled  chan struct{} // holds a token when there may be something to take
	emptied chan struct{} // holds a token when there may be room
}

func newOutbox() outbox {
	return outbox{filled: make(chan struct{}, 1), emptied: make(chan struct{}, 1)}
}

// push adds a parcel, waiting for room. After gone is closed it drops it.
func (o *outbox) push(p parcel, gone <-chan struct{}) {
	for !o.add(p) {
		select {
		case <-o.emptied:
		case <-gone:
			return
		}
	}
	token(o.filled)
}

// add adds a parcel if there is room. An empty box has room for any.
func (o *outbox) add(p parcel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parcels) > 0 && o.bytes+len(p.raw) > outboxLimit {
		return false
	}
	o.parcels = append(o.parcels, p)
	o.bytes += len(p.raw)
	return true
}

// next returns the oldest parcel when it is due, and false when gone is closed before.
func (o *outbox) next(gone <-chan struct{}) (parcel, bool) {
	for {
		first, wait, found := o.take()
		switch {
		case found && wait <= 0:
			return first, true
		case found:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-gone:
				timer.Stop()
				return parcel{}, false
			}
		default:
			select {
			case <-o.filled:
			case <-gone:
				return parcel{}, false
			}
		}
	}
}

// take removes the oldest parcel if it is due; otherwise it says how long that will be.
func (o *outbox) take() (first parcel, wait time.Duration, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parcels) == 0 {
		return parcel{}, 0, false
	}
	first = o.parcels[0]
	if wait = time.Until(first.due); wait > 0 {
		return parcel{}, wait, true
	}
	o.parcels = o.parcels[1:]
	o.bytes -= len(first.raw)
	token(o.emptied)
	return first, 0, true
}

// token puts a token into a channel that has room for one.
func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
