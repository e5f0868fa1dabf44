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
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

// underLoad keeps n callers incrementing until one of their calls fails. It
// returns when every one of them has had a first answer.
func underLoad(t *testing.T, n int, client redis.UniversalClient, ledger *redisconntest.Ledger, seen *outcomes) (wait func()) {
	t.Helper()
	var all, warm sync.WaitGroup
	warm.Add(n)
	for worker := range n {
		all.Go(func() {
			started := sync.OnceFunc(warm.Done)
			defer started()
			for {
				err := ledger.Do(t.Context(), client, worker)
				seen.note(err)
				if err != nil {
					return
				}
				started()
			}
		})
	}
	warm.Wait()
	return all.Wait
}

func TestShutdownUnderLoadLeavesNothingExecutedButUnacknowledged(t *testing.T) {
	t.Run("replies late", func(t *testing.T) { drainUnderLoad(t, rowDrainLoad, 20*time.Millisecond) })
	t.Run("replies at once", func(t *testing.T) { drainUnderLoad(t, rowDrainLoadFast, 0) })
}

func drainUnderLoad(t *testing.T, row *faults.Row, late time.Duration) {
	const callers = 200
	bothSides(t, row,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			proxy.Delay(late)
			client := newPlain(t, &redis.Options{Addr: proxy.Addr(), PoolSize: callers})
			ledger := redisconntest.NewLedger("h")
			var seen outcomes
			wait := underLoad(t, callers, client, ledger, &seen)
			if err := client.Close(); err != nil {
				t.Logf("Close: %v", err)
			}
			wait()
			settled(t, proxy)
			verdict := audit(t, ledger, server)
			return fmt.Sprintf("%d executed but reported as failed", len(verdict.ExecutedButFailed))
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			proxy.Delay(late)
			client := open(t, proxy.Addr(), func(cfg *redisconn.Config) { cfg.Pool.Size = callers })
			ledger := redisconntest.NewLedger("h")
			var seen outcomes
			wait := underLoad(t, callers, client, ledger, &seen)
			receipt, err := client.Drain(timeout(t, 5*time.Second))
			wait()
			settled(t, proxy)
			verdict := audit(t, ledger, server)
			if err != nil || receipt.Abandoned != 0 || receipt.InFlight != receipt.Drained || receipt.InFlight == 0 {
				t.Errorf("receipt %v, error %v; want all of some drained, none abandoned, no error", receipt, err)
			}
			if len(verdict.ExecutedButFailed) > 0 || len(verdict.Twice) > 0 {
				t.Errorf("audit: %v", verdict)
			}
			if refused := seen.firstPlain(); seen.plainly.Load() != callers || !errors.Is(refused, redisconn.ErrDraining) && !errors.Is(refused, redisconn.ErrClosed) {
				t.Errorf("%d callers were refused (%v) and %d told maybe; want %d refused with ErrDraining", seen.plainly.Load(), refused, seen.maybe.Load(), callers)
			}
			return fmt.Sprintf("%d; receipt: %d in flight, %d drained, %d abandoned",
				len(verdict.ExecutedButFailed), receipt.InFlight, receipt.Drained, receipt.Abandoned)
		})
}

const (
	drainBudget = 500 * time.Millisecond
	drainSlack  = 100 * time.Millisecond
)

func TestShutdownWhileTheServerIsStoppedEndsAtItsDeadline(t *testing.T) {
	const callers = 50
	bothSides(t, rowDrainStopped,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr(), PoolSize: callers})
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			server.Pause()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() { _ = client.Incr(t.Context(), "n").Err() })
			}
			redisconntest.Eventually(t, 2*time.Second, "the calls are under way", func() bool {
				stats := client.PoolStats()
				return int(stats.TotalConns-stats.IdleConns) >= callers/2
			})
			began := time.Now()
			if err := client.Close(); err != nil {
				t.Logf("Close: %v", err)
			}
			took := time.Since(began)
			all.Wait()
			return fmt.Sprintf("Close after %s without a drain; callers told `redis: client is closed`, nothing of an effect", brief(took))
		},
		func(t *testing.T) string {
			var seen *outcomes
			took := within(t, drainBudget+drainSlack, "Drain", func() time.Duration {
				server := redisconntest.NewServer(t)
				client := dialDirect(t, server.Addr(), callers).(*redisconn.Client)
				warmUp(t, client, callers)
				server.Pause()
				seen = &outcomes{}
				var all sync.WaitGroup
				for range callers {
					all.Go(func() { seen.note(client.Incr(t.Context(), "n").Err()) })
				}
				redisconntest.Eventually(t, 2*time.Second, "the calls are under way", func() bool {
					return client.Stats().InFlight == callers
				})
				ctx, cancel := context.WithTimeout(t.Context(), drainBudget)
				defer cancel()
				began := time.Now()
				receipt, err := client.Drain(ctx)
				took := time.Since(began)
				all.Wait()
				if !errors.Is(err, redisconn.ErrDrainIncomplete) || receipt.Abandoned != callers || receipt.Drained != 0 {
					t.Errorf("receipt %v, error %v; want %d abandoned and ErrDrainIncomplete", receipt, err, callers)
				}
				return took
			})
			if seen.maybe.Load() != callers {
				t.Errorf("%d of %d callers were told maybe; another was told %v", seen.maybe.Load(), callers, seen.firstPlain())
			}
			return fmt.Sprintf("back after %s; %d callers told maybe", brief(took), seen.maybe.Load())
		})
}

