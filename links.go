package redisconn

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// links are the open connections of one generation.
type links struct {
	mu   sync.Mutex // guards open; only opening and closing take it, and whoever cuts
	open map[*link]struct{}
}

func (s *links) add(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*link]struct{}{}
	}
	s.open[l] = struct{}{}
}

func (s *links) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, l)
}

// to returns the connections to a server.
func (s *links) to(addr string) []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*link
	for l := range s.open {
		if l.addr == addr {
			found = append(found, l)
		}
	}
	return found
}

// look notes on which connections a reply is due. To read the clock at every write
// would cost each command; so the age of what is in flight begins at the first look
// that finds it there.
func (s *links) look() {
	now := sinceStart()
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open {
		if !l.written.Load() {
			l.due = 0
		} else if !l.isDue() {
			l.due = now
		}
	}
}

// oldest is how long that reply has been due which is due for longest, the replies
// of commands that wait at the server aside.
func (s *links) oldest() (age time.Duration) {
	now := sinceStart()
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open {
		if !l.patient && l.written.Load() && l.isDue() {
			age = max(age, now-l.due)
		}
	}
	return age
}

// isDue reports whether nothing was heard since an answer was seen to be due.
func (l *link) isDue() bool { return l.due > 0 && time.Duration(l.heard.Load()) <= l.due }

// suspect marks the connections to a server on which a reply is due, because the
// server did not answer a probe. Whatever arrives on one of them clears its mark.
func (s *links) suspect(addr string) {
	for _, l := range s.to(addr) {
		if l.written.Load() {
			l.suspected.Store(true)
		}
	}
}

// cutSilent closes the connections to a server that are marked still, and
// returns how many those were.
func (s *links) cutSilent(addr string, silence time.Duration) int {
	cut := 0
	for _, l := range s.to(addr) {
		if l.suspected.Load() && l.silenced.CompareAndSwap(nil, &silenceError{silence}) {
			closeQuietly(l.Conn)
			cut++
		}
	}
	return cut
}

// cutSilent is [links.cutSilent], and tells of it.
func (c *Client) cutSilent(links *links, addr string, silence time.Duration) {
	if cut := links.cutSilent(addr, silence); cut > 0 {
		c.recorder.record(Event{Kind: EventLinkSilent, Node: addr, Took: silence, Detail: plural(cut, "connection") + " cut"})
	}
}

// cut closes the connections to a server that is found dead while they are not,
// because its process hangs or its packets are lost: the calls that wait for its
// replies would wait until their time is up. It returns how many those were.
func (s *links) cut(addr string) int {
	cut := s.to(addr)
	for _, l := range cut {
		closeQuietly(l.Conn)
	}
	return len(cut)
}

// silenceError is why a connection was cut that its own timeouts leave alone: a
// command may block on it for ever, and a stopped server leaves it open.
type silenceError struct{ silence time.Duration }

func (e *silenceError) Error() string {
	return fmt.Sprintf("nothing was heard for %s, on this connection or by a probe: closed", e.silence.Round(time.Millisecond))
}

// Timeout and Unwrap make it the timeout that it is.
func (e *silenceError) Timeout() bool { return true }
func (e *silenceError) Unwrap() error { return os.ErrDeadlineExceeded }

// keepAliveFor lets the kernel find a peer that is gone without a word, a host or
// a network between that forgot the connection, within silence: it waits half of
// that, then asks three times.
func keepAliveFor(silence time.Duration) net.KeepAliveConfig {
	const probes = 3
	return net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / (2 * probes), Count: probes}
}
