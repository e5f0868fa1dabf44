package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// requests are the ways in which a program asks something of Redis. Their keys are
// in one slot of a cluster.
var requests = map[string]func(ctx context.Context, client redis.UniversalClient) error{
	"GET": func(ctx context.Context, client redis.UniversalClient) error {
		return client.Get(ctx, "{r}absent").Err()
	},
	"INCR": func(ctx context.Context, client redis.UniversalClient) error { return client.Incr(ctx, "{r}n").Err() },
	"pipeline": func(ctx context.Context, client redis.UniversalClient) error {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return errors.Join(p.Get(ctx, "{r}k").Err(), p.Incr(ctx, "{r}n").Err()) })
		return err
	},
	"transaction": func(ctx context.Context, client redis.UniversalClient) error {
		_, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error { return errors.Join(p.Get(ctx, "{r}k").Err(), p.Incr(ctx, "{r}n").Err()) })
		return err
	},
	"WATCH": func(ctx context.Context, client redis.UniversalClient) error {
		return client.Watch(ctx, func(tx *redis.Tx) error { return tx.Get(ctx, "{r}absent").Err() }, "{r}k")
	},
}

// overdue sends every request, under every kind of context, some at a time, and
// returns by how much the worst of them outlived its budget.
func overdue(t *testing.T, client redis.UniversalClient, contexts map[string]func() (context.Context, context.CancelFunc, time.Duration)) time.Duration {
	t.Helper()
	const atATime = 3
	var all sync.WaitGroup
	var worst longest
	for request, send := range requests {
		for kind, make := range contexts {
			for range atATime {
				all.Go(func() {
					ctx, cancel, budget := make()
					defer cancel()
					began := time.Now()
					err := send(ctx, client)
					over := time.Since(began) - budget
					worst.note(over)
					if _, ours := client.(*redisconn.Client); ours && over > budgetSlack {
						t.Logf("%s with %s took its budget of %v and %v more: %v", request, kind, budget, over, err)
					}
				})
			}
		}
	}
	all.Wait()
	return worst.get()
}

const budgetSlack = 100 * time.Millisecond

// predicaments are the ways in which a call can be left without an answer. Each
// leads the client that open makes into it; the test ends it.
var predicaments = map[string]func(t *testing.T, open func(addr string, dial redisconn.DialFunc) redis.UniversalClient){
	"server stopped": func(t *testing.T, open func(string, redisconn.DialFunc) redis.UniversalClient) {
		server := redisconntest.NewServer(t)
		warmUp(t, open(server.Addr(), nil), poolSize)
		server.Pause()
	},
	"server stopped, connections yet to open": func(t *testing.T, open func(string, redisconn.DialFunc) redis.UniversalClient) {
		server := redisconntest.NewServer(t)
		open(server.Addr(), nil)
		server.Pause()
	},
	"link silent": func(t *testing.T, open func(string, redisconn.DialFunc) redis.UniversalClient) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		warmUp(t, open(proxy.Addr(), nil), poolSize)
		proxy.Blackhole()
	},
	"host unreachable": func(t *testing.T, open func(string, redisconn.DialFunc) redis.UniversalClient) {
		server := redisconntest.NewServer(t)
		nowhere := redisconntest.NewUnreachable(t)
		var away atomic.Bool
		proxy := redisconntest.NewProxy(t, server.Addr())
		open(proxy.Addr(), func(ctx context.Context, network, addr string) (net.Conn, error) {
			if away.Load() {
				addr = nowhere
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		})
		away.Store(true)
		proxy.CutAll()
	},
	"pool taken": func(t *testing.T, open func(string, redisconn.DialFunc) redis.UniversalClient) {
		server := redisconntest.NewServer(t)
		client := open(server.Addr(), nil)
		release := make(chan struct{})
		var all sync.WaitGroup
		var held atomic.Int64
		for range poolSize {
			all.Go(func() {
				err := client.Watch(t.Context(), func(*redis.Tx) error {
					held.Add(1)
					<-release
					return nil
				}, "held")
				if err != nil {
					t.Errorf("holding a connection: %v", err)
				}
			})
		}
		t.Cleanup(func() {
			close(release)
			all.Wait()
		})
		redisconntest.Eventually(t, 5*time.Second, "the pool is taken", func() bool { return held.Load() == poolSize })
	},
}

const poolSize = 4

