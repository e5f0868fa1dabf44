package redisconntest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(dieEnv); mode != "" {
		startServerAndDie(mode)
	}
	// The driver prints every failed dial, and most tests here are about failing.
	redis.SetLogger(silence{})
	code := m.Run()
	// The kit ends its own goroutines and NoLeaks trusts it to; this is why it can.
	deadline := time.Now().Add(5 * time.Second)
	own := redisconntest.OwnGoroutines()
	for len(own) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		own = redisconntest.OwnGoroutines()
	}
	if len(own) > 0 {
		fmt.Fprintf(os.Stderr, "the kit left %d goroutines:\n\n%s\n", len(own), strings.Join(own, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// plain returns a go-redis client with the driver's defaults, apart from what the test changes.
func plain(t testing.TB, addr string, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	options := &redis.Options{Addr: addr}
	for _, c := range change {
		c(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() }) // a test may have closed it already
	return client
}

// once makes the driver try everything once only.
func once(o *redis.Options) { o.MaxRetries, o.DialerRetries = -1, 1 }

func resp2(o *redis.Options) { o.Protocol = 2 }

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// value returns what a server really holds.
func value(t testing.TB, server *redisconntest.Server, key string) string {
	t.Helper()
	text, err := server.Client().Get(within(t, 5*time.Second), key).Result()
	if err != nil && err != redis.Nil {
		t.Fatalf("reading %s behind the client's back: %v", key, err)
	}
	return text
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error says %q, want it to say %q", err, part)
		}
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
