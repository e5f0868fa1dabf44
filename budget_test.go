package redisconn_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestADeadlineOfTheCallersIsUsedAsItIs(t *testing.T) {
	bound, blocking := redisconn.Deadlines(t.Context(), time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if got, end := bound(ctx); got != ctx || end != nil {
		t.Error("the caller's context was replaced")
	}
	if got, end := blocking(ctx, blpop(time.Second)); got != ctx || end != nil {
		t.Error("the caller's context was replaced for a blocking command")
	}
}

func blpop(timeout time.Duration) redis.Cmder {
	return redis.NewStringSliceCmd(context.Background(), "blpop", "k", int(timeout.Seconds()))
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(context.Background())
		defer end()
		bound, blocking := redisconn.Deadlines(life, time.Second)
		cancellable, cancel := context.WithCancel(context.Background())
		defer cancel()
		for name, row := range map[string]struct {
			ctx    context.Context
			within time.Duration
			get    func(context.Context) (context.Context, context.CancelFunc)
		}{
			"background":  {context.Background(), 1020 * time.Millisecond, bound},
			"cancellable": {cancellable, time.Second, bound},
			"blocking for five seconds": {context.Background(), 6 * time.Second, func(ctx context.Context) (context.Context, context.CancelFunc) {
				return blocking(ctx, blpop(5*time.Second))
			}},
			"of the blocking kind only": {context.Background(), 1020 * time.Millisecond, func(ctx context.Context) (context.Context, context.CancelFunc) {
				return blocking(ctx, redis.NewCmd(ctx, "xread", "streams", "s", "0"))
			}},
		} {
			ctx, done := row.get(row.ctx)
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > row.within || left < row.within-20*time.Millisecond {
				t.Errorf("%s: %s left, want %s", name, left, row.within)
			}
			if done != nil {
				done()
			}
		}
		if ctx, done := blocking(context.Background(), blpop(0)); ctx != context.Background() || done != nil {
			t.Error("a command that was asked to block for ever was given a deadline")
		}
	})
}

func TestCallsThatBeginTogetherShareADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(context.Background())
		bound, _ := redisconn.Deadlines(life, time.Second)
		first, _ := bound(context.Background())
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, done := bound(context.Background()); got != first || done != nil {
					t.Error("a call 0 ms later has a deadline of its own")
				}
			})
		}
		all.Wait()
		time.Sleep(20 * time.Millisecond)
		later, _ := bound(context.Background())
		if later == first {
			t.Error("a call 20 ms later shares the deadline")
		}
		time.Sleep(999 * time.Millisecond)
		if first.Err() != nil {
			t.Error("a call was given less than the operation timeout")
		}
		time.Sleep(2 * time.Millisecond)
		if !errors.Is(first.Err(), context.DeadlineExceeded) {
			t.Errorf("the first deadline after 1.021 s: %v", first.Err())
		}
		end()
		synctest.Wait()
		if !errors.Is(later.Err(), context.Canceled) {
			t.Errorf("a shared deadline outlived the client: %v", later.Err())
		}
	})
}

func TestOnlyOneOfManyRenewsTheSharedDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(context.Background())
		defer end()
		bound, _ := redisconn.Deadlines(life, time.Second)
		var mu sync.Mutex
		seen := map[context.Context]bool{}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				ctx, _ := bound(context.Background())
				mu.Lock()
				defer mu.Unlock()
				seen[ctx] = true
			})
		}
		all.Wait()
		if len(seen) != 1 {
			t.Errorf("100 calls at one time have %d deadlines", len(seen))
		}
	})
}

func TestTheRetryBudgetIsAShareOfTheCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take, sent := redisconn.RetryBudget(20)
		burst := 0
		for take() {
			burst++
		}
		if burst != 100 {
			t.Errorf("%d retries at first, want 100", burst)
		}
		sent.Add(50)
		for want, got := 10, 0; ; got++ {
			if !take() {
				if got != want {
					t.Errorf("%d retries after 50 commands, want %d", got, want)
				}
				break
			}
		}
		time.Sleep(time.Second)
		for want, got := 10, 0; ; got++ {
			if !take() {
				if got != want {
					t.Errorf("%d retries after a second, want %d", got, want)
				}
				break
			}
		}
		sent.Add(1_000_000)
		for want, got := 100, 0; ; got++ {
			if !take() {
				if got != want {
					t.Errorf("%d retries were saved up, want %d", got, want)
				}
				break
			}
		}
	})
}

func TestASpentRetryBudgetEndsTheCall(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Retry = redisconn.RetryConfig{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond, Budget: 1}
	client := openClient(t, cfg)
	refusals := proxy.Answer(redisconntest.Command("get"), redisconntest.Always, redisconntest.TryAgain)
	err := client.Get(t.Context(), "k").Err()
	refusals.Clear()
	var failed *redisconn.CommandError
	if !errors.As(err, &failed) || failed.Class != redisconn.ClassTryAgain || failed.Applied != redisconn.AppliedNo {
		t.Fatalf("got %v", err)
	}
	if failed.Attempts < 100 || failed.Attempts > 130 {
		t.Errorf("%d attempts, want the burst of 100 and a trickle", failed.Attempts)
	}
	if got := refusals.Hits(); got != failed.Attempts {
		t.Errorf("%d attempts were made, the error counts %d", got, failed.Attempts)
	}
}

func TestNoCallOutlivesItsBudget(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Timeouts.Operation = 200 * time.Millisecond })
	server.Pause()
	defer server.Resume()
	for name, ctx := range map[string]func() (context.Context, context.CancelFunc){
		"without a deadline": func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
		"with one": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 200*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, 320*time.Millisecond, "a call to a stopped server", func() {
				ctx, cancel := ctx()
				defer cancel()
				if err := client.Get(ctx, "k").Err(); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
