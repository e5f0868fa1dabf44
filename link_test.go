package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func command(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		b.WriteString(bulk(arg))
	}
	return b.String()
}

func TestOnlyTheDriversOwnCommandsAreItsHandshake(t *testing.T) {
	for text, want := range map[string]bool{
		command("hello", "3", "auth", "app", "secret", "setname", "x"): true,
		command("HELLO", "3"):     true,
		command("auth", "secret"): true,
		command("select", "2") + command("readonly") + command("client", "setname", "x"):              true,
		command("client", "setinfo", "LIB-NAME", "go-redis") + command("CLIENT", "SETINFO", "a", "b"): true,
		command("get", "hello"):        false,
		command("client", "kill", "x"): false,
		command("client"):              false,
		command("selection", "2"):      false,
		// A program's own pipeline that begins with one of them.
		command("select", "2") + command("incr", "n"):            false,
		command("client", "setname", "x") + command("incr", "n"): false,
		// What the driver's buffer cut, and what is no command at all.
		command("hello", "3")[:12]: false,
		"*1\r\n$9999\r\nhello\r\n": false,
		"*x\r\n":                   false,
		"*1\r\n+hello\r\n":         false,
		"*-1\r\n":                  false,
		"*0\r\n":                   false,
		"PING\r\n":                 false,
	} {
		if got := redisconn.IsHandshake([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte(command("hello", "3")))
	f.Add([]byte(command("select", "1") + command("incr", "n")))
	f.Add([]byte("*1\r\n$5\r\nhello"))
	f.Add([]byte("*99999999\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if redisconn.IsHandshake(append([]byte(command("incr", "n")), p...)) {
			t.Errorf("a command before %q counts as handshake", p)
		}
		if redisconn.IsHandshake(p) && redisconn.IsHandshake(append(bytes.Clone(p), command("incr", "n")...)) {
			t.Errorf("a command behind %q counts as handshake", p)
		}
	})
}

// A pipeline that began with a command of the handshake, on a fresh connection,
// counted as one that had never been sent. Its reply was lost, the whole of it
// was sent again, and the counter stood at 2.
func TestAPipelineThatBeginsLikeAHandshakeIsNotAppliedTwice(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := openClient(t, configFor(proxy.Addr()))
	proxy.DropReply(redisconntest.Command("incr"), 1)
	// By the driver's own client: this one refuses the first command.
	_, err := client.Unwrap().Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Do(t.Context(), "CLIENT", "SETNAME", "worker")
		p.Incr(t.Context(), "n")
		return nil
	})
	if redisconn.AppliedOf(err) != redisconn.AppliedMaybe {
		t.Errorf("got %v, want that it may have been applied", err)
	}
	proxy.Settle(soon)
	if got := server.Client().Get(t.Context(), "n").Val(); got != "1" {
		t.Errorf("the counter is %s, want 1", got)
	}
}

// scriptedConn is a connection that reads and writes what the test says.
type scriptedConn struct {
	net.Conn
	read  func([]byte) (int, error)
	write func([]byte) (int, error)
	until func(time.Time) error
	ended bool
}

func (c *scriptedConn) Read(p []byte) (int, error)         { return c.read(p) }
func (c *scriptedConn) Write(p []byte) (int, error)        { return c.write(p) }
func (c *scriptedConn) Close() error                       { c.ended = true; return nil }
func (c *scriptedConn) SetWriteDeadline(t time.Time) error { return c.SetReadDeadline(t) }
func (c *scriptedConn) SetReadDeadline(t time.Time) error {
	if c.until == nil {
		return nil
	}
	return c.until(t)
}

func says(text string) func([]byte) (int, error) {
	in := strings.NewReader(text)
	return in.Read
}

func swallows(p []byte) (int, error) { return len(p), nil }

func breaks(err error) func([]byte) (int, error) {
	return func([]byte) (int, error) { return 0, err }
}

