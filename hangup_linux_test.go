package redisconn_test

import (
	"net"
	"testing"

	"github.com/redisconn/redisconn"
)

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dialled.Close() // the test may have closed either
		_ = accepted.Close()
	})
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

func TestHangupIsSeenBeforeAnythingIsWritten(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn) error{
		"FIN": (*net.TCPConn).Close,
		"RST": func(c *net.TCPConn) error {
			if err := c.SetLinger(0); err != nil {
				return err
			}
			return c.Close()
		},
		"FIN behind data that nobody read": func(c *net.TCPConn) error {
			if _, err := c.Write([]byte("bye")); err != nil {
				return err
			}
			return c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := connected(t)
			hungUp := redisconn.HangupOf(here)
			if hungUp() {
				t.Fatal("an open connection counts as closed by the peer")
			}
			if err := end(there); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the hangup", hungUp)
		})
	}
}

func TestHangupThatCannotBeKnownIsLeftToTheWrite(t *testing.T) {
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if redisconn.HangupOf(pipe) != nil {
		t.Error("a pipe has a TCP state")
	}
	if redisconn.HangupOf(&net.TCPConn{}) != nil {
		t.Error("a connection that was never made has a TCP state")
	}
	here, _ := connected(t)
	hungUp := redisconn.HangupOf(here)
	if err := here.Close(); err != nil {
		t.Fatal(err)
	}
	if hungUp() {
		t.Error("a connection that this side closed counts as closed by the peer")
	}
}
