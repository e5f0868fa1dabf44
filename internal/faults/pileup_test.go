package faults_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// The tests of this file count the goroutines and the memory of the process, so
// nothing else runs beside them.

// pile is what a process holds at one moment.
type pile struct {
	goroutines int
	heap       int64 // bytes in use
}

// weigh counts what is there, without what nobody needs any more.
func weigh() pile {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return pile{runtime.NumGoroutine(), int64(memory.HeapAlloc + memory.StackInuse)}
}

// above is how much more there is than before.
func (p pile) above(before pile) pile {
	return pile{p.goroutines - before.goroutines, max(0, p.heap-before.heap)}
}

func (p pile) String() string {
	return fmt.Sprintf("%d goroutines, %.1f MB", p.goroutines, float64(p.heap)/(1<<20))
}

// overload has first one call for each place of the bound under way, through a
// proxy that answers late, and then nine times as many come.
type overload struct {
	refused, served, failed atomic.Int64
	refusal, call           longest // the longest of each
	grown                   pile    // while the first ones were under way and the others had been
}

func (o *overload) get(ctx context.Context, client redis.UniversalClient) {
	began := time.Now()
	err := client.Get(ctx, "absent").Err()
	took := time.Since(began)
	o.call.note(took)
	switch {
	case errors.Is(err, redisconn.ErrOverloaded):
		o.refused.Add(1)
		o.refusal.note(took)
	case errors.Is(err, redis.Nil):
		o.served.Add(1)
	default:
		o.failed.Add(1)
	}
}

func TestOverloadIsRefusedAtOnceAndTakesNoMemory(t *testing.T) {
	const bound, callers, late, atOnce = 200, 2000, 500 * time.Millisecond, 5 * time.Millisecond
	oneAfterTheOther(t, rowOverload,
		func(t *testing.T) string {
			onlyForThePage(t)
			proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
			client := newPlain(t, &redis.Options{Addr: proxy.Addr()})
			proxy.Delay(late)
			var o overload
			before := weigh()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() { o.get(t.Context(), client) })
			}
			time.Sleep(late) // for them to pile up; how long they take is what is measured
			grown := weigh().above(before)
			all.Wait()
			return fmt.Sprintf("all %d wait: %v; %d served, %d failed, the slowest after %s", callers, grown, o.served.Load(), o.failed.Load(), brief(o.call.get()))
		},
		func(t *testing.T) string {
			var o *overload
			refusal := within(t, atOnce, "the slowest refusal", func() time.Duration {
				o = overrun(t, bound, callers, late)
				return o.refusal.get()
			})
			return fmt.Sprintf("%d served, %d refused within %s; %v", o.served.Load(), o.refused.Load(), brief(refusal), o.grown)
		})
}

func overrun(t *testing.T, bound, callers int, late time.Duration) *overload {
	t.Helper()
	proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
	client := open(t, proxy.Addr(), func(cfg *redisconn.Config) { cfg.Pool.MaxInFlight = bound })
	warmUp(t, client, 20)
	proxy.Delay(late)
	var o overload
	before := weigh()
	var first sync.WaitGroup
	for range bound {
		first.Go(func() { o.get(t.Context(), client) })
	}
	redisconntest.Eventually(t, 5*time.Second, "as many calls are under way as may be", func() bool { return client.Stats().InFlight == int64(bound) })
	crowd(callers-bound, func(int) { o.get(t.Context(), client) })
	o.grown = weigh().above(before)
	first.Wait()
	if o.failed.Load() > 0 || o.refused.Load() == 0 || o.served.Load() < int64(bound) {
		t.Errorf("of %d calls %d were served, %d refused and %d failed; want the first %d served and the others refused, or served when there is room",
			callers, o.served.Load(), o.refused.Load(), o.failed.Load(), bound)
	}
	// A call under way costs its goroutine and what waits with it; the proxy's connections are in this process too.
	if most := (pile{bound + 100, int64(bound) * 64 << 10}); o.grown.goroutines > most.goroutines || o.grown.heap > most.heap {
		t.Errorf("%v more under overload, want at most %v", o.grown, most)
	}
	return &o
}