func TestNoCallOutlivesItsBudget(t *testing.T) {
	const deadline, operation = 250 * time.Millisecond, time.Second
	withDeadline := func() (context.Context, context.CancelFunc, time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		return ctx, cancel, deadline
	}
	// each runs the predicaments side by side and returns the worst.
	each := func(t *testing.T, open func(t *testing.T, addr string, dial redisconn.DialFunc) redis.UniversalClient,
		contexts map[string]func() (context.Context, context.CancelFunc, time.Duration), check func(t *testing.T, what string, measure func() time.Duration) time.Duration) string {
		var worst longest
		t.Run("while", func(t *testing.T) {
			for name, enter := range predicaments {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					worst.note(check(t, "the worst call, beyond its budget,", func() time.Duration {
						var client redis.UniversalClient
						enter(t, func(addr string, dial redisconn.DialFunc) redis.UniversalClient {
							client = open(t, addr, dial)
							return client
						})
						return overdue(t, client, contexts)
					}))
				})
			}
		})
		return brief(worst.get())
	}
	t.Run("go-redis", func(t *testing.T) {
		onlyForThePage(t)
		contexts := map[string]func() (context.Context, context.CancelFunc, time.Duration){"a deadline": withDeadline}
		figure := each(t, func(t *testing.T, addr string, dial redisconn.DialFunc) redis.UniversalClient {
			client := newPlain(t, &redis.Options{Addr: addr, Dialer: dial, PoolSize: poolSize})
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			return client
		}, contexts, func(_ *testing.T, _ string, measure func() time.Duration) time.Duration { return measure() })
		rowBudgets.Plain("%s, counting only calls with a deadline", figure)
	})
	t.Run("redisconn", func(t *testing.T) {
		contexts := map[string]func() (context.Context, context.CancelFunc, time.Duration){
			"a deadline": withDeadline,
			"no deadline": func() (context.Context, context.CancelFunc, time.Duration) {
				return context.Background(), func() {}, operation
			},
			"a cancel function": func() (context.Context, context.CancelFunc, time.Duration) {
				ctx, cancel := context.WithCancel(context.Background())
				return ctx, cancel, operation
			},
		}
		rowBudgets.Here("%s", each(t, func(t *testing.T, addr string, dial redisconn.DialFunc) redis.UniversalClient {
			var opts []redisconn.Option
			if dial != nil {
				opts = append(opts, redisconn.WithDialer(dial))
			}
			return open(t, addr, func(cfg *redisconn.Config) {
				cfg.Pool.Size = poolSize
				cfg.Timeouts.Operation = operation
			}, opts...)
		}, contexts, func(t *testing.T, what string, measure func() time.Duration) time.Duration {
			return within(t, budgetSlack, what, measure)
		}))
	})
}

// Workers that wait for work held every connection of the pool, and a SET that
// found it taken waited until their timeouts ended.
func TestCommandsThatWaitLeaveThePoolToTheOthers(t *testing.T) {
	const workers, slack = 60, 500 * time.Millisecond
	block := func(t *testing.T, client redis.UniversalClient, server *redisconntest.Server, atOnce int) {
		var all sync.WaitGroup
		for range workers {
			all.Go(func() { _ = client.BLPop(t.Context(), time.Second, "queue").Err() }) // ends by its own timeout
		}
		t.Cleanup(all.Wait)
		redisconntest.Eventually(t, 5*time.Second, "they block", func() bool {
			return infoField(t, server, "clients", "blocked_clients") == fmt.Sprint(atOnce)
		})
	}
	set := func(client redis.UniversalClient) (time.Duration, error) {
		began := time.Now()
		err := client.Set(context.Background(), "k", "v", 0).Err()
		return time.Since(began), err
	}
	bothSides(t, rowStarved,
		func(t *testing.T) string {
			onlyForThePage(t)
			server := redisconntest.NewServer(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr(), PoolSize: 20})
			block(t, client, server, 20)
			took, err := set(client)
			if err != nil {
				return fmt.Sprintf("after %s: `%v`", brief(took), err)
			}
			return "after " + brief(took)
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			client := open(t, server.Addr(), func(cfg *redisconn.Config) { cfg.Pool.Size = 20 })
			block(t, client, server, workers)
			took, err := set(client)
			if err != nil || took > slack {
				t.Errorf("SET took %s and returned %v", took, err)
			}
			return "after " + brief(took)
		})
}

func TestCallThatFindsThePoolTakenIsToldByWhom(t *testing.T) {
	const size, slack = 5, 100 * time.Millisecond
	operation := redisconn.DefaultConfig().Timeouts.Operation
	hold := func(t *testing.T, client redis.UniversalClient, server *redisconntest.Server) {
		var all sync.WaitGroup
		for range size {
			all.Go(func() {
				_ = client.Watch(t.Context(), func(tx *redis.Tx) error { return tx.BLPop(context.Background(), 0, "queue").Err() }, "watched")
			})
		}
		t.Cleanup(all.Wait)
		redisconntest.Eventually(t, 5*time.Second, "all block", func() bool { return infoField(t, server, "clients", "blocked_clients") == fmt.Sprint(size) })
		// Cleanups run last to first: the pops return before they are waited for.
		t.Cleanup(func() {
			for range size {
				server.Client().LPush(context.Background(), "queue", "x")
			}
		})
	}
	bothSides(t, rowHeld,
		func(t *testing.T) string {
			onlyForThePage(t)
			server := redisconntest.NewServer(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr(), PoolSize: size})
			hold(t, client, server)
			began := time.Now()
			err := client.Get(t.Context(), "k").Err()
			return fmt.Sprintf("after %s: `%v`", brief(time.Since(began)), err)
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			client := open(t, server.Addr(), func(cfg *redisconn.Config) {
				cfg.Pool.Size, cfg.Pipelining = size, redisconn.PipeliningOff // which would not need the pool
			})
			hold(t, client, server)
			var err error
			took := within(t, operation+slack, "GET", func() time.Duration {
				began := time.Now()
				err = client.Get(t.Context(), "k").Err()
				return time.Since(began)
			})
			if redisconn.ClassOf(err) != redisconn.ClassPool || !strings.Contains(fmt.Sprint(err), "held by 5 watch") || !redisconn.SafeToRetry(err) {
				t.Errorf("GET returns %v, want class %s, nothing applied, and the 5 watch named", err, redisconn.ClassPool)
			}
			var failed *redisconn.CommandError
			if !errors.As(err, &failed) {
				t.Fatalf("GET returns %v, want a CommandError", err)
			}
			return fmt.Sprintf("after %s: pool-exhausted, held by %s", brief(took), strings.Split(failed.Pool.Holders, " for ")[0])
		})
}
