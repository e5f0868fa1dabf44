package faults_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
)

// bothSides runs a scenario with plain go-redis and with redisconn, at the same
// time where the machine has two cores, each on servers of its own. They return
// what goes into the row.
func bothSides(t *testing.T, row *faults.Row, plain, here func(t *testing.T) string) {
	t.Helper()
	oneAfterTheOther(t, row,
		func(t *testing.T) string {
			t.Parallel()
			return plain(t)
		},
		func(t *testing.T) string {
			t.Parallel()
			return here(t)
		})
}

// oneAfterTheOther is bothSides where milliseconds count.
func oneAfterTheOther(t *testing.T, row *faults.Row, plain, here func(t *testing.T) string) {
	t.Helper()
	t.Run("go-redis", func(t *testing.T) {
		figure := plain(t)
		t.Log(figure)
		row.Plain("%s", figure)
	})
	t.Run("redisconn", func(t *testing.T) {
		figure := here(t)
		t.Log(figure)
		row.Here("%s", figure)
	})
}

// bothClients is bothSides for scenarios that treat the two alike.
func bothClients(t *testing.T, row *faults.Row, scenario func(t *testing.T, dial dialer) string) {
	t.Helper()
	bothSides(t, row,
		func(t *testing.T) string { return scenario(t, dialPlain) },
		func(t *testing.T) string { return scenario(t, dialHere) })
}

// dialer makes either client for an address, with its defaults but for the
// size of the pool (0: that as well).
type dialer func(t *testing.T, addr string, pool int) redis.UniversalClient

func dialPlain(t *testing.T, addr string, pool int) redis.UniversalClient {
	return newPlain(t, &redis.Options{Addr: addr, PoolSize: pool})
}

func dialHere(t *testing.T, addr string, pool int) redis.UniversalClient {
	return open(t, addr, func(cfg *redisconn.Config) { cfg.Pool.Size = pool })
}

// dialDirect is dialHere for what only a connection of one's own shows: how many
// calls one cut costs, or that a call waits for the pool.
func dialDirect(t *testing.T, addr string, pool int) redis.UniversalClient {
	return open(t, addr, func(cfg *redisconn.Config) { cfg.Pool.Size, cfg.Pipelining = pool, redisconn.PipeliningOff })
}

// newPlain makes a plain client that the test closes.
func newPlain(t *testing.T, options *redis.Options) *redis.Client {
	t.Helper()
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			t.Logf("go-redis Close: %v", err) // of a client that the fault hit: its own affair
		}
	})
	return client
}

// open connects a redisconn client that the test closes.
func open(t *testing.T, addr string, change func(*redisconn.Config), opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	client := newHere(t, addr, change, opts...)
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

// newHere makes a redisconn client that is not connected yet. Its defaults are
// in force but for the log, which goes nowhere, and the patience of its end.
func newHere(t *testing.T, addr string, change func(*redisconn.Config), opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	var cfg redisconn.Config
	cfg.Connection.Addrs = []string{addr}
	cfg.Timeouts.Shutdown = time.Second
	cfg.Pipelining = redisconn.Pipelining(*pipelining)
	if change != nil {
		change(&cfg)
	}
	quiet := redisconn.WithLogger(slog.New(slog.DiscardHandler))
	client, err := redisconn.New(cfg, append([]redisconn.Option{quiet}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redisconn.ErrDrainIncomplete) {
			t.Errorf("Close: %v", err)
		}
	})
	return client
}

// crowd runs work in n goroutines and waits for all of them.
func crowd(n int, work func(worker int)) {
	var all sync.WaitGroup
	for worker := range n {
		all.Go(func() { work(worker) })
	}
	all.Wait()
}

// outcomes counts how calls ended.
type outcomes struct {
	calls, failed, maybe, plainly atomic.Int64 // plainly: failed without ErrMaybeApplied

	mu    sync.Mutex
	first error // of the failures that do not say maybe
}

// note enters the end of a call.
func (o *outcomes) note(err error) {
	o.calls.Add(1)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return
	case errors.Is(err, redisconn.ErrMaybeApplied):
		o.maybe.Add(1)
	default:
		o.plainly.Add(1)
		o.mu.Lock()
		if o.first == nil {
			o.first = err
		}
		o.mu.Unlock()
	}
	o.failed.Add(1)
}

// firstPlain returns the first failure without ErrMaybeApplied.
func (o *outcomes) firstPlain() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first
}

// timeout is a context for one call.
func timeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
