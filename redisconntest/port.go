package redisconntest

import (
	"fmt"
	"net"
	"strconv"
	"testing"
)

// loopback is the only address that servers listen on.
const loopback = "127.0.0.1"

// ReserveAddr returns a loopback address, "127.0.0.1:port", on which nothing listens: a dial is refused. Until the
// test ends nothing else on this machine is given the port, so a server can appear there later, with [WithPort] or
// net.Listen.
//
// (On systems other than Linux the port is free when ReserveAddr returns but not reserved.)
func ReserveAddr(t testing.TB) string {
	t.Helper()
	held, err := holdPort(0)
	if err != nil {
		t.Fatalf("cannot reserve a loopback port: %v", err)
	}
	t.Cleanup(held.release)
	return held.addr()
}

// heldPort is a loopback TCP port that stays ours while nobody listens on it. Without it a port is up for grabs in
// every gap between choosing it and listening, and between killing a server and starting it again: the kernel may
// hand it to another test's listener, or use it as the source port of an outgoing connection, even of one to that
// very port, which then connects to itself.
type heldPort struct {
	port    int
	release func()
}

func (h *heldPort) addr() string {
	return net.JoinHostPort(loopback, strconv.Itoa(h.port))
}

// portOf returns the port number of a host:port address.
func portOf(addr string) (int, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("port %q of %q is not a number from 0 to 65535", port, addr)
	}
	return int(n), nil
}
