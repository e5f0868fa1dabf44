package redisconn_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// On the way of a command that succeeds there is nothing but atomics.
func TestACommandAllocatesNoMoreThanThroughPlainGoRedis(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Health.Interval = time.Hour })
	options := server.Options()
	options.ContextTimeoutEnabled = true // as ours has it; it costs a context's look at its deadline
	plain := redis.NewClient(options)
	defer plain.Close()
	deadline, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for name, ctx := range map[string]context.Context{"without a deadline": context.Background(), "with a deadline": deadline} {
		get := func(c redis.Cmdable) float64 {
			if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(500, func() {
				if err := c.Get(ctx, "k").Err(); err != nil {
					t.Error(err)
				}
			})
		}
		want := get(plain)
		if got := get(client); got > want {
			t.Errorf("%s: %v allocations for a GET, plain go-redis has %v", name, got, want)
		}
	}
}
