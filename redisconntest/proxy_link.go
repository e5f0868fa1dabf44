package redisconntest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// link is one client connection with its own connection to the server. Three goroutines serve it: serve carries
// requests up, replies carries replies down as far as the outbox, deliver writes them to the client when they are
// due. Whatever ends the client's side, the server's side is then closed for writing and read to its end, so that
// what was forwarded is executed and answered even when nobody waits for it any more.
type link struct {
	p      *Proxy
	tcp    *net.TCPConn
	client net.Conn // tcp, or TLS on top of it
	out    outbox
	gone   chan struct{} // closed when the client's side is cut
	once   sync.Once     // cut

	lostBytes bool // in the black hole; guarded by p.mu

	// What requests() alone uses.
	inMulti  bool // between MULTI and EXEC
	poisoned bool // a command of the transaction was refused here, so EXEC must fail
	replying replyMode

	// mu may be held while p.mu is taken, not the other way round.
	mu       sync.Mutex
	upstream net.Conn
	pending  []*exchange // requests without a reply yet, oldest first
	subs     subscriptions
	pushes   bool // subscriptions are confirmed by push messages: RESP3
	raw      bool // pass bytes, understand nothing
	mute     bool // nothing more reaches the client: it is about to be cut
}

// exchange is a request and what is to come back for it.
type exchange struct {
	args     []string
	local    []byte // the reply, when the request was not forwarded
	instead  []byte // replaces the server's reply
	cut      bool   // the link ends here; the request was not forwarded
	confirms int    // confirmations of a subscription that are still to come; 0: not counted yet
}

func (e *exchange) forwarded() bool { return e.local == nil && !e.cut }

func (e *exchange) subscribes() bool { return subscriptionScope[strings.ToLower(e.args[0])] != "" }

// replyMode is what CLIENT REPLY has set.
type replyMode int

const (
	replyOn replyMode = iota
	replyOff
	replySkip // none to the next request
)

// execAbort is what EXEC says after a queued command was refused.
const execAbort = "-EXECABORT Transaction discarded because of previous errors.\r\n"

func newLink(p *Proxy, conn *net.TCPConn) *link {
	l := &link{p: p, tcp: conn, client: conn, out: newOutbox(), gone: make(chan struct{}), subs: subscriptions{}}
	if p.tls != nil {
		l.client = tls.Server(conn, p.tls)
	}
	return l
}

// serve runs the link from beginning to end. One that was accepted in the black hole never gets further than that.
func (l *link) serve(inBlackhole bool) {
	defer l.p.forget(l)
	defer l.tcp.Close()
	if inBlackhole {
		_, _ = io.Copy(io.Discard, l.tcp) // until the client leaves or Restore cuts the link
		l.cut(Reset)
		return
	}
	dialer := net.Dialer{Timeout: upstreamDialLimit}
	upstream, err := dialer.DialContext(l.p.ctx, l.p.network, l.p.upstream)
	if err != nil {
		l.p.count(func(s *ProxyStats) { s.UpstreamDialFails++ })
		l.cut(Reset)
		return
	}
	defer upstream.Close()
	if !l.attach(upstream) {
		l.cut(Reset)
		return
	}
	l.p.work.Go(l.deliver)
	drained := make(chan struct{})
	l.p.work.Go(func() {
		defer close(drained)
		l.replies(upstream)
	})
	l.requests(upstream)
	l.cut(Finish)
	_ = l.tcp.Close() // so that the client sees the end now, not when the server has replied
	_ = upstream.(interface{ CloseWrite() error }).CloseWrite()
	_ = upstream.SetReadDeadline(time.Now().Add(drainLimit))
	<-drained
}

// attach makes the server's side known to abandon, unless the proxy is closing.
func (l *link) attach(upstream net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upstream = upstream
	return l.p.ctx.Err() == nil
}

// abandon closes both sides at once.
func (l *link) abandon() {
	l.cut(Reset)
	_ = l.tcp.Close() // if it was cut by Finish before and waits for the client
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.upstream != nil {
		_ = l.upstream.Close()
	}
}

// forget takes the link off the proxy's list.
func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// cut ends the client's side, once.
func (l *link) cut(ending Ending) {
	l.once.Do(func() {
		close(l.gone)
		if ending == Reset {
			_ = l.tcp.SetLinger(0) // close(2) then sends RST and drops what is unsent
			_ = l.tcp.Close()
			return
		}
		if secure, ok := l.client.(*tls.Conn); ok {
			_ = secure.CloseWrite()
		}
		// Only half: closing with unread requests in the buffer would send RST. requests() reads on until the client
		// closes, then serve closes the rest.
		_ = l.tcp.CloseWrite()
		_ = l.tcp.SetReadDeadline(time.Now().Add(drainLimit))
	})
}

