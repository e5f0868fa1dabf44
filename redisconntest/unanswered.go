package redisconntest

import (
	"net"
	"testing"
)

// NewUnanswered returns a loopback address where connections are established, by the kernel, and nobody ever reads
// or writes: a host whose program hangs. (A dial that is not answered either: [NewUnreachable].)
func NewUnanswered(t testing.TB) string {
	t.Helper()
	return listenIdly(t).Addr().String()
}

// listenIdly listens until the test ends and never accepts.
func listenIdly(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("cannot listen on the loopback: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
