package redisconn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A call that a replica had refused for its whole time ended as "no answer came
// in time": its last attempt, cut short by the deadline, was the one it told of.
func TestAttemptThatTheDeadlineCutShortDoesNotHideTheOneBefore(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Pool.Size = 1
	client := openClient(t, cfg)
	proxy.Delay(50 * time.Millisecond)
	refused := proxy.Answer(redisconntest.Command("get"), 1, redisconntest.ReadOnly)

	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	told := make(chan error, 1)
	go func() { told <- client.Get(ctx, "k").Err() }()
	eventually(t, "GET holds the only connection", func() bool { return client.Stats().Pool.InUse == 1 })
	// Its second attempt does not get one any more.
	popped := make(chan error, 1)
	go func() { popped <- client.Watch(t.Context(), blockInside(nil), "watched") }()

	err := <-told
	<-refused.Done()
	var failed *redisconn.CommandError
	if !errors.As(err, &failed) || failed.Class != redisconn.ClassReadOnly || failed.Applied != redisconn.AppliedNo || failed.Attempts != 2 {
		t.Errorf("got %v", err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the deadline, which ended it, is not in %v", err)
	}
	if err := server.Client().LPush(t.Context(), "empty", "x").Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-popped; err != nil {
		t.Error(err)
	}
}
