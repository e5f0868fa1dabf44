package redisconn_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// soon is how long a test waits for what should happen at once.
const soon = 5 * time.Second

// configFor is a configuration with limits short enough for a test to run into each.
func configFor(addr string) redisconn.Config {
	return redisconn.Config{
		Connection: redisconn.ConnectionConfig{Addrs: []string{addr}},
		Timeouts: redisconn.TimeoutConfig{
			Connect: 2 * time.Second, Dial: 500 * time.Millisecond, Operation: time.Second, Shutdown: 2 * time.Second,
		},
		Pool:   redisconn.PoolConfig{Size: 10},
		Health: redisconn.HealthConfig{Interval: 100 * time.Millisecond, Timeout: 100 * time.Millisecond},
	}
}

// newClient makes a client that keeps its log to itself and ends with the test.
func newClient(t testing.TB, cfg redisconn.Config, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	client, err := redisconn.New(cfg, append([]redisconn.Option{redisconn.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if _, err := client.Drain(ctx); err != nil {
			t.Logf("drain at the end of the test: %v", err)
		}
	})
	return client
}

// openClient is newClient, connected.
func openClient(t testing.TB, cfg redisconn.Config, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	client := newClient(t, cfg, opts...)
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

// openServer starts a server and connects a client to it.
func openServer(t testing.TB, change ...func(*redisconn.Config)) (*redisconn.Client, *redisconntest.Server) {
	t.Helper()
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	for _, apply := range change {
		apply(&cfg)
	}
	return openClient(t, cfg), server
}

// eventually waits for what should happen at once.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	redisconntest.Eventually(t, soon, what, condition)
}

// within fails the test when fn takes longer than limit.
func within(t testing.TB, limit time.Duration, what string, fn func()) {
	t.Helper()
	began := time.Now()
	fn()
	if took := time.Since(began); took > limit {
		t.Errorf("%s took %s, want at most %s", what, took, limit)
	}
}
