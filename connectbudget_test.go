package redisconn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A call that a replica had refused for its whole time ended as "no answer came
// in time": its last attempt, cut short by the deadline, was the one it told of.
// Pipelines did so for longer than commands did.
func TestAttemptThatTheDeadlineCutShortDoesNotHideTheOneBefore(t *testing.T) {
	get := func(ctx context.Context, client *redisconn.Client) error { return client.Get(ctx, "k").Err() }
	pipeline := func(ctx context.Context, client *redisconn.Client) error {
		_, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "k").Err() })
		return err
	}
	standalone := func(t *testing.T) (*redisconntest.Server, redisconn.Mode) {
		return redisconntest.NewServer(t), redisconn.ModeStandalone
	}
	cluster := func(t *testing.T) (*redisconntest.Server, redisconn.Mode) {
		return redisconntest.NewCluster(t, 1, 0).Nodes()[0], redisconn.ModeCluster
	}
	for _, tt := range []struct {
		name  string
		serve func(*testing.T) (*redisconntest.Server, redisconn.Mode)
		send  func(context.Context, *redisconn.Client) error
	}{
		{"a command", standalone, get},
		{"a pipeline", standalone, pipeline},
		{"a command to a cluster", cluster, get},
		{"a pipeline to a cluster", cluster, pipeline},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, mode := tt.serve(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			cfg := configFor(proxy.Addr())
			cfg.Mode, cfg.Pool.Size = mode, 1
			client := openClient(t, cfg, redisconn.WithAddressMap(func(string) string { return proxy.Addr() }))
			proxy.Delay(50 * time.Millisecond)
			refused := proxy.Answer(redisconntest.Command("get"), 1, redisconntest.ReadOnly)

			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			told := make(chan error, 1)
			go func() { told <- tt.send(ctx, client) }()
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
		})
	}
}
