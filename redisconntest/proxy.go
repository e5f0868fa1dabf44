package redisconntest

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// upstreamDialLimit bounds the proxy's own dial.
	upstreamDialLimit = 5 * time.Second

	// drainLimit bounds how long the proxy listens to a side of a link whose other side has gone.
	drainLimit = 5 * time.Second
)

// Proxy is a TCP proxy on a loopback port that understands Redis's protocol, RESP2 and RESP3, and does to it what
// networks and servers do: late replies, lost replies, connections cut before or after a request was executed,
// refusals, silence. Faults are set and cleared while it runs and affect links (client connections) that exist as
// well as new ones.
//
// Faults that strike single requests are laid in the order of the calls, each struck by the first so many requests
// that match it; they return a [Fault] that counts. The others are states of the proxy.
//
// Replies are matched to requests by their order, so faults hit the right command in a pipeline, in a transaction
// and beside push messages. Bytes that are not Redis's protocol, TLS for example, are passed on as they are, with
// the faults that need no understanding.
//
// A Proxy is safe for concurrent use. Everything about it ends with the test.
type Proxy struct {
	t        testing.TB
	network  string // of the upstream
	upstream string
	port     *heldPort
	tls      *tls.Config // terminate TLS, or nil

	ctx    context.Context // ends with the proxy
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu         sync.Mutex
	listener   net.Listener // nil while refusing
	links      map[*link]struct{}
	faults     []*Fault
	delay      time.Duration
	piece      int
	ending     Ending
	blackholed bool
	stats      ProxyStats
}

// ProxyStats are the counters of a [Proxy] since it was made.
type ProxyStats struct {
	Accepted int64            // connections accepted from clients
	Requests int64            // requests received from clients, whatever became of them
	Commands map[string]int64 // the same by command, in lower case

	Forwarded int64 // requests sent on to the server
	Replies   int64 // replies that came from the server, whatever became of them
	Messages  int64 // push and pub/sub messages that came from the server
	Swallowed int64 // requests and replies that vanished in [Proxy.Blackhole]

	DroppedReplies    int64 // strikes of [Proxy.DropReply]
	DroppedRequests   int64 // strikes of [Proxy.DropRequest]
	CutsAfterForward  int64 // strikes of [Proxy.CutAfterForward]
	AnsweredInstead   int64 // strikes of [Proxy.Answer]
	UpstreamDialFails int64 // links cut because the server could not be reached
}

// ProxyOption changes how [NewProxy] makes the proxy.
type ProxyOption func(*Proxy)

// ProxyTLS makes the proxy speak TLS to its clients, with a certificate of this authority for this machine, and
// plain text to the server. That is how to have every fault on a TLS connection.
func ProxyTLS(ca *CA, opts ...CertOption) ProxyOption {
	return func(p *Proxy) {
		p.tls = &tls.Config{
			Certificates: []tls.Certificate{ca.ServerCert(opts...).TLS},
			MinVersion:   tls.VersionTLS12,
		}
	}
}

// NewProxy starts a proxy in front of the server at that address, host:port or the path of a unix socket. The
// server need not run: a link whose server cannot be reached is cut.
func NewProxy(t testing.TB, upstream string, opts ...ProxyOption) *Proxy {
	t.Helper()
	port, err := holdPort(0)
	if err != nil {
		t.Fatalf("redisconntest.NewProxy: no loopback port: %v", err)
	}
	p := &Proxy{t: t, network: "tcp", upstream: upstream, port: port, links: map[*link]struct{}{}}
	if strings.HasPrefix(upstream, "/") {
		p.network = "unix"
	}
	p.stats.Commands = map[string]int64{}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	t.Cleanup(p.close)
	for _, opt := range opts {
		opt(p)
	}
	p.Accept()
	return p
}

// Addr returns the address for clients, "127.0.0.1:port". It never changes.
func (p *Proxy) Addr() string { return p.port.addr() }

// Accept ends [Proxy.Refuse]: the proxy listens again on the same port.
func (p *Proxy) Accept() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.ctx.Err() != nil {
		return
	}
	listener, err := net.Listen("tcp", p.Addr())
	if err != nil {
		p.t.Errorf("Proxy.Accept: %v", err)
		return
	}
	p.listener = listener
	p.work.Go(func() { p.acceptFrom(listener) })
}

// Refuse makes the kernel refuse new connections, as on a host where nothing listens, and cuts all links.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	listener := p.listener
	p.listener = nil
	p.mu.Unlock()
	if listener != nil {
		_ = listener.Close() // fails only when it is closed already
	}
	p.CutAll()
}

