package redisconn

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redisconn/redisconn/internal/respguard"
)

// phase is how far a connection had come when it failed. It decides what the
// failure proves about the command that met it.
type phase string

const (
	phaseDial      phase = "dial"      // there is no connection
	phaseHandshake phase = "handshake" // the driver introduces itself; no command was written yet
	phaseWrite     phase = "write"     // the kernel did not take the whole command
	phaseRead      phase = "read"      // the command was written, its reply did not come
)

// linkError is a failure of a connection together with its phase.
type linkError struct {
	phase phase
	err   error
	none  bool // of what was to be written nothing was: it proves this of all commands of a batch
	paid  bool // the retry budget was charged for it, once for all commands of a flight
}

func (e *linkError) Error() string { return e.err.Error() }

// Unwrap returns a list because the driver peels one layer off the errors of
// its handshake, and the phase must survive that.
func (e *linkError) Unwrap() []error { return []error{e.err} }

// Timeout and Temporary make it a net.Error, which the driver asks for.
func (e *linkError) Timeout() bool {
	timeout, ok := e.err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}
func (e *linkError) Temporary() bool { return e.Timeout() }

// applied: a command is executed only once its last byte arrived, so a failed
// write proves that it was not. That holds for the last command of a batch only;
// see [Client.sendPipeline].
func (e *linkError) applied() Applied {
	if e.phase == phaseRead {
		return AppliedMaybe
	}
	return AppliedNo
}

func (e *linkError) class() Class {
	if reply, ok := e.err.(lastWords); ok {
		return replyClass(string(reply))
	}
	class := transportClass(e.err)
	if known, ok := e.err.(*ConnectError); ok { // of a node that the monitor found dead
		class = known.Class
	}
	if class == ClassTimeout && e.phase == phaseDial {
		return ClassUnreachable
	}
	return class
}

// link is a net.Conn that knows its phase and bounds what the peer may send.
type link struct {
	net.Conn
	addr        string // of the server
	guard       *respguard.Guard
	handshaking atomic.Bool   // a subscription reads and writes at once
	written     atomic.Bool   // something was, since the peer last sent something
	heard       atomic.Int64  // when the peer last sent something, by sinceStart
	patient     bool          // of the blocking route: its answer may take as long as it likes
	due         time.Duration // when an answer was first seen to be due, by sinceStart; 0 for none. The set of links guards it
	suspected   atomic.Bool   // an answer was due when a probe went unanswered, and nothing was read since
	silenced    atomic.Pointer[silenceError]
	readBy      socketDeadline // until when the socket waits for something to read
	writeBy     socketDeadline // and until when for what is written to be taken
	watched     bool           // pushes may come at any time, so the socket is always to be looked at
	refusal     lastWords      // an error reply to the handshake; touched only by the reader
	violation   error          // the guard's verdict, once it has fallen; touched only by the reader
	release     func()         // ends the ties to its generation
	shut        func() error   // closes Conn
	secret      Secret         // that the handshake sends, and that nobody is to send back
	hungUp      func() bool    // under TLS, where it can be known: whether the peer has closed
}

// plainLink lets the driver peek at the socket of an idle connection, which
// finds the ones that the server closed. One that has just answered need not be
// looked at: a busy caller saves a system call, and three allocations. The driver does not do so under TLS:
// what it would see there are records, not replies. There, the link looks at the
// state of the TCP connection before it writes; otherwise every idle connection
// that a server closes would cost a command that must not be repeated.
type plainLink struct{ *link }

// trustedFor is how long an answer vouches for its connection. It is shorter than
// any pause in which a server closes one for being idle.
const trustedFor = 100 * time.Microsecond

// SyscallConn gives access to the socket.
func (l plainLink) SyscallConn() (syscall.RawConn, error) {
	if !l.watched && l.isTrusted() {
		return trustedConn{}, nil
	}
	return l.Conn.(syscall.Conn).SyscallConn()
}

// isTrusted reports whether the peer has just answered.
func (l *link) isTrusted() bool { return sinceStart()-time.Duration(l.heard.Load()) < trustedFor }

// trustedConn is a socket at which there is nothing to see.
type trustedConn struct{}

func (trustedConn) Control(func(uintptr)) error    { return nil }
func (trustedConn) Read(func(uintptr) bool) error  { return nil }
func (trustedConn) Write(func(uintptr) bool) error { return nil }

