package faults_test

import (
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

// crash is what callers saw of a server that was killed and came back.
type crash struct {
	repeatable outcomes // GET and SET
	adding     outcomes // HINCRBY, in the ledger
	verdict    redisconntest.Audit
	recovery   time.Duration // from the server's first answer to the first success of a caller
}

// crashCallers is how many callers of each kind meet a crash.
const crashCallers = 50

// killUnderLoad kills the server under 50 callers of GET and SET and 50 of
// HINCRBY, leaves it down for a second and starts it again.
func killUnderLoad(t *testing.T, dial dialer) *crash {
	t.Helper()
	const callers, down = crashCallers, time.Second
	server := redisconntest.NewServer(t, redisconntest.WithAppendOnly())
	client := dial(t, server.Addr(), 0)
	ledger := redisconntest.NewLedger("h")
	var c crash
	var over atomic.Bool
	var back, recovered atomic.Pointer[time.Time]
	var all sync.WaitGroup
	load := func(seen *outcomes, call func(worker, n int) error) {
		for worker := range callers {
			all.Go(func() {
				for n := 0; !over.Load(); n++ {
					err := call(worker, n)
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
	load(&c.repeatable, func(worker, n int) error {
		if n%2 == 0 {
			return client.Set(t.Context(), "k", worker, 0).Err()
		}
		return client.Get(t.Context(), "k").Err()
	})
	load(&c.adding, func(worker, _ int) error { return ledger.Do(t.Context(), client, worker) })

	redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool {
		return c.repeatable.calls.Load() > 10*callers && c.adding.calls.Load() > 10*callers
	})
	server.Kill()
	time.Sleep(down) // the fault itself
	server.Start()
	answered := time.Now()
	back.Store(&answered)
	redisconntest.Eventually(t, 10*time.Second, "a caller succeeds again", func() bool { return recovered.Load() != nil })
	after := c.adding.calls.Load()
	redisconntest.Eventually(t, 10*time.Second, "the callers are at work again", func() bool { return c.adding.calls.Load() > after+10*callers })
	over.Store(true)
	all.Wait()
	c.recovery = recovered.Load().Sub(answered)
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
