package redisconntest

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
)

// Always, in place of a number of times, makes a fault strike until it is cleared.
const Always = -1

// Fault is something a [Proxy] does to single requests.
type Fault struct {
	p     *Proxy
	kind  faultKind
	match Matcher
	reply []byte // of Answer
	total int    // strikes asked for; negative: no end
	done  chan struct{}

	// Guarded by the proxy's lock.
	left int // strikes to come
	hits int // strikes done
}

type faultKind int

const (
	dropReply faultKind = iota
	cutAfterForward
	dropRequest
	answer
)

// DropReply lets the next n matching requests be executed and then loses the reply and the link: the reply never
// leaves the proxy, the client's connection is cut in its place. Earlier replies on the link are delivered first,
// later ones are lost with it. To the client the outcome is unknown; on the server it is done.
func (p *Proxy) DropReply(match Matcher, n int) *Fault {
	return p.lay(&Fault{kind: dropReply, match: match, total: n})
}

// CutAfterForward cuts the link as soon as one of the next n matching requests has been sent to the server, without
// waiting for anything. The server executes it and all before it on the link, usually a moment after the client has
// seen the cut; [Proxy.Settle] waits for that. Nothing behind it reaches the server.
func (p *Proxy) CutAfterForward(match Matcher, n int) *Fault {
	return p.lay(&Fault{kind: cutAfterForward, match: match, total: n})
}

// DropRequest loses the next n matching requests before they reach the server, and the link with them: neither such
// a request nor anything behind it on the link is executed. Replies to earlier requests are delivered first.
func (p *Proxy) DropRequest(match Matcher, n int) *Fault {
	return p.lay(&Fault{kind: dropRequest, match: match, total: n})
}

// Answer gives this reply to the next n matching requests, in order, and does not forward them. The reply is one
// complete RESP value; the last line end may be left out: [Loading], "-ERR no", "+OK", "$2\r\nhi". Anything else
// fails the test.
//
// In a transaction it is as with a real server: a refused command makes EXEC fail with EXECABORT and discard the
// rest, and an answer to EXEC itself discards all. MULTI is never answered, because no state of a server refuses
// it, and what follows would be executed at once.
func (p *Proxy) Answer(match Matcher, n int, reply string) *Fault {
	p.t.Helper()
	raw := []byte(strings.TrimSuffix(reply, "\r\n") + "\r\n")
	if whole, err := readReply(bufio.NewReader(bytes.NewReader(raw))); err != nil || len(whole) != len(raw) {
		p.t.Fatalf("Proxy.Answer: %q is not one complete RESP value, like %q", reply, Loading)
	}
	notMulti := func(args []string) bool { return !strings.EqualFold(args[0], "multi") && match(args) }
	return p.lay(&Fault{kind: answer, match: notMulti, total: n, reply: raw})
}

func (p *Proxy) lay(f *Fault) *Fault {
	f.p, f.left, f.done = p, f.total, make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
	return f
}

// Hits returns how often the fault has struck. A strike is counted before the client can see it, and after the server
// has replied (DropReply) or was sent the request (CutAfterForward).
func (f *Fault) Hits() int {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	return f.hits
}

// Done returns a channel that is closed when the fault has struck as often as it was to. It stays open for a fault
// that was cleared before.
func (f *Fault) Done() <-chan struct{} { return f.done }

// Clear ends the fault.
func (f *Fault) Clear() {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	f.p.faults = slices.DeleteFunc(f.p.faults, func(other *Fault) bool { return other == f })
}

// strike returns the first fault of these kinds that the request trips, or nil. The caller does what the fault says
// and then calls struck.
func (p *Proxy) strike(args []string, kinds ...faultKind) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.faults {
		if f.left == 0 || !slices.Contains(kinds, f.kind) || !f.match(args) {
			continue
		}
		if f.left > 0 {
			if f.left--; f.left == 0 {
				p.faults = slices.Delete(p.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// struck counts a strike that has happened.
func (f *Fault) struck() {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	switch f.kind {
	case dropReply:
		f.p.stats.DroppedReplies++
	case cutAfterForward:
		f.p.stats.CutsAfterForward++
	case dropRequest:
		f.p.stats.DroppedRequests++
	case answer:
		f.p.stats.AnsweredInstead++
	}
	f.hits++
	if f.hits == f.total {
		close(f.done)
	}
}