var start = time.Now()

// sinceStart is a clock without an allocation that fits an atomic.
func sinceStart() time.Duration { return time.Since(start) }

// asConn completes a link and gives it the methods that its connection has.
func asConn(l *link) net.Conn {
	conn := l.Conn
	l.guard = respguard.New(respguard.Limits{})
	l.handshaking.Store(true)
	if _, ok := conn.(syscall.Conn); ok {
		return plainLink{l}
	}
	if secure, ok := conn.(*tls.Conn); ok {
		l.hungUp = hangupOf(secure.NetConn())
	}
	return l
}

// handshakeCommands are what the driver writes before a connection carries commands.
var handshakeCommands = []string{"hello", "auth", "select", "readonly", "client setname", "client setinfo"}

// isHandshake reports whether p holds commands of the driver's handshake and no
// other. A program's pipeline may begin with one of them, and what it adds
// behind it must not count as never sent.
func isHandshake(p []byte) bool {
	for len(p) > 0 {
		words, rest, ok := cutCommand(p)
		if !ok || !slices.ContainsFunc(handshakeCommands, func(name string) bool {
			return words == name || strings.HasPrefix(words, name+" ")
		}) {
			return false
		}
		p = rest
	}
	return true
}

// cutCommand cuts the first command off what the driver wrote and returns its
// first two words in lower case.
func cutCommand(p []byte) (words string, rest []byte, ok bool) {
	count, p, ok := cutHeader(p, '*')
	for i := 0; ok && i < count; i++ {
		var size int
		if size, p, ok = cutHeader(p, '$'); !ok || len(p) < size+2 {
			return "", nil, false
		}
		if i < 2 {
			words += " " + strings.ToLower(string(p[:size]))
		}
		p = p[size+2:]
	}
	return strings.TrimPrefix(words, " "), p, ok
}

// cutHeader cuts a line of a type and a number off p.
func cutHeader(p []byte, kind byte) (n int, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(p, []byte("\r\n"))
	if !ok || len(line) == 0 || line[0] != kind {
		return 0, nil, false
	}
	n, err := strconv.Atoi(string(line[1:]))
	return n, rest, err == nil && n >= 0
}

// Write passes p on. What it returns as an error proves that the last command in p was not executed.
func (l *link) Write(p []byte) (int, error) {
	if l.handshaking.Load() && !isHandshake(p) {
		l.handshaking.Store(false)
	}
	if l.hungUp != nil && !l.handshaking.Load() && !l.isTrusted() && l.hungUp() {
		return 0, l.unwritten(0, io.EOF)
	}
	n, err := l.Conn.Write(p)
	if err == nil {
		l.written.Store(true)
		return n, nil
	}
	if !l.handshaking.Load() {
		return n, l.unwritten(n, err)
	}
	if l.refusal == "" {
		// Under TLS 1.3 a server refuses a client's certificate after the
		// handshake, and says so in an alert that only a reader meets.
		words, alert := readLastWords(l.Conn)
		if l.refusal = words; transportClass(alert) == ClassTLS {
			err = alert
		}
	}
	return n, l.failed(err)
}

// Read passes on what the peer sent, once the guard has seen it. After the
// guard's verdict nothing else comes: the driver looks for push messages before
// it reads a reply, and an error that it meets there it only logs.
func (l *link) Read(p []byte) (int, error) {
	if l.violation != nil {
		return 0, l.violation
	}
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.hear()
		if limit := l.guard.Check(p[:n]); limit != nil {
			closeQuietly(l.Conn) // whatever else it sends is not worth reading
			l.violation = l.failed(limit)
			return 0, l.violation
		}
		if l.handshaking.Load() {
			maskEcho(p[:n], l.secret)
			l.refusal = errorLine(p[:n])
		}
	}
	if err != nil {
		err = l.failed(err)
	}
	return n, err
}

// hear notes that the peer is alive.
func (l *link) hear() {
	l.written.Store(false)
	l.heard.Store(int64(sinceStart()))
	if l.suspected.Load() {
		l.suspected.Store(false)
	}
}

