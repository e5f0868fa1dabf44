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
	readsAgain(t, server, "s", read)
}

// readsAgain adds entries to a stream until an XREAD that waited all along has one.
func readsAgain(t *testing.T, server *redisconntest.Server, stream string, read <-chan error) {
	t.Helper()
	eventually(t, "an entry is read", func() bool {
		if err := server.Client().XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []string{"a", "b"}}).Err(); err != nil {
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

// On a cluster nothing ever told of a silent link: the monitor watched the address
// of the seeds.
func TestWhatBlocksForEverOnANodeOfAClusterEndsOrGoesOnWhenItFallsSilent(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	client := openClient(t, clusterConfig(cluster))
	ctx, node := t.Context(), cluster.Nodes()[0]
	queue, stream := keyIn(cluster, 0, 3, "q"), keyIn(cluster, 0, 3, "s")
	popped, read := make(chan error, 1), make(chan error, 1)
	go func() { popped <- client.BLPop(ctx, 0, queue).Err() }()
	go func() {
		read <- client.XRead(ctx, &redis.XReadArgs{Streams: []string{stream}, ID: "$", Block: 0}).Err()
	}()
	eventually(t, "both are blocked", func() bool {
		return strings.Contains(node.Client().Info(ctx, "clients").Val(), "blocked_clients:2")
	})
	paused := cluster.PauseMaster(0)
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
	if len(silent) != 1 || silent[0].Node != paused.Addr() || silent[0].Took <= 0 || silent[0].Detail != "2 connections cut" {
		t.Errorf("events %+v", silent)
	}
	paused.Resume()
	readsAgain(t, node, stream, read)
}

// How long the oldest call has been in flight was told nowhere before its link was
// cut.
func TestTheAgeOfTheOldestCallInFlightIsTold(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) {
		c.Health.Interval, c.Health.Timeout, c.Health.FailAfter = 100*time.Millisecond, 100*time.Millisecond, 1000
		c.Timeouts.Operation = time.Minute
	})
	ctx := t.Context()
	popped, got := make(chan error, 1), make(chan error, 1)
	go func() { popped <- client.BLPop(ctx, 0, "queue").Err() }()
	awaitBlocked(t, server)
	seen := client.Stats().Probes
	eventually(t, "the monitor looks twice", func() bool { return client.Stats().Probes > seen+1 })
	if age := client.Stats().OldestInFlight; age != 0 {
		t.Errorf("a command that waits at the server is %s late", age)
	}
	server.Pause()
	defer server.Resume()
	began := time.Now()
	go func() { got <- client.Get(ctx, "k").Err() }()
	eventually(t, "its age is told", func() bool { return client.Stats().OldestInFlight > 200*time.Millisecond })
	if age, took := client.Stats().OldestInFlight, time.Since(began); age > took {
		t.Errorf("%s, after %s", age, took)
	}
	server.Resume()
	if err := <-got; !errors.Is(err, redis.Nil) {
		t.Error(err)
	}
	if err := errors.Join(server.Client().RPush(ctx, "queue", "job").Err(), <-popped); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is in flight", func() bool { return client.Stats().OldestInFlight == 0 })
}