// warmUp opens n connections of the pool: a call that has to open one first has not been sent yet.
func warmUp(t *testing.T, client redis.UniversalClient, n int) {
	t.Helper()
	var all sync.WaitGroup
	release := make(chan struct{})
	var held atomic.Int64
	for range n {
		all.Go(func() {
			err := client.Watch(t.Context(), func(*redis.Tx) error {
				held.Add(1)
				<-release
				return nil
			}, "warm")
			if err != nil {
				t.Errorf("opening a connection: %v", err)
			}
		})
	}
	redisconntest.Eventually(t, 5*time.Second, "all connections are open", func() bool { return held.Load() == int64(n) || t.Failed() })
	close(release)
	all.Wait()
}

func TestShutdownWithABlockedPopEndsAtItsDeadline(t *testing.T) {
	bothSides(t, rowDrainBlocked,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr()})
			told := make(chan error, 1)
			go func() { told <- client.BLPop(t.Context(), 0, "queue").Err() }()
			awaitBlocked(t, server)
			began := time.Now()
			if err := client.Close(); err != nil {
				t.Logf("Close: %v", err)
			}
			took := time.Since(began)
			return fmt.Sprintf("Close after %s; the caller told `%v`", brief(took), <-told)
		},
		func(t *testing.T) string {
			var told error
			took := within(t, drainBudget+drainSlack, "Drain", func() time.Duration {
				server := redisconntest.NewServer(t)
				client := open(t, server.Addr(), nil)
				result := make(chan error, 1)
				go func() { result <- client.BLPop(t.Context(), 0, "queue").Err() }()
				awaitBlocked(t, server)
				ctx, cancel := context.WithTimeout(t.Context(), drainBudget)
				defer cancel()
				began := time.Now()
				receipt, err := client.Drain(ctx)
				took := time.Since(began)
				if !errors.Is(err, redisconn.ErrDrainIncomplete) || receipt.Abandoned != 1 {
					t.Errorf("receipt %v, error %v; want 1 abandoned and ErrDrainIncomplete", receipt, err)
				}
				told = <-result
				return took
			})
			if !errors.Is(told, redisconn.ErrMaybeApplied) || !errors.Is(told, redisconn.ErrClosed) {
				t.Errorf("the caller of BLPOP was told %v, want ErrMaybeApplied and ErrClosed", told)
			}
			return fmt.Sprintf("back after %s; the caller told maybe", brief(took))
		})
}

func awaitBlocked(t *testing.T, server *redisconntest.Server) {
	t.Helper()
	redisconntest.Eventually(t, 2*time.Second, "BLPOP blocks", func() bool {
		return infoField(t, server, "clients", "blocked_clients") == "1"
	})
}

