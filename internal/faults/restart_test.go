package faults_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// crash is what callers saw of a server that was gone for a while.
type crash struct {
	repeatable outcomes // GET and SET
	adding     outcomes // HINCRBY, in the ledger
	verdict    redisconntest.Audit
	recovery   time.Duration // from the end of the fault to the first success of a caller
	slowest    longest       // of all calls
}

// crashCallers is how many callers of each kind meet a crash.
const crashCallers = 50

// killUnderLoad kills the server under 50 callers of GET and SET and 50 of
// HINCRBY, leaves it down for a second and starts it again.
func killUnderLoad(t *testing.T, dial dialer) *crash {
	t.Helper()
	server := redisconntest.NewServer(t, redisconntest.WithAppendOnly())
	free := func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }
	return suffer(t, dial(t, server.Addr(), 0), server, free, func() {
		server.Kill()
		time.Sleep(time.Second) // the fault itself
		server.Start()
	})
}

// suffer has a fault, which returns when it is over, under 50 callers of GET and
// SET and 50 of HINCRBY. It returns when they are at work again.
func suffer(t *testing.T, client redis.UniversalClient, server *redisconntest.Server, bound func() (context.Context, context.CancelFunc), fault func()) *crash {
	t.Helper()
	const callers = crashCallers
	ledger := redisconntest.NewLedger("h")
	var c crash
	var over atomic.Bool
	var back, recovered atomic.Pointer[time.Time]
	var all sync.WaitGroup
	load := func(seen *outcomes, call func(ctx context.Context, worker, n int) error) {
		for worker := range callers {
			all.Go(func() {
				for n := 0; !over.Load(); n++ {
					ctx, cancel := bound()
					began := time.Now()
					err := call(ctx, worker, n)
					c.slowest.note(time.Since(began))
					cancel()
					seen.note(err)
					if err == nil && back.Load() != nil {
						now := time.Now()
						recovered.CompareAndSwap(nil, &now)
					}
					time.Sleep(time.Millisecond) // a caller that has something else to do as well
				}
			})
		}
	}
	load(&c.repeatable, func(ctx context.Context, worker, n int) error {
		if n%2 == 0 {
			return client.Set(ctx, "k", worker, 0).Err()
		}
		return client.Get(ctx, "k").Err()
	})
	load(&c.adding, func(ctx context.Context, worker, _ int) error { return ledger.Do(ctx, client, worker) })

	redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool {
		return c.repeatable.calls.Load() > 10*callers && c.adding.calls.Load() > 10*callers
	})
	fault()
	answered := time.Now()
	back.Store(&answered)
	redisconntest.Eventually(t, 10*time.Second, "a caller succeeds again", func() bool { return recovered.Load() != nil })
	after := c.adding.calls.Load()
	redisconntest.Eventually(t, 10*time.Second, "the callers are at work again", func() bool { return c.adding.calls.Load() > after+10*callers })
	over.Store(true)
	all.Wait()
	c.recovery = recovered.Load().Sub(answered)
	awaitQuiet(t, server)
	c.verdict = audit(t, ledger, server)
	return &c
}

func TestKilledServerCostsOnlyTheWritesInFlight(t *testing.T) {
	const patience = 250 * time.Millisecond
	bothSides(t, rowRestartReads,
		func(t *testing.T) string {
			c := killUnderLoad(t, dialPlain)
			rowRestartIncr.Plain("%d of %d failed, %d of these executed; %d twice, %d lost", c.adding.failed.Load(), c.adding.calls.Load(),
				len(c.verdict.ExecutedButFailed), len(c.verdict.Twice), len(c.verdict.Lost))
			rowRecovery.Plain("%s", brief(c.recovery))
			return fmt.Sprintf("%d of %d failed", c.repeatable.failed.Load(), c.repeatable.calls.Load())
		},
		func(t *testing.T) string {
			var c *crash
			within(t, patience, "the first success after the server answered", func() time.Duration {
				c = killUnderLoad(t, dialHere)
				return c.recovery
			})
			if c.repeatable.failed.Load() > 0 {
				t.Errorf("%d of %d GET and SET failed, %d of them with maybe; first other: %v",
					c.repeatable.failed.Load(), c.repeatable.calls.Load(), c.repeatable.maybe.Load(), c.repeatable.firstPlain())
			}
			if c.adding.plainly.Load() > 0 {
				t.Errorf("%d HINCRBY failed without maybe; first: %v", c.adding.plainly.Load(), c.adding.firstPlain())
			}
			// Each caller has one call at a time.
			if c.adding.maybe.Load() > crashCallers {
				t.Errorf("%d HINCRBY were told maybe, %d could have been in flight", c.adding.maybe.Load(), crashCallers)
			}
			if len(c.verdict.Twice) > 0 || len(c.verdict.Lost) > 0 {
				t.Errorf("audit: %v", c.verdict)
			}
			rowRestartIncr.Here("%d of %d failed, each maybe, %d of these executed; %d twice, %d lost", c.adding.failed.Load(), c.adding.calls.Load(),
				len(c.verdict.ExecutedButFailed), len(c.verdict.Twice), len(c.verdict.Lost))
			rowRecovery.Here("%s", brief(c.recovery))
			return fmt.Sprintf("%d of %d failed", c.repeatable.failed.Load(), c.repeatable.calls.Load())
		})
}

