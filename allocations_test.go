package redisconn_test

import (
	"context"
	"sync"
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

// A command of the lane shares what its flight allocates, and needs no more than
// a direct one; a copy, where the caller may leave, costs two.
func TestTheLaneAllocatesLittle(t *testing.T) {
	client, _ := openServer(t, onLane, func(c *redisconn.Config) { c.Health.Interval = time.Hour })
	cancelled, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := client.Set(context.Background(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	const callers, each = 200, 50
	storm := func(ctx context.Context) func() {
		return func() {
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range each {
						if err := client.Get(ctx, "k").Err(); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
		}
	}
	const direct, copied, bound = 7, 2, 4 // a call with a cancel gets a deadline of its own, which is a context
	for name, limit := range map[string]float64{"without a deadline": direct, "with a cancel": direct + copied + bound} {
		ctx := context.Background()
		if limit > direct {
			ctx = cancelled
		}
		if got := testing.AllocsPerRun(3, storm(ctx)) / (callers * each); got > limit {
			t.Errorf("%s: %.1f allocations for a GET, want at most %v", name, got, limit)
		}
	}
}

// Health is asked by every probe and page, and a refused call comes in a loop.
func TestWhatIsNotSentCostsNextToNothing(t *testing.T) {
	client, _ := openServer(t, func(c *redisconn.Config) { c.Health.Interval, c.WhenDown = time.Hour, redisconn.WhenDownFailFast })
	ctx := context.Background()
	never := newClient(t, redisconn.Config{WhenDown: redisconn.WhenDownFailFast})
	gone := newClient(t, redisconn.Config{})
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	const times = 200
	took := func(run func()) time.Duration { // the fastest of many, which no other program slowed down
		best := time.Hour
		for range times {
			began := time.Now()
			run()
			best = min(best, time.Since(began))
		}
		return best
	}
	sent := took(func() { client.Get(ctx, "k") })
	for name, row := range map[string]struct {
		run    func()
		allocs float64
		share  time.Duration // of a command that is sent, at most one in so many
	}{
		"LastHealth":      {func() { client.LastHealth() }, 0, 10},
		"refused, closed": {func() { gone.Get(ctx, "k") }, 5, 2},
		"refused, down":   {func() { never.Get(ctx, "k") }, 8, 2},
	} {
		if got := testing.AllocsPerRun(times, row.run); got > row.allocs {
			t.Errorf("%s: %v allocations, want at most %v", name, got, row.allocs)
		}
		if got := took(row.run); got > sent/row.share {
			t.Errorf("%s takes %s, a command that is sent %s", name, got, sent)
		}
	}
}