// failed puts the phase to an error. A server that turns a connection away says
// why in its first reply and hangs up; the driver takes that reply for an old
// server's answer to HELLO and then meets only the closed connection.
func (l *link) failed(err error) error {
	if silence := l.silenced.Load(); silence != nil {
		err = silence
	}
	if !l.handshaking.Load() {
		return &linkError{phase: phaseRead, err: err}
	}
	if l.refusal.turnsAway() {
		err = l.refusal
	}
	return &linkError{phase: phaseHandshake, err: err}
}

// SetDeadline sets both deadlines. The driver takes them away before it looks at an
// idle connection, because one that has passed would hide what is there; one that
// is still ahead hides nothing, and stays.
func (l *link) SetDeadline(t time.Time) error {
	if now := time.Now(); t.IsZero() && l.readBy.isAhead(now) && l.writeBy.isAhead(now) {
		return nil
	}
	l.readBy.set(time.Time{})
	l.writeBy.set(time.Time{})
	return l.Conn.SetDeadline(t)
}

// SetWriteDeadline fails on a connection that was cut; the driver then writes nothing.
// Where the deadline is set already, the write itself fails.
func (l *link) SetWriteDeadline(t time.Time) error {
	t, has := l.writeBy.set(t)
	if has {
		return nil
	}
	err := l.Conn.SetWriteDeadline(t)
	if err == nil {
		return nil
	}
	if l.handshaking.Load() {
		return l.failed(err)
	}
	return l.unwritten(0, err)
}

// unwritten is the failure of a write of which the kernel took n bytes. The driver
// writes a batch as a whole before it reads, so when nothing was written since the
// last reply, nothing of the batch was.
func (l *link) unwritten(n int, err error) *linkError {
	return &linkError{phase: phaseWrite, err: err, none: n == 0 && !l.written.Load()}
}

// SetReadDeadline fails on a connection that was cut; the driver then reads no
// reply to what it wrote. Where the deadline is set already, the read itself fails.
func (l *link) SetReadDeadline(t time.Time) error {
	t, has := l.readBy.set(t)
	if has {
		return nil
	}
	if err := l.Conn.SetReadDeadline(t); err != nil {
		return l.failed(err)
	}
	return nil
}

// Close closes the connection.
func (l *link) Close() error {
	l.release()
	return l.shut()
}

// brokenLink is a dial that failed, in the shape of a connection: its every use
// returns the dial's error. The driver's pool counts failed dials, answers every
// caller with the last one after as many as it has places, and looks again only
// once a second; given a connection instead, it just drops it, and the outage is
// ours to time. It also keeps the pool from logging each attempt.
type brokenLink struct {
	err *linkError
}

func (b brokenLink) Read([]byte) (int, error)         { return 0, b.err }
func (b brokenLink) Write([]byte) (int, error)        { return 0, b.err }
func (b brokenLink) Close() error                     { return nil }
func (b brokenLink) LocalAddr() net.Addr              { return noAddr{} }
func (b brokenLink) RemoteAddr() net.Addr             { return noAddr{} }
func (b brokenLink) SetDeadline(time.Time) error      { return nil }
func (b brokenLink) SetReadDeadline(time.Time) error  { return nil }
func (b brokenLink) SetWriteDeadline(time.Time) error { return nil }

type noAddr struct{}

func (noAddr) Network() string { return "none" }
func (noAddr) String() string  { return "not connected" }

// lastWords is the error reply of a server that then hung up.
type lastWords string

func (w lastWords) Error() string { return string(w) }

// turnsAway reports whether these words are a server's reason to hang up, rather
// than an old one's answer to a HELLO that it does not know.
func (w lastWords) turnsAway() bool {
	return strings.HasPrefix(string(w), "DENIED ") || replyClass(string(w)) == ClassMaxClients
}

// lastWordsWait is how long a reply that is already on its way may take.
const lastWordsWait = 20 * time.Millisecond

func readLastWords(conn net.Conn) (lastWords, error) {
	if err := conn.SetReadDeadline(time.Now().Add(lastWordsWait)); err != nil {
		return "", err
	}
	buf := make([]byte, peerTextLimit)
	n, err := conn.Read(buf)
	return errorLine(buf[:n]), err
}

// errorLine is the text of an error reply at the head of p, or nothing.
func errorLine(p []byte) lastWords {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	if len(line) < 2 || line[0] != '-' {
		return ""
	}
	return lastWords(line[1:])
}
