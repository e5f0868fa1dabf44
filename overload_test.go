package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// Nothing bounded the calls in flight: callers that came faster than Redis
// answered piled up, each with a goroutine and a command, until the process ran
// out of memory or every one of them out of time.
func TestACallAboveTheBoundIsRefusedAtOnceAndNeverSent(t *testing.T) {
	const most = 2
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.MaxInFlight = most })
	popped := make(chan error, most)
	for range most {
		go func() { popped <- client.BLPop(context.WithoutCancel(t.Context()), 0, "queue").Err() }()
	}
	redisconntest.Eventually(t, 2*time.Second, "both wait", func() bool { return client.Stats().InFlight == most })

	queue := func(p redis.Pipeliner) error { return p.Set(t.Context(), "k", "v", 0).Err() }
	calls := map[string]func() error{
		"set": func() error { return client.Set(t.Context(), "k", "v", 0).Err() },
		"pipeline": func() error {
			_, err := client.Pipelined(t.Context(), queue)
			return err
		},
		"transaction": func() error {
			_, err := client.RunTransaction(t.Context(), queue)
			return err
		},
		"watch": func() error { return client.Watch(t.Context(), func(*redis.Tx) error { return nil }, "k") },
	}
	for name, call := range calls {
		err := call()
		if !errors.Is(err, redisconn.ErrOverloaded) || redisconn.ClassOf(err) != redisconn.ClassOverloaded || !redisconn.SafeToRetry(err) {
			t.Fatalf("%s: got %v, want ErrOverloaded and nothing applied", name, err)
		}
		for _, part := range []string{"redisconn: " + name + " on ", "pool.max_in_flight allows 2 at once; applied: no; state ready", "[overloaded]"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %v", name, part, err)
			}
		}
	}
	if got := client.Stats(); got.FailuresByClass[redisconn.ClassOverloaded] != int64(len(calls)) || got.Failures != int64(len(calls)) || got.InFlight != most {
		t.Errorf("%d calls were refused: %+v", len(calls), got)
	}

	server.Client().RPush(t.Context(), "queue", "a", "b")
	for range most {
		if err := <-popped; err != nil {
			t.Error(err)
		}
	}
	for name, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s, once there is room: %v", name, err)
		}
	}
	if sent := server.CommandCalls("set"); sent != 3 {
		t.Errorf("SET was executed %d times, want 3: those that were refused are not sent later", sent)
	}
}