// Blackhole makes the proxy accept connections, read everything and do nothing: no request reaches the server, no
// reply the client, no link is closed from this side. Links that exist hang as well.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackholed = true
}

// Restore ends [Proxy.Blackhole]. Links that lost bytes in it, or were accepted in it, are cut, as by a peer that has
// forgotten them: passing later bytes on would hand requests the replies of others.
func (p *Proxy) Restore() {
	p.mu.Lock()
	p.blackholed = false
	var lost []*link
	for l := range p.links {
		if l.lostBytes {
			lost = append(lost, l)
		}
	}
	p.mu.Unlock()
	for _, l := range lost {
		l.cut(Reset)
	}
}

// Delay makes every reply and message reach the client that much later than it came from the server. Each is late
// by the same time, so the replies to a pipeline are late together, not one after the other. Zero ends the delay
// for what comes from now on.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Slice makes the proxy write replies in pieces of n bytes, with a pause of up to a millisecond between two pieces so
// that the client's kernel rarely joins them again. After 200 pieces of a reply the rest follows without pauses, so
// no reply takes much longer than 200 ms. Zero ends it.
func (p *Proxy) Slice(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.piece = n
}

// Ending is how a connection comes to its end.
type Ending int

const (
	Reset  Ending = iota // RST: what a crashed host or a firewall sends; reads and writes fail with ECONNRESET
	Finish               // FIN: what an orderly close sends; reads see the end of the stream (EOF)
)

// CutWith sets how faults cut links from now on. A new proxy cuts with [Reset].
func (p *Proxy) CutWith(ending Ending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = ending
}

// CutAll cuts every link.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	ending, links := p.ending, maps.Clone(p.links)
	p.mu.Unlock()
	for l := range links {
		l.cut(ending)
	}
}

// Clear ends every fault: those that strike requests, delay, slices, the black hole and refusing.
func (p *Proxy) Clear() {
	p.t.Helper()
	p.mu.Lock()
	p.faults, p.delay, p.piece = nil, 0, 0
	p.mu.Unlock()
	p.Restore()
	p.Accept()
}

// Links returns the number of links that are open on the client's side.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := 0
	for l := range p.links {
		if !l.isCut() {
			open++
		}
	}
	return open
}

// Accepted returns the number of connections ever accepted.
func (p *Proxy) Accepted() int64 { return p.Stats().Accepted }

// Stats returns the counters.
func (p *Proxy) Stats() ProxyStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Commands = maps.Clone(stats.Commands)
	return stats
}

// Settle waits until the server has replied to everything that was forwarded to it, also for clients that have gone
// since, and reports whether that was so within the limit. Look at the server's data after it: then no request is
// still on its way.
func (p *Proxy) Settle(limit time.Duration) bool {
	return poll(limit, pollInterval, func() bool {
		p.mu.Lock()
		links := maps.Clone(p.links)
		p.mu.Unlock()
		for l := range links {
			if l.awaitsReply() {
				return false
			}
		}
		return true
	})
}

// acceptFrom accepts until the listener is closed.
func (p *Proxy) acceptFrom(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		l := newLink(p, conn.(*net.TCPConn))
		p.mu.Lock()
		if p.listener != listener { // accepted while Refuse was closing the listener
			p.mu.Unlock()
			l.cut(Reset)
			continue
		}
		p.stats.Accepted++
		p.links[l] = struct{}{}
		inBlackhole := p.blackholed
		l.lostBytes = inBlackhole
		p.mu.Unlock()
		p.work.Go(func() { l.serve(inBlackhole) })
	}
}

// close is the cleanup.
func (p *Proxy) close() {
	p.cancel()
	p.Refuse()
	p.mu.Lock()
	links := maps.Clone(p.links)
	p.mu.Unlock()
	for l := range links {
		l.abandon()
	}
	p.work.Wait()
	p.port.release()
}

// swallows reports whether the link is in the black hole, and remembers that it lost something there.
func (p *Proxy) swallows(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blackholed {
		l.lostBytes = true
		p.stats.Swallowed++
	}
	return p.blackholed
}

// count changes the counters.
func (p *Proxy) count(change func(*ProxyStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

// pieceSize returns in what pieces that many bytes are written.
func (p *Proxy) pieceSize(whole int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.piece > 0 {
		return p.piece
	}
	return max(whole, 1)
}

func (p *Proxy) currentEnding() Ending {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ending
}

// due returns when something that came now is to reach the client.
func (p *Proxy) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.delay)
}
