package redisconn

import (
	"net"
	"sync"
	"time"
)

// dialPause is how long a dial that failed answers for the next ones: at most
// 20 dials a second go to a server that takes none, however many callers there are.
const dialPause = 50 * time.Millisecond

// dialBreaker keeps an outage from becoming a storm of dials. Until the monitor
// has made up its mind every caller would dial, fail within microseconds and
// come again after a backoff of milliseconds: some thousand dials a second from
// two hundred callers. So a failure is repeated, without a dial, to those who
// come within the pause, and then one at a time finds out for the rest.
type dialBreaker struct {
	mu     sync.Mutex
	failed *linkError // of the last dial; nil when it succeeded
	resume time.Time  // when the next may be tried, after one that failed
}

// dialBreakers has a breaker for every address.
type dialBreakers struct{ byAddr sync.Map }

func (b *dialBreakers) of(addr string) *dialBreaker {
	if known, ok := b.byAddr.Load(addr); ok {
		return known.(*dialBreaker)
	}
	known, _ := b.byAddr.LoadOrStore(addr, &dialBreaker{})
	return known.(*dialBreaker)
}

// reset forgets every failure: Redis is known to be back.
func (b *dialBreakers) reset() {
	b.byAddr.Range(func(_, known any) bool {
		known.(*dialBreaker).reset()
		return true
	})
}

// dial opens a connection, or repeats the last failure.
func (b *dialBreaker) dial(open func() (net.Conn, *linkError)) (net.Conn, *linkError) {
	if failed := b.recent(); failed != nil {
		return nil, failed
	}
	conn, failed := open()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed, b.resume = failed, time.Now().Add(dialPause)
	return conn, failed
}

// recent returns the failure to repeat, or nil to whoever may dial.
func (b *dialBreaker) recent() *linkError {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		return nil
	}
	now := time.Now()
	if now.Before(b.resume) {
		return b.failed
	}
	b.resume = now.Add(dialPause) // others wait for what this one finds
	return nil
}

// reset forgets the failure: the server is known to be back.
func (b *dialBreaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = nil
}
