package redisconn_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// strictServer is an embedded server that nobody can reach and that counts who uses it.
type strictServer struct{ starts, closes int }

func (s *strictServer) Start() error { s.starts++; return nil }
func (s *strictServer) Close()       { s.closes++ }
func (s *strictServer) Dial(context.Context) (net.Conn, error) {
	return nil, errors.New("nobody is at home")
}

// Close used to come once more than Start, from the shutdown of a client whose
// Connect had failed and closed the server before. A server that several clients
// share lost a user too many and ended under those that were left.
func TestAnEmbeddedServerIsClosedOncePerStart(t *testing.T) {
	server := &strictServer{}
	cfg := redisconn.Config{Mode: redisconn.ModeEmbedded, Timeouts: redisconn.TimeoutConfig{Connect: 10 * time.Millisecond, Dial: 5 * time.Millisecond}}
	client, err := redisconn.New(cfg, redisconn.WithEmbedded(server), redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := client.Connect(t.Context()); err == nil {
			t.Fatal("connected to a server that refuses")
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if server.starts != 2 || server.closes != 2 {
		t.Errorf("%d starts, %d closes, want 2 of each", server.starts, server.closes)
	}

	untouched := &strictServer{}
	idle, err := redisconn.New(cfg, redisconn.WithEmbedded(untouched))
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
	if *untouched != (strictServer{}) {
		t.Errorf("a client that never connected made %d starts and %d closes", untouched.starts, untouched.closes)
	}
}
