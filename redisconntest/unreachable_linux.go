package redisconntest

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// NewUnreachable returns a loopback address that swallows connection attempts: a dial neither succeeds nor fails but
// runs into its own timeout, as with a host behind a firewall that drops packets or one that is switched off. Only
// on Linux; elsewhere the test is skipped.
func NewUnreachable(t testing.TB) string {
	t.Helper()
	listener := listenIdly(t)
	// Linux drops SYNs for a listener whose queue of unaccepted connections is full. So make the queue as short as can
	// be, one connection, and fill it. https://man7.org/linux/man-pages/man2/listen.2.html
	shorten(t, listener.(*net.TCPListener))
	const patience = 250 * time.Millisecond
	for range 8 {
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), patience)
		var failure net.Error
		if errors.As(err, &failure) && failure.Timeout() {
			return listener.Addr().String()
		}
		if err != nil {
			t.Fatalf("redisconntest.NewUnreachable: filling the queue of connections: %v", err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("redisconntest.NewUnreachable: this kernel keeps accepting connections on a full queue")
	return ""
}

// shorten calls listen(2) again, with a backlog of 0.
func shorten(t testing.TB, listener *net.TCPListener) {
	t.Helper()
	socket, err := listener.SyscallConn()
	if err == nil {
		var failure error
		err = errors.Join(socket.Control(func(fd uintptr) { failure = syscall.Listen(int(fd), 0) }), failure)
	}
	if err != nil {
		t.Fatalf("redisconntest.NewUnreachable: %v", err)
	}
}