// Fifty callers that were told LOADING came again after milliseconds, spent the
// budget of retries before the monitor had counted its three misses, and failed
// although they had seconds left. A server that says that it is loading is
// believed at once.
func TestServerThatIsLoadingCostsNoCall(t *testing.T) {
	const callers, loading = 50, time.Second
	scenario := func(t *testing.T, dial dialer) (redisconntest.Audit, *outcomes) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), 0)
		ledger := redisconntest.NewLedger("h")
		var seen outcomes
		var over atomic.Bool
		var all sync.WaitGroup
		for worker := range callers {
			all.Go(func() {
				for n := worker; !over.Load(); n++ {
					if n%2 == 0 {
						seen.note(client.Get(t.Context(), "absent").Err())
					} else {
						seen.note(ledger.Do(t.Context(), client, worker))
					}
					time.Sleep(time.Millisecond) // a caller that has something else to do as well
				}
			})
		}
		atWork := func() {
			t.Helper()
			before := seen.calls.Load()
			redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return seen.calls.Load() > before+10*callers })
		}
		atWork()
		answer := proxy.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
		time.Sleep(loading) // the fault itself
		answer.Clear()
		atWork()
		over.Store(true)
		all.Wait()
		settled(t, proxy)
		return audit(t, ledger, server), &seen
	}
	bothSides(t, rowLoadingLoad,
		func(t *testing.T) string { return tally(scenario(t, dialPlain)) },
		func(t *testing.T) string {
			verdict, seen := scenario(t, dialHere)
			clean(t, verdict, seen)
			return tally(verdict, seen)
		})
}

// A link that goes silent looks like a server that thinks: nothing is refused and
// nothing breaks, so only deadlines and probes tell.
func TestALinkThatGoesSilentCostsNoCallMoreThanItsDeadline(t *testing.T) {
	const deadline, slack, silent, patience = 250 * time.Millisecond, 100 * time.Millisecond, 6 * time.Second, 500 * time.Millisecond
	bound := func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), deadline) }
	scenario := func(t *testing.T, dial dialer) *crash {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		return suffer(t, dial(t, proxy.Addr(), 0), server, bound, func() {
			proxy.Blackhole()
			time.Sleep(silent) // the fault itself
			proxy.Restore()
		})
	}
	describe := func(c *crash) string {
		return fmt.Sprintf("slowest call %s; first success after %s; %d of %d failed; %d twice", brief(c.slowest.get()), brief(c.recovery),
			c.repeatable.failed.Load()+c.adding.failed.Load(), c.repeatable.calls.Load()+c.adding.calls.Load(), len(c.verdict.Twice))
	}
	bothSides(t, rowSilence,
		func(t *testing.T) string { return describe(scenario(t, dialPlain)) },
		func(t *testing.T) string {
			var c *crash
			within(t, patience, "the first success after the link came back", func() time.Duration {
				c = scenario(t, dialHere)
				return c.recovery
			})
			if slowest := c.slowest.get(); slowest > deadline+slack {
				t.Errorf("the slowest call took %v, want at most %v", slowest, deadline+slack)
			}
			if len(c.verdict.Twice) > 0 {
				t.Errorf("audit: %v", c.verdict)
			}
			for _, op := range c.verdict.ExecutedButFailed {
				if !errors.Is(op.Err, redisconn.ErrMaybeApplied) {
					t.Errorf("a call that was executed was told otherwise: %v", op.Err)
				}
			}
			return describe(c)
		})
}

func TestCallsFailFastOnceRedisIsKnownToBeDown(t *testing.T) {
	const bound, calls = 5 * time.Millisecond, 1000
	oneAfterTheOther(t, rowFailFast,
		func(t *testing.T) string {
			dials, opener := countingDialer()
			client := newPlain(t, &redis.Options{Addr: redisconntest.ReserveAddr(t), Dialer: opener})
			began := time.Now()
			err := client.Get(t.Context(), "k").Err()
			if err == nil {
				t.Error("GET succeeds without a server")
			}
			return fmt.Sprintf("%s, %d dials", brief(time.Since(began)), dials.Load())
		},
		func(t *testing.T) string {
			var dialled int64
			worst := within(t, bound, "the slowest of 1000 calls", func() time.Duration {
				server := redisconntest.NewServer(t)
				dials, opener := countingDialer()
				client := open(t, server.Addr(), func(cfg *redisconn.Config) { cfg.WhenDown = redisconn.WhenDownFailFast }, redisconn.WithDialer(opener))
				warmUp(t, client, 5)
				server.Kill()
				redisconntest.Eventually(t, 5*time.Second, "Redis counts as down", func() bool { return client.State() == redisconn.StateDown })
				before, began := dials.Load(), time.Now()
				var worst longest
				for range calls {
					began := time.Now()
					err := client.Get(t.Context(), "k").Err()
					worst.note(time.Since(began))
					if !errors.Is(err, redisconn.ErrDown) || !redisconn.SafeToRetry(err) {
						t.Fatalf("GET returns %v, want ErrDown and nothing applied", err)
					}
				}
				dialled = dials.Load() - before
				// The monitor looks whether Redis is back; the calls themselves dial nothing.
				if most := int64(time.Since(began)/(50*time.Millisecond)) + 1; dialled > most {
					t.Errorf("%d dials while %d calls failed fast, want at most the monitor's %d", dialled, calls, most)
				}
				return worst.get()
			})
			return fmt.Sprintf("%s, the slowest of %d calls; %d dials, the monitor's", brief(worst), calls, dialled)
		})
}