func (l *link) isCut() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// requests reads from the client until it or the link ends.
func (l *link) requests(upstream net.Conn) {
	r := bufio.NewReaderSize(l.client, 64<<10)
	for {
		raw, args, err := readRequest(r)
		if errors.Is(err, errNotRESP) {
			l.passRaw()
			l.forward(upstream, raw)
			l.pump(r, func(chunk []byte) bool { return l.forward(upstream, chunk) })
			break
		}
		if err != nil {
			return
		}
		if !l.request(upstream, raw, args) {
			break
		}
	}
	_, _ = io.Copy(io.Discard, r) // until the client closes, or the deadline that cut sets
}

// request does with one request what the faults say. It reports whether the link goes on.
func (l *link) request(upstream net.Conn, raw []byte, args []string) bool {
	if l.isCut() {
		return false
	}
	if len(args) == 0 {
		return l.forward(upstream, raw)
	}
	name := strings.ToLower(args[0])
	l.p.count(func(s *ProxyStats) {
		s.Requests++
		s.Commands[name]++
	})
	if l.p.swallows(l) {
		return true
	}
	fault := l.p.strike(args, dropRequest, cutAfterForward, answer)
	if fault == nil {
		return l.send(upstream, raw, args, name)
	}
	// A strike is counted when the server's part of it is done and before the client can see it.
	switch fault.kind {
	case answer:
		fault.struck()
		return l.answer(upstream, fault.reply, args, name)
	case cutAfterForward:
		l.silence() // or a quick server's reply gets through before the cut
		l.send(upstream, raw, args, name)
		fault.struck()
		l.cut(l.p.currentEnding())
	case dropRequest:
		fault.struck()
		l.expect(&exchange{args: args, cut: true})
	}
	return false
}

// silence keeps everything that the server says from now on from the client.
func (l *link) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = true
}

// send forwards a request and expects its reply.
func (l *link) send(upstream net.Conn, raw []byte, args []string, name string) bool {
	reply := &exchange{args: args}
	expected := l.replying == replyOn
	if l.replying == replySkip {
		l.replying = replyOn
	}
	switch name {
	case "multi":
		l.inMulti = true
	case "exec":
		if l.poisoned {
			raw, reply.instead = encodeRequest("DISCARD"), []byte(execAbort)
		}
		l.inMulti, l.poisoned = false, false
	case "discard", "reset":
		l.inMulti, l.poisoned = false, false
	case "sync", "psync": // a replication stream follows, which is no RESP
		l.passRaw()
	case "client":
		if len(args) == 3 && strings.EqualFold(args[1], "reply") {
			switch strings.ToLower(args[2]) {
			case "on":
				l.replying, expected = replyOn, true
			case "off":
				l.replying, expected = replyOff, false
			case "skip":
				l.replying, expected = replySkip, false
			}
		}
	}
	if expected {
		l.expect(reply)
	}
	l.p.count(func(s *ProxyStats) { s.Forwarded++ })
	_, err := upstream.Write(raw)
	return err == nil
}

// answer replies in place of the server.
func (l *link) answer(upstream net.Conn, reply []byte, args []string, name string) bool {
	if !l.inMulti {
		l.expect(&exchange{args: args, local: reply})
		return true
	}
	if name == "exec" || name == "discard" {
		l.inMulti, l.poisoned = false, false
		l.expect(&exchange{args: args, instead: reply})
		_, err := upstream.Write(encodeRequest("DISCARD"))
		return err == nil
	}
	l.poisoned = true
	l.expect(&exchange{args: args, local: reply})
	return true
}

// forward passes bytes on that are not understood.
func (l *link) forward(upstream net.Conn, raw []byte) bool {
	if l.p.swallows(l) {
		return true
	}
	_, err := upstream.Write(raw)
	return err == nil
}

// passRaw ends understanding: from now on bytes are passed as they come.
func (l *link) passRaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw, l.pending = true, nil
}

// pump hands over what can be read until the end or until it is no longer wanted.
func (l *link) pump(r io.Reader, take func(chunk []byte) bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		if n > 0 && !take(buffer[:n]) || err != nil {
			return
		}
	}
}

// expect queues an exchange.
func (l *link) expect(e *exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.raw {
		l.pending = append(l.pending, e)
		l.advance()
	}
}

// advance does what is due without the server. Callers hold l.mu.
func (l *link) advance() {
	for len(l.pending) > 0 && !l.pending[0].forwarded() {
		first := l.pending[0]
		l.pending = l.pending[1:]
		if first.cut {
			l.end(l.p.currentEnding())
			continue
		}
		l.emit(first.local)
	}
}

// emit sends bytes on their way to the client. Callers hold l.mu.
func (l *link) emit(raw []byte) {
	if !l.mute {
		l.out.push(parcel{raw: raw, due: l.p.due()}, l.gone)
	}
}

// end cuts the link behind what is on its way. Callers hold l.mu.
func (l *link) end(ending Ending) {
	if !l.mute {
		l.mute = true
		l.out.push(parcel{ends: true, ending: ending, due: l.p.due()}, l.gone)
	}
}

// awaitsReply reports whether the server still owes a reply.
func (l *link) awaitsReply() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.pending, (*exchange).forwarded)
}