// TestShutdownLeavesNoGoroutineAndNoConnection runs alone: a goroutine does not know whose it is.
func TestShutdownLeavesNoGoroutineAndNoConnection(t *testing.T) {
	server := redisconntest.NewServer(t)
	server.ConnectedClients() // opens the kit's own connection
	busy := func(t *testing.T, client redis.UniversalClient) {
		crowd(20, func(int) {
			for range 20 {
				if err := client.Incr(t.Context(), "n").Err(); err != nil {
					t.Errorf("INCR: %v", err)
				}
			}
		})
	}
	// alone runs a scenario and fails the test when something of it is left.
	alone := func(name string, scenario func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			redisconntest.NoLeaks(t)
			scenario(t)
			redisconntest.Eventually(t, 2*time.Second, "the server has no connection left", func() bool { return server.ConnectedClients() == 0 })
		})
	}

	before := runtime.NumGoroutine()
	plain := redis.NewClient(server.Options())
	busy(t, plain)
	messages := plain.Subscribe(t.Context(), "news")
	_ = messages.Channel()
	if err := plain.Close(); err != nil {
		t.Errorf("go-redis Close: %v", err)
	}
	time.Sleep(leakPause)
	rowLeaks.Plain("%d goroutine(s) for a subscription left open, none without; %d connections", runtime.NumGoroutine()-before, server.ConnectedClients())
	if err := messages.Close(); err != nil {
		t.Errorf("closing the subscription: %v", err)
	}

	alone("after load, with a subscription open", func(t *testing.T) {
		client := open(t, server.Addr(), nil)
		busy(t, client)
		messages := client.Subscribe(t.Context(), "news")
		channel := messages.Channel()
		receipt, err := client.Drain(timeout(t, time.Second))
		if err != nil || receipt.Subscriptions != 1 {
			t.Errorf("receipt %v, error %v; want 1 subscription closed and no error", receipt, err)
		}
		for range channel { // closed by the drain
		}
		again, err := client.Drain(timeout(t, time.Second))
		if err != nil || again != receipt {
			t.Errorf("a second Drain returns %v, %v; want the receipt of the first, %v", again, err, receipt)
		}
	})
	alone("ten at once", func(t *testing.T) {
		client := open(t, server.Addr(), nil)
		busy(t, client)
		receipts := make([]redisconn.Receipt, 10)
		crowd(len(receipts), func(i int) {
			var err error
			if receipts[i], err = client.Drain(timeout(t, time.Second)); err != nil {
				t.Errorf("Drain: %v", err)
			}
		})
		for _, receipt := range receipts {
			if receipt != receipts[0] {
				t.Errorf("two receipts of one drain: %v and %v", receipt, receipts[0])
			}
		}
	})
	alone("before Connect", func(t *testing.T) {
		client := newHere(t, server.Addr(), nil)
		if _, err := client.Drain(timeout(t, time.Second)); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if err := client.Connect(t.Context()); !errors.Is(err, redisconn.ErrClosed) {
			t.Errorf("Connect after Drain returns %v, want ErrClosed", err)
		}
	})
	alone("amid Connect", func(t *testing.T) {
		for i := range 50 {
			client := newHere(t, server.Addr(), nil)
			connected := make(chan error, 1)
			go func() { connected <- client.Connect(t.Context()) }()
			redisconntest.Eventually(t, time.Second, "Connect is under way", func() bool { return client.State() != redisconn.StateIdle })
			spin(i) // another moment each time
			if _, err := client.Drain(timeout(t, time.Second)); err != nil {
				t.Errorf("Drain: %v", err)
			}
			if err := <-connected; err != nil && !errors.Is(err, redisconn.ErrClosed) && !errors.Is(err, redisconn.ErrDraining) {
				t.Errorf("Connect returns %v, want nil, ErrDraining or ErrClosed", err)
			}
			if client.State() != redisconn.StateClosed {
				t.Errorf("state %s after Drain", client.State())
			}
		}
	})
	alone("after an outage", func(t *testing.T) {
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := open(t, proxy.Addr(), nil)
		proxy.Refuse()
		redisconntest.Eventually(t, 5*time.Second, "Redis counts as down", func() bool { return client.State() == redisconn.StateDown })
		waiting := make(chan error, 1)
		go func() { waiting <- client.Incr(context.WithoutCancel(t.Context()), "n").Err() }()
		redisconntest.Eventually(t, time.Second, "the call waits", func() bool { return client.Stats().InFlight == 1 })
		receipt, err := client.Drain(timeout(t, 200*time.Millisecond))
		if !errors.Is(err, redisconn.ErrDrainIncomplete) || receipt.Abandoned != 1 {
			t.Errorf("receipt %v, error %v; want 1 abandoned and ErrDrainIncomplete", receipt, err)
		}
		if err := <-waiting; !errors.Is(err, redisconn.ErrClosed) || errors.Is(err, redisconn.ErrMaybeApplied) {
			t.Errorf("the waiting call was told %v, want ErrClosed without maybe: it was never sent", err)
		}
	})
	if !t.Failed() {
		rowLeaks.Here("0 goroutines, 0 connections")
	}
}

// leakPause is for goroutines that end by themselves to do so, before those of go-redis are counted.
const leakPause = 200 * time.Millisecond

// spin passes some tens of microseconds, i times over, without giving up the processor for long.
func spin(i int) {
	for end := time.Now().Add(time.Duration(i) * 30 * time.Microsecond); time.Now().Before(end); {
		runtime.Gosched()
	}
}
