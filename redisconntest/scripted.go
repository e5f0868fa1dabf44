package redisconntest

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Scripted is a server on a loopback port that says what a test wants it to say: for replies that no real server
// gives.
type Scripted struct {
	listener net.Listener
	accepted atomic.Int64
	work     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// NewScripted starts a server that runs the script on every connection, each in a goroutine of its own, and closes
// the connection when the script returns. When the test ends all connections are closed, which makes a script's
// reads and writes fail, and the scripts are waited for.
//
// [Silence], [HangUp], [HTTPAnswer], [Garbage] and [Replies] are ready scripts.
func NewScripted(t testing.TB, script func(conn net.Conn)) *Scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("redisconntest.NewScripted: %v", err)
	}
	s := &Scripted{listener: listener, conns: map[net.Conn]struct{}{}}
	t.Cleanup(s.close)
	s.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if !s.add(conn) {
				return
			}
			s.accepted.Add(1)
			s.work.Go(func() {
				defer s.remove(conn)
				script(conn)
			})
		}
	})
	return s
}

// Addr returns the address to dial, "127.0.0.1:port".
func (s *Scripted) Addr() string { return s.listener.Addr().String() }

// Accepted returns the number of connections ever accepted.
func (s *Scripted) Accepted() int64 { return s.accepted.Load() }

func (s *Scripted) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *Scripted) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close() // the script may have closed it already
}

func (s *Scripted) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// Silence is a script that reads everything and never answers.
func Silence(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// HangUp is a script that closes the connection at once.
func HangUp(net.Conn) {}

// HTTPAnswer is a script that waits for a request and answers as a web server that does not understand it: what a
// client finds that was given the wrong port.
func HTTPAnswer(conn net.Conn) {
	say(conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request")
}

// Garbage is a script that waits for a request and answers with bytes that are no protocol at all.
func Garbage(conn net.Conn) {
	say(conn, "\x00\xff\x16\x03 garbage \r\n$-7\r\n*x\r\n")
}

// say waits for a request's first bytes, answers and hangs up in an orderly way.
func say(conn net.Conn, answer string) {
	r := bufio.NewReader(conn)
	if _, err := r.Peek(1); err != nil {
		return
	}
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, r)
	}
}

// Replies is a script that reads requests and writes what the function returns for each, as it is; nothing for an
// empty string. Mind that drivers begin with HELLO: "-ERR unknown command 'HELLO'\r\n" makes them speak RESP2. The
// function may be called from several connections at once.
func Replies(reply func(args []string) string) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			_, args, err := readRequest(r)
			if err != nil {
				return
			}
			if len(args) == 0 {
				continue
			}
			if _, err := io.WriteString(conn, reply(args)); err != nil {
				return
			}
		}
	}
}
