package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// DialFunc opens a byte stream to an address; network is "tcp" or "unix". TLS
// comes on top of what it returns. It must honour ctx.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer opens the connections of one generation, to whichever of its servers:
// TCP or a unix socket, TLS on top where it was asked for, then a link.
type dialer struct {
	open    DialFunc        // the stream below; net.Dialer's unless the program brought its own
	own     bool            // open is the program's own: names are its business
	tls     *tls.Config     // nil: plaintext; without a server name it is the address's host
	secret  Secret          // that will be sent over the connections
	shown   certificates    // of the servers
	allow   *allowList      // which addresses may be dialled; nil: there is only one, in this process
	place   AddressMap      // where a node's address is reached from here; nil: where it says
	links   links           // that are open
	silence time.Duration   // after which the kernel is to give up a peer
	timeout time.Duration   // for one attempt
	watched bool            // the peer may send something at any time: there is a client-side cache
	life    context.Context // ends with the generation, and every attempt with it
	end     context.CancelFunc
}

// again is a dialer like d that lives within life and has no connections yet.
func (d *dialer) again(life context.Context) *dialer {
	next := &dialer{open: d.open, own: d.own, allow: d.allow, place: d.place, tls: d.tls, secret: d.secret, silence: d.silence, timeout: d.timeout, watched: d.watched}
	next.life, next.end = context.WithCancel(life)
	return next
}

// dial opens one connection to a server and reports each stage on the way.
func (d *dialer) dial(ctx context.Context, addr string, report stageReporter) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	// The driver's pool dials on a context of its own that outlives its Close.
	defer context.AfterFunc(d.life, cancel)()

	if report != nil {
		if err := d.resolve(ctx, addr, report); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	conn, err := d.connect(ctx, addr)
	if err != nil {
		return nil, report.failed(stageOfDial(err), &linkError{phase: phaseDial, err: err})
	}
	if err := limitUnacknowledged(conn, d.silence); err != nil {
		closeQuietly(conn)
		return nil, report.failed(StageDial, &linkError{phase: phaseDial, err: err})
	}
	report.passed(StageDial, began, d.opened(addr))
	if d.tls == nil {
		return d.link(ctx, addr, conn, conn), nil
	}

	began = time.Now()
	secure, err := d.handshake(ctx, addr, conn)
	if err != nil {
		_ = conn.Close() // the handshake's error is the one that matters
		return nil, report.failed(StageTLS, &linkError{phase: phaseDial, err: err})
	}
	state := secure.ConnectionState()
	d.shown.met(addr, state.PeerCertificates[0]) // a server without one does not get through a handshake
	report.passed(StageTLS, began, tls.VersionName(state.Version)+" with "+certificateOf(state))
	return d.link(ctx, addr, secure, conn), nil
}

// connect opens a stream to the place of an address, if this client may go there.
func (d *dialer) connect(ctx context.Context, addr string) (conn net.Conn, err error) {
	if d.allow == nil {
		return d.open(ctx, addressNetwork(addr), addr)
	}
	to, err := d.allow.vet(ctx, d.placeOf(addr))
	if err != nil {
		return nil, err
	}
	for _, place := range to {
		if conn, err = d.open(ctx, addressNetwork(place), place); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// placeOf is where an address is reached from here.
func (d *dialer) placeOf(addr string) string {
	if d.place == nil {
		return addr
	}
	return d.place(addr)
}

// resolve tells what the host's name stands for, where there is a name and it
// is ours to look up. The dial looks it up again: the answer may differ, and only
// it tries them all.
func (d *dialer) resolve(ctx context.Context, addr string, report stageReporter) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || d.own || net.ParseIP(host) != nil {
		return nil
	}
	began := time.Now()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return report.failed(StageResolve, &linkError{phase: phaseDial, err: err})
	}
	report.passed(StageResolve, began, host+" resolves to "+strings.Join(addrs, ", "))
	return nil
}

// stageOfDial is the stage that a failed dial got to.
func stageOfDial(err error) Stage {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return StageResolve
	}
	return StageDial
}

// link makes a link of a connection to a server; raw is what lies below its TLS.
// When the generation ends the connection is cut, whoever holds it: the driver
// closes those in its pool, but not one that is in its handshake, and a
// subscription that is opening one keeps everybody out meanwhile.
func (d *dialer) link(ctx context.Context, addr string, conn, raw net.Conn) net.Conn {
	l := &link{Conn: conn, addr: addr, secret: d.secret, watched: d.watched, patient: ctx.Value(patience{}) != nil, shut: conn.Close}
	cut := sync.OnceValue(raw.Close)
	if d.tls == nil {
		l.shut = cut // whoever comes second is told what the first close said
	}
	untie := context.AfterFunc(d.life, func() { _ = cut() })
	l.release = func() {
		untie()
		d.links.remove(l)
	}
	d.links.add(l)
	return asConn(l)
}

// opened says what was opened. What the program opens by itself only it knows.
func (d *dialer) opened(addr string) string {
	if d.own {
		return "connection to " + addr
	}
	network, without := addressNetwork(addr), ""
	if network == "tcp" && !hasUserTimeout {
		without = ", without TCP_USER_TIMEOUT, which this system does not have"
	}
	return network + " connection to " + addr + without
}

// handshake puts TLS on conn. A peer that speaks plaintext leaves a TLS
// handshake unanswered, so after a short silence it is asked in plaintext, on
// another connection and without a secret, what it is.
func (d *dialer) handshake(ctx context.Context, addr string, conn net.Conn) (*tls.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		select {
		case <-ctx.Done():
		case <-time.After(mismatchPatience):
			if d.speaksPlain(ctx, addr) {
				cancel(&mismatchError{wanted: "TLS", found: "plaintext Redis", fix: "use redis:// (tls.enabled=false) or the server's TLS port"})
			}
		}
	}()
	secure := tls.Client(conn, d.tlsFor(addr))
	err := secure.HandshakeContext(ctx)
	cause := context.Cause(ctx)
	cancel(nil)
	<-asked
	if err == nil {
		return secure, nil
	}
	var mismatch *mismatchError
	if errors.As(cause, &mismatch) {
		return nil, mismatch
	}
	return nil, err
}

// tlsFor is the TLS configuration for a server. Its certificate must carry the
// host of its own address, whichever server was asked for it.
func (d *dialer) tlsFor(addr string) *tls.Config {
	if d.tls.ServerName != "" {
		return d.tls
	}
	own := d.tls.Clone()
	own.ServerName = addressHost(d.placeOf(addr))
	return own
}

// certificateOf says whom the peer's certificate names, and whether that was verified.
func certificateOf(state tls.ConnectionState) string {
	name := subjectOf(state.PeerCertificates[0])
	if len(state.VerifiedChains) == 0 {
		return "an UNVERIFIED certificate for " + name
	}
	return "a verified certificate for " + name
}
