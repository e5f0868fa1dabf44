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

// freeze stops the server for so long under callers that alternate GET and
// HINCRBY, one call after the other, and returns how long the longest call took.
func freeze(t *testing.T, client redis.UniversalClient, server *redisconntest.Server, callers int, stopped time.Duration,
	bound func() (context.Context, context.CancelFunc), ledger *redisconntest.Ledger, seen *outcomes) time.Duration {
	t.Helper()
	var worst longest
	var over atomic.Bool
	var all sync.WaitGroup
	for worker := range callers {
		all.Go(func() {
			for n := worker; !over.Load(); n++ {
				ctx, cancel := bound()
				began := time.Now()
				if n%2 == 0 {
					seen.note(client.Get(ctx, "absent").Err())
				} else {
					seen.note(ledger.Do(ctx, client, worker))
				}
				worst.note(time.Since(began))
				cancel()
				time.Sleep(time.Millisecond) // a caller that has something else to do as well
			}
		})
	}
	redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return seen.calls.Load() > int64(4*callers) })
	server.Pause()
	time.Sleep(stopped) // the fault itself
	server.Resume()
	over.Store(true)
	all.Wait()
	return worst.get()
}

func TestCallsWithDeadlinesReturnInTimeFromAStoppedServer(t *testing.T) {
	const callers, deadline, slack, stopped = 50, 250 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second
	bound := func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), deadline) }
	bothSides(t, rowStopped,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			ledger := redisconntest.NewLedger("h")
			var seen outcomes
			client := newPlain(t, &redis.Options{Addr: server.Addr()})
			worst := freeze(t, client, server, callers, stopped, bound, ledger, &seen)
			return fmt.Sprintf("slowest call %s; %d of %d failed", brief(worst), seen.failed.Load(), seen.calls.Load())
		},
		func(t *testing.T) string {
			var seen *outcomes
			worst := within(t, deadline+slack, "the slowest call", func() time.Duration {
				server := redisconntest.NewServer(t)
				client := open(t, server.Addr(), nil)
				ledger := redisconntest.NewLedger("h")
				seen = &outcomes{}
				worst := freeze(t, client, server, callers, stopped, bound, ledger, seen)
				redisconntest.Eventually(t, 2*time.Second, "the client is ready again", func() bool { return client.State() == redisconn.StateReady })
				awaitQuiet(t, server)
				verdict := audit(t, ledger, server)
				if len(verdict.Twice) > 0 {
					t.Errorf("audit: %v", verdict)
				}
				for _, op := range verdict.ExecutedButFailed {
					if !errors.Is(op.Err, redisconn.ErrMaybeApplied) {
						t.Fatalf("a call that was executed was told otherwise: %v", op.Err)
					}
				}
				return worst
			})
			return fmt.Sprintf("slowest call %s; %d of %d failed, %d of these maybe", brief(worst), seen.failed.Load(), seen.calls.Load(), seen.maybe.Load())
		})
}

// awaitQuiet waits until the server has executed what stopped clients had sent:
// it reads every socket once in each turn of its loop, so when two questions have been
// answered one after the other nothing older is unread.
func awaitQuiet(t *testing.T, server *redisconntest.Server) {
	t.Helper()
	for range 2 {
		if err := server.Client().Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallsWithoutADeadlineReturnWithinTheOperationTimeoutFromAStoppedServer(t *testing.T) {
	const callers, slack, stopped = 50, 100 * time.Millisecond, 5 * time.Second
	operation := redisconn.DefaultConfig().Timeouts.Operation
	bound := func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }
	bothSides(t, rowStoppedFree,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			ledger := redisconntest.NewLedger("h")
			var seen outcomes
			client := newPlain(t, &redis.Options{Addr: server.Addr()})
			worst := freeze(t, client, server, callers, stopped, bound, ledger, &seen)
			awaitQuiet(t, server)
			return fmt.Sprintf("slowest call %s; %d of %d failed, %d twice", brief(worst), seen.failed.Load(), seen.calls.Load(), len(audit(t, ledger, server).Twice))
		},
		func(t *testing.T) string {
			var seen *outcomes
			var verdict redisconntest.Audit
			worst := within(t, operation+slack, "the slowest call", func() time.Duration {
				server := redisconntest.NewServer(t)
				client := open(t, server.Addr(), nil)
				ledger := redisconntest.NewLedger("h")
				seen = &outcomes{}
				worst := freeze(t, client, server, callers, stopped, bound, ledger, seen)
				awaitQuiet(t, server)
				if verdict = audit(t, ledger, server); len(verdict.Twice) > 0 {
					t.Errorf("audit: %v", verdict)
				}
				return worst
			})
			return fmt.Sprintf("slowest call %s; %d of %d failed, %d twice", brief(worst), seen.failed.Load(), seen.calls.Load(), len(verdict.Twice))
		})
}
