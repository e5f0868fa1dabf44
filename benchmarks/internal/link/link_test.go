package link_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/link"
)

// The relay's process is this program once more.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == link.Command {
		os.Exit(link.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

const patience = 20 * time.Second

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// roundTrip sends text and returns how long it took to come back.
func roundTrip(t *testing.T, conn net.Conn, text string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(conn, back); err != nil {
		t.Fatal(err)
	}
	if string(back) != text {
		t.Fatalf("sent %q, got %q", text, back)
	}
	return time.Since(began)
}

func TestAReplyIsAsLateAsTheLinkIsLong(t *testing.T) {
	relay, err := link.Listen(echo(t), 30*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	conn := dial(t, relay.Addr())
	for range 3 {
		if took := roundTrip(t, conn, "hello"); took < 30*time.Millisecond {
			t.Errorf("the reply came after %s", took)
		}
	}
}

// Replies under way together are all late by the same: a relay that slept for
// each would make the tenth ten times as late.
func TestPiecesDoNotWaitForEachOther(t *testing.T) {
	const delay, pieces = 200 * time.Millisecond, 10
	relay, err := link.Listen(echo(t), delay)
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	conn := dial(t, relay.Addr())
	began := time.Now()
	for i := range pieces {
		if _, err := conn.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // so that they are pieces
	}
	back := make([]byte, pieces)
	if _, err := io.ReadFull(conn, back); err != nil {
		t.Fatal(err)
	}
	for i, b := range back {
		if b != byte(i) {
			t.Fatalf("the pieces came as %v", back)
		}
	}
	if took := time.Since(began); took < delay || took > pieces*delay/2 {
		t.Errorf("ten pieces, each %s late, took %s", delay, took)
	}
}

func TestARelayToNobodyEndsTheConnection(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := nobody.Addr().String()
	nobody.Close()
	relay, err := link.Listen(addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	if _, err := dial(t, relay.Addr()).Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestCloseCutsConnectionsAndWaits(t *testing.T) {
	relay, err := link.Listen(echo(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, relay.Addr())
	roundTrip(t, conn, "hello")
	if err := relay.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestARelayRunsInAProcessOfItsOwn(t *testing.T) {
	relay, err := link.Start(echo(t), 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if took := roundTrip(t, dial(t, relay.Addr), "hello"); took < 5*time.Millisecond {
		t.Errorf("the reply came after %s", took)
	}
	if err := relay.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", relay.Addr); err == nil {
		t.Error("the relay outlived its owner's pipe")
	}
}
