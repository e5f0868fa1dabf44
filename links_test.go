package redisconn_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// openSilent is a client that cuts what is silent for a second.
func openSilent(t *testing.T) (*redisconn.Client, *redisconntest.Server) {
	return openServer(t, func(c *redisconn.Config) { c.Timeouts.Silence = time.Second })
}

// awaitBlocked waits until a client is blocked at the server.
func awaitBlocked(t *testing.T, server *redisconntest.Server) {
	t.Helper()
	eventually(t, "a client that is blocked", func() bool {
		return strings.Contains(server.Client().Info(t.Context(), "clients").Val(), "blocked_clients:1")
	})
}

// A server that is stopped keeps its connections open, and its machine goes on
// acknowledging: a BLPOP with no timeout waited for ever.
func TestACommandThatBlocksForEverIsToldWhenTheServerFallsSilent(t *testing.T) {
	client, server := openSilent(t)
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(t.Context(), 0, "queue").Err() }()
	awaitBlocked(t, server)
	server.Pause()
	defer server.Resume()
	select {
	case err := <-popped:
		if !errors.Is(err, redisconn.ErrMaybeApplied) || redisconn.ClassOf(err) != redisconn.ClassTimeout {
			t.Errorf("told %v", err)
		}
	case <-time.After(soon):
		t.Fatal("held")
	}
	var silent []redisconn.Event
	eventually(t, "an event", func() bool {
		silent = eventsOf(client, redisconn.EventLinkSilent)
		return len(silent) > 0
	})
	if len(silent) != 1 || silent[0].Took < time.Second || silent[0].Node == "" {
		t.Errorf("events %+v", silent)
	}
}

func TestAReadThatBlocksForEverGoesOnWhenTheServerIsBack(t *testing.T) {
	client, server := openSilent(t)
	read := make(chan error, 1)
	go func() {
		read <- client.XRead(t.Context(), &redis.XReadArgs{Streams: []string{"s"}, ID: "$", Block: 0}).Err()
	}()
	awaitBlocked(t, server)
	server.Pause()
	eventually(t, "the link is cut", func() bool { return len(eventsOf(client, redisconn.EventLinkSilent)) > 0 })
	server.Resume()
	eventually(t, "an entry is read", func() bool {
		if err := server.Client().XAdd(t.Context(), &redis.XAddArgs{Stream: "s", Values: []string{"a", "b"}}).Err(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-read:
			if err != nil {
				t.Error(err)
			}
			return true
		default:
			return false
		}
	})
}

func TestAConnectionThatHearsSomethingIsNotCut(t *testing.T) {
	client, server := openSilent(t)
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(t.Context(), 0, "queue").Err() }()
	awaitBlocked(t, server)
	server.Pause()
	eventually(t, "an outage", func() bool { return client.State() == redisconn.StateDown })
	server.Resume()
	eventually(t, "its end", func() bool { return client.State() == redisconn.StateReady })
	if err := server.Client().RPush(t.Context(), "queue", "job").Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-popped; err != nil {
		t.Error(err)
	}
}