func TestALinkKnowsHowFarItHadCome(t *testing.T) {
	for name, row := range map[string]struct {
		conn    scriptedConn
		use     func(net.Conn) error
		class   redisconn.Class
		applied redisconn.Applied
	}{
		"no reply to the handshake": {scriptedConn{read: breaks(io.EOF), write: swallows}, func(c net.Conn) error {
			return writeThenRead(c, command("hello", "3"))
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"no reply to a command": {scriptedConn{read: breaks(io.EOF), write: swallows}, func(c net.Conn) error {
			return writeThenRead(c, command("incr", "n"))
		}, redisconn.ClassLost, redisconn.AppliedMaybe},
		"a command not taken": {scriptedConn{write: breaks(syscall.EPIPE)}, func(c net.Conn) error {
			return writeThenRead(c, command("incr", "n"))
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"turned away in the handshake": {scriptedConn{read: says("-ERR max number of clients reached\r\n"), write: breaks(syscall.EPIPE)}, func(c net.Conn) error {
			return writeThenRead(c, command("hello", "3"))
		}, redisconn.ClassMaxClients, redisconn.AppliedNo},
		"turned away after it": {scriptedConn{read: says("-ERR max number of clients reached\r\n"), write: swallows}, func(c net.Conn) error {
			return errors.Join(writeThenRead(c, command("hello", "3")), writeThenRead(c, command("select", "1")))
		}, redisconn.ClassMaxClients, redisconn.AppliedNo},
		"an old server's answer to HELLO is no reason": {scriptedConn{read: says("-ERR unknown command 'HELLO'\r\n"), write: swallows}, func(c net.Conn) error {
			return errors.Join(writeThenRead(c, command("hello", "3")), writeThenRead(c, command("select", "1")))
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"last words that cannot be waited for": {scriptedConn{write: breaks(syscall.EPIPE), until: func(time.Time) error { return net.ErrClosed }}, func(c net.Conn) error {
			return writeThenRead(c, command("hello", "3"))
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"cut before the command": {scriptedConn{write: swallows, read: breaks(io.EOF), until: func(time.Time) error { return net.ErrClosed }}, func(c net.Conn) error {
			_ = writeThenRead(c, command("incr", "n"))
			return c.SetWriteDeadline(time.Now())
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"cut before the handshake": {scriptedConn{until: func(time.Time) error { return net.ErrClosed }}, func(c net.Conn) error {
			return c.SetWriteDeadline(time.Now())
		}, redisconn.ClassLost, redisconn.AppliedNo},
		"cut before the reply": {scriptedConn{write: swallows, read: breaks(io.EOF), until: func(time.Time) error { return net.ErrClosed }}, func(c net.Conn) error {
			_ = writeThenRead(c, command("incr", "n"))
			return c.SetReadDeadline(time.Now())
		}, redisconn.ClassLost, redisconn.AppliedMaybe},
		"a hostile reply": {scriptedConn{read: says("*2147483647\r\n"), write: swallows}, func(c net.Conn) error {
			return writeThenRead(c, command("keys", "*"))
		}, redisconn.ClassProtocol, redisconn.AppliedMaybe},
	} {
		t.Run(name, func(t *testing.T) {
			conn := row.conn
			err := row.use(redisconn.NewLink(&conn))
			if got := redisconn.ClassOf(err); got != row.class {
				t.Errorf("%v: class %s, want %s", err, got, row.class)
			}
			if got := redisconn.AppliedOf(err); got != row.applied {
				t.Errorf("%v: applied %s, want %s", err, got, row.applied)
			}
			if name == "a hostile reply" && !conn.ended {
				t.Error("the connection is still open")
			}
		})
	}
}

func writeThenRead(c net.Conn, text string) error {
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 1024))
	return err
}

func TestALinkErrorIsANetError(t *testing.T) {
	// The driver asks for Temporary as well, which net.Error has but advises against.
	temporary := func(err net.Error) bool { return err.(interface{ Temporary() bool }).Temporary() }
	var err net.Error
	if !errors.As(lost(syscall.ETIMEDOUT), &err) || !err.Timeout() || !temporary(err) {
		t.Errorf("%v", err)
	}
	if !errors.As(lost(io.EOF), &err) || err.Timeout() || temporary(err) {
		t.Errorf("%v", err)
	}
}

// The driver looks for push messages before it reads a reply, and only logs an
// error that it meets there: the next read must meet it again.
func TestAHostileReplyIsTheLastThingALinkReads(t *testing.T) {
	conn := redisconn.NewLink(&scriptedConn{read: says("*2147483647\r\n"), write: swallows})
	_ = writeThenRead(conn, command("keys", "*"))
	if _, err := conn.Read(make([]byte, 10)); redisconn.ClassOf(err) != redisconn.ClassProtocol {
		t.Errorf("the second read: %v", err)
	}
}

// A driver's pool asks a dead connection this and that before it lets go of it.
func TestABrokenLinkAnswersEverythingWithItsError(t *testing.T) {
	broken := errors.New("it was never dialled")
	conn := redisconn.BrokenLink(broken)
	if _, err := conn.Read(nil); !errors.Is(err, broken) {
		t.Errorf("Read: %v", err)
	}
	if _, err := conn.Write(nil); !errors.Is(err, broken) {
		t.Errorf("Write: %v", err)
	}
	if conn.LocalAddr().String() != "not connected" || conn.RemoteAddr().Network() != "none" {
		t.Errorf("%v, %v", conn.LocalAddr(), conn.RemoteAddr())
	}
	if err := errors.Join(conn.SetDeadline(time.Time{}), conn.SetReadDeadline(time.Time{}), conn.SetWriteDeadline(time.Time{}), conn.Close()); err != nil {
		t.Error(err)
	}
}

// The driver finds connections that the server has closed by a look at their
// socket, which a wrapped connection hides.
func TestAConnectionThatTheServerClosedIsFoundBeforeItIsUsed(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	if err := client.Incr(ctx, "n").Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connections to be gone", func() bool {
		return client.LastHealth().Status == redisconn.StatusPass && server.ConnectedClients() <= 1
	})
	if err := client.Incr(ctx, "n").Err(); err != nil {
		t.Errorf("a command after the pool's connection was closed: %v", err)
	}
	if got := client.Stats().Retries; got != 0 {
		t.Errorf("it took %d retries", got)
	}
}

func TestASlowButHonestTLSPeerLosesNothing(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr(), redisconntest.ProxyTLS(ca))
	cfg := configFor("127.0.0.1:1")
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), ServerName: "localhost"}
	cfg.Timeouts.Dial = 10 * time.Second
	dials := 0
	client := newClient(t, cfg, redisconn.WithDialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		if dials++; dials == 2 {
			// The question in plaintext goes to somebody who never answers it.
			return new(net.Dialer).DialContext(ctx, network, redisconntest.NewUnanswered(t))
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, proxy.Addr())
		return &slowConn{Conn: conn, until: time.Now().Add(500 * time.Millisecond)}, err
	}))
	within(t, 2*time.Second, "Connect", func() {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := client.Connect(ctx); err != nil {
			t.Error(err)
		}
	})
	if dials != 2 {
		t.Errorf("%d connections were opened, want the slow one and the question", dials)
	}
}

// slowConn holds back what it reads until a time.
type slowConn struct {
	net.Conn
	until time.Time
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	<-time.After(time.Until(c.until))
	return n, err
}

// A connection that has just answered is not looked at before its next use.
func TestAConnectionThatHasJustAnsweredIsTrusted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	there := make(chan net.Conn, 1)
	go func() {
		conn, _ := listener.Accept()
		there <- conn
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	link, peer := redisconn.NewLink(raw), <-there
	defer link.Close()
	defer peer.Close()
	looked := func() (looked bool) {
		socket, err := link.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		look := func(uintptr) bool { looked = true; return true }
		touch := func(fd uintptr) { look(fd) }
		if err := errors.Join(socket.Read(look), socket.Write(look), socket.Control(touch)); err != nil {
			t.Fatal(err)
		}
		return looked
	}
	if !looked() {
		t.Error("a connection that said nothing yet is trusted")
	}
	eventually(t, "trust", func() bool { // for 100 microseconds, which a busy machine may miss
		if _, err := peer.Write([]byte("+OK\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := link.Read(make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		return !looked()
	})
	eventually(t, "the end of trust", looked)
}
