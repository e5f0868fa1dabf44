package redisconn_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

// subscribed is a connection of a subscription that stands, with its other end.
func subscribed(t *testing.T, g *redisconn.Gaps, node string, first bool) (conn, peer net.Conn) {
	t.Helper()
	near, peer := net.Pipe()
	conn = g.Connection(near, node, first)
	t.Cleanup(func() { _ = conn.Close(); _ = peer.Close() })
	go func() { // the server's side of a handshake and a SUBSCRIBE
		buf := make([]byte, 64)
		for range 2 {
			if _, err := peer.Read(buf); err != nil {
				return
			}
			if _, err := peer.Write([]byte("+OK\r\n")); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64)
	for _, command := range []string{"*1\r\n$5\r\nhello\r\n", "*2\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n"} {
		if _, err := conn.Write([]byte(command)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	return conn, peer
}

// breakOff ends a connection from its other side.
func breakOff(t *testing.T, conn, peer net.Conn) {
	t.Helper()
	_ = peer.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("it goes on")
	}
	_ = conn.Close()
}

func TestASubscriptionThatBrokeTellsOfItsGapWhenItStandsAgain(t *testing.T) {
	var g redisconn.Gaps
	conn, peer := subscribed(t, &g, "a:1", true)
	breakOff(t, conn, peer)
	if len(g.Events) != 0 {
		t.Fatalf("told before it stands again: %v", g.Events)
	}
	if _, err := g.Connection(redisconn.BrokenLink(os.ErrClosed), "a:1", false).Read(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a dial that failed: %v", err)
	}
	subscribed(t, &g, "a:1", true) // somebody else's, and new
	if len(g.Events) != 0 {
		t.Fatalf("a new subscription closed the gap of another: %v", g.Events)
	}
	conn, peer = subscribed(t, &g, "b:2", false)
	if len(g.Events) != 1 || g.Events[0].Kind != redisconn.EventGap || g.Events[0].Node != "b:2" || g.Events[0].Took <= 0 || !strings.Contains(g.Events[0].Detail, "from a:1 to b:2") {
		t.Fatalf("told: %+v", g.Events)
	}
	breakOff(t, conn, peer)
	subscribed(t, &g, "b:2", false)
	if len(g.Events) != 2 || !strings.Contains(g.Events[1].Detail, "to b:2 again") {
		t.Errorf("told: %+v", g.Events)
	}
}

func TestASubscriptionThatWasClosedLeavesNoGap(t *testing.T) {
	var g redisconn.Gaps
	conn, _ := subscribed(t, &g, "a:1", true)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a closed connection goes on")
	}
	subscribed(t, &g, "a:1", false)
	if len(g.Events) != 0 {
		t.Errorf("told: %+v", g.Events)
	}
}

func TestTheMemoryOfGapsIsBounded(t *testing.T) {
	var g redisconn.Gaps
	for range 1100 {
		conn, peer := subscribed(t, &g, "a:1", true)
		breakOff(t, conn, peer)
	}
	for range 1100 {
		subscribed(t, &g, "a:1", false)
	}
	if len(g.Events) != 1024 {
		t.Errorf("%d gaps are remembered", len(g.Events))
	}
}