// arrivals sends a call each tick, each in a goroutine of its own and with the
// same deadline, whether those before it are back or not.
type arrivals struct {
	inside, worst atomic.Int64 // calls that are not back, now and at most
	sent          atomic.Int64
}

func (a *arrivals) keep(ctx context.Context, client redis.UniversalClient, every, deadline time.Duration) (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			a.sent.Add(1)
			a.worst.Store(max(a.worst.Load(), a.inside.Add(1))) // this goroutine alone adds
			all.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, deadline)
				defer cancel()
				_ = client.Get(ctx, "absent").Err() // it fails, as it must
				a.inside.Add(-1)
			})
		}
	})
	return func() {
		close(end)
		all.Wait()
	}
}

// A client that leaves something behind for each call that it gives up, a
// goroutine that waits for the reply or a connection that nobody closes, grows
// for as long as Redis is down.
func TestAnOutageTakesNoMoreMemoryTheLongerItLasts(t *testing.T) {
	const every, deadline = 2 * time.Millisecond, 100 * time.Millisecond
	const early, late = time.Second, 5 * time.Second
	scenario := func(t *testing.T, dial dialer, afterTheStop func(redis.UniversalClient)) (then, finally pile, most int64) {
		server := redisconntest.NewServer(t)
		client := dial(t, server.Addr(), 0)
		var calls arrivals
		stop := calls.keep(t.Context(), client, every, deadline)
		redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return calls.sent.Load() > 50 })
		before := weigh()
		server.Pause()
		began := time.Now()
		afterTheStop(client)
		time.Sleep(time.Until(began.Add(early))) // the fault itself
		then = weigh().above(before)
		time.Sleep(time.Until(began.Add(late)))
		finally = weigh().above(before)
		stop()
		server.Resume()
		return then, finally, calls.worst.Load()
	}
	row := func(then, finally pile, most int64) string {
		return fmt.Sprintf("%v after %v, %v after %v; %d calls at once", then, early, finally, late, most)
	}
	oneAfterTheOther(t, rowGrowth,
		func(t *testing.T) string {
			onlyForThePage(t)
			rowDetection.Plain("has no health")
			return row(scenario(t, dialPlain, func(redis.UniversalClient) {}))
		},
		func(t *testing.T) string {
			health := redisconn.DefaultConfig().Health
			limit := time.Duration(health.FailAfter)*health.Timeout + health.Interval
			var then, finally pile
			var most int64
			var down atomic.Int64
			warned := within(t, time.Second, "the time until health warns", func() (warned time.Duration) {
				then, finally, most = scenario(t, dialHere, func(c redis.UniversalClient) {
					client, began := c.(*redisconn.Client), time.Now()
					events, stop := client.Events(64)
					go func() {
						for event := range events {
							if event.Kind == redisconn.EventOutageBegan {
								down.Store(int64(time.Since(began)))
								stop()
							}
						}
					}()
					redisconntest.Eventually(t, 5*time.Second, "health warns", func() bool { return client.LastHealth().Status == redisconn.StatusWarn })
					warned = time.Since(began)
				})
				return warned
			})
			if d := time.Duration(down.Load()); d == 0 || d > limit {
				t.Errorf("down after %v, want within %v: %d probes of %v, and one interval", d, limit, health.FailAfter, health.Timeout)
			}
			rowDetection.Here("health warns after %s, the state is down after %s", brief(warned), brief(time.Duration(down.Load())))
			if finally.goroutines > then.goroutines+20 || finally.heap > then.heap+2<<20 {
				t.Errorf("%v more after %v, and %v after %v: it grows", then, early, finally, late)
			}
			// As many as come within a deadline, and a fifth for a machine that is late itself.
			if at := int64(deadline / every); most > at*12/10 {
				t.Errorf("up to %d calls at once, where %d come within a deadline", most, at)
			}
			return row(then, finally, most)
		})
}
