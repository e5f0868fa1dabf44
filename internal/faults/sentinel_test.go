package faults_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// sentinelDialer makes either client for a Sentinel deployment, with its
// defaults but for a time budget longer than any failover here.
type sentinelDialer func(t *testing.T, s *redisconntest.Sentinel) redis.UniversalClient

func sentinelPlain(t *testing.T, s *redisconntest.Sentinel) redis.UniversalClient {
	client := redis.NewFailoverClient(s.FailoverOptions())
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			t.Logf("go-redis Close: %v", err) // of a client that the fault hit: its own affair
		}
	})
	return client
}

func sentinelHere(t *testing.T, s *redisconntest.Sentinel) redis.UniversalClient {
	return openSentinel(t, s, nil)
}

func openSentinel(t *testing.T, s *redisconntest.Sentinel, change func(*redisconn.Config)) *redisconn.Client {
	t.Helper()
	return open(t, "", func(cfg *redisconn.Config) {
		cfg.Connection.Addrs, cfg.Sentinel.Master = s.SentinelAddrs(), s.MasterName()
		cfg.Timeouts.Operation = 10 * time.Second
		if change != nil {
			change(cfg)
		}
	})
}

// amongOthers lets a test run beside others that wait for sentinels most of their
// time, unless what it measures goes onto a page.
func amongOthers(t *testing.T) {
	if !measuringAll() {
		t.Parallel()
	}
}

// announced waits for the sentinels' +switch-master, on subscriptions of its own.
func announced(t *testing.T, s *redisconntest.Sentinel) (at func() time.Time) {
	t.Helper()
	var first atomic.Pointer[time.Time]
	for _, sentinel := range s.Sentinels() {
		messages := sentinel.Client().Subscribe(t.Context(), "+switch-master")
		if _, err := messages.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = messages.Close() })
		go func() {
			for range messages.Channel() {
				now := time.Now()
				first.CompareAndSwap(nil, &now)
			}
		}()
	}
	return func() time.Time {
		redisconntest.Eventually(t, 20*time.Second, "a sentinel announces the switch", func() bool { return first.Load() != nil })
		return *first.Load()
	}
}

// failover is what callers saw of one.
type failover struct {
	repeatable outcomes // SET
	adding     outcomes // HINCRBY, in the ledger
	verdict    redisconntest.Audit
	pause      time.Duration // the longest time in which no write succeeded
	lag        time.Duration // from the announcement to the first success after it; negative: it came before
}

// failOver puts callers of SET and of HINCRBY to work, lets the master fall and
// waits until they are at work on its successor.
func failOver(t *testing.T, s *redisconntest.Sentinel, client redis.UniversalClient, callers int, fall func() (successor *redisconntest.Server)) *failover {
	t.Helper()
	switched := announced(t, s)
	ledger := redisconntest.NewLedger("h")
	var f failover
	var over atomic.Bool
	var worst longest
	var last, resumed atomic.Int64 // the last success; the end of the longest pause
	var all sync.WaitGroup
	load := func(seen *outcomes, call func(worker int) error) {
		for worker := range callers {
			all.Go(func() {
				for !over.Load() {
					err := call(worker)
					seen.note(err)
					if now := time.Now().UnixNano(); err == nil {
						if before := last.Swap(now); before > 0 && time.Duration(now-before) > worst.get() {
							worst.note(time.Duration(now - before))
							resumed.Store(now)
						}
					}
					time.Sleep(time.Millisecond) // a caller that has something else to do as well
				}
			})
		}
	}
	load(&f.repeatable, func(worker int) error { return client.Set(t.Context(), "k", worker, 0).Err() })
	load(&f.adding, func(worker int) error { return ledger.Do(t.Context(), client, worker) })
	atWork := func() {
		t.Helper()
		set, add := f.repeatable.calls.Load(), f.adding.calls.Load()
		redisconntest.Eventually(t, 20*time.Second, "the callers are at work", func() bool {
			return f.repeatable.calls.Load() > set+int64(5*callers) && f.adding.calls.Load() > add+int64(5*callers)
		})
	}
	atWork()
	successor := fall()
	at := switched()
	atWork()
	redisconntest.Eventually(t, 20*time.Second, "writes reach the successor", func() bool {
		return client.Set(t.Context(), "reached", "yes", 0).Err() == nil && successor.Client().Get(t.Context(), "reached").Val() == "yes"
	})
	over.Store(true)
	all.Wait()
	f.pause = worst.get()
	f.lag = time.Unix(0, resumed.Load()).Sub(at)
	var err error
	if f.verdict, err = ledger.Audit(t.Context(), successor.Client()); err != nil {
		t.Fatal(err)
	}
	return &f
}

// relative says when, as seen from the announcement.
func (f *failover) relative() string {
	if f.lag < 0 {
		return brief(-f.lag) + " before the sentinels announce it"
	}
	return brief(f.lag) + " after the sentinels announce it"
}

func (f *failover) adds() string {
	return fmt.Sprintf("%d of %d failed, %d of these executed; %d twice, %d lost by replication", f.adding.failed.Load(), f.adding.calls.Load(),
		len(f.verdict.ExecutedButFailed), len(f.verdict.Twice), len(f.verdict.Lost))
}

// holdsPromises checks what is promised of every failover.
func (f *failover) holdsPromises(t *testing.T, callers int) {
	t.Helper()
	if f.repeatable.failed.Load() > 0 {
		t.Errorf("%d of %d SET failed, %d of them with maybe; first other: %v",
			f.repeatable.failed.Load(), f.repeatable.calls.Load(), f.repeatable.maybe.Load(), f.repeatable.firstPlain())
	}
	if f.adding.plainly.Load() > 0 {
		t.Errorf("%d HINCRBY failed without maybe; first: %v", f.adding.plainly.Load(), f.adding.firstPlain())
	}
	// Each caller has one call at a time, and is told once: on its next attempt it waits.
	if f.adding.maybe.Load() > int64(callers) {
		t.Errorf("%d HINCRBY were told maybe, %d could have been in flight", f.adding.maybe.Load(), callers)
	}
	if len(f.verdict.Twice) > 0 {
		t.Errorf("audit: %v", f.verdict)
	}
}

func TestKilledMasterCostsOnlyTheWritesInFlight(t *testing.T) {
	amongOthers(t)
	const callers, slack = 50, 300 * time.Millisecond
	kill := func(t *testing.T, dial sentinelDialer) *failover {
		s := redisconntest.NewSentinel(t)
		client := dial(t, s)
		return failOver(t, s, client, callers, func() *redisconntest.Server { return s.AwaitSwitch(s.KillMaster()) })
	}
	sets := func(f *failover) string {
		return fmt.Sprintf("%d of %d failed; %s without a write, until %s", f.repeatable.failed.Load(), f.repeatable.calls.Load(), brief(f.pause), f.relative())
	}
	bothSides(t, rowSentinelKill,
		func(t *testing.T) string {
			onlyForThePage(t)
			f := kill(t, sentinelPlain)
			rowSentinelKillIncr.Plain("%s", f.adds())
			return sets(f)
		},
		func(t *testing.T) string {
			var f *failover
			within(t, slack, "the first write after the announcement", func() time.Duration {
				f = kill(t, sentinelHere)
				return f.lag
			})
			f.holdsPromises(t, callers)
			rowSentinelKillIncr.Here("%s", f.adds())
			return sets(f)
		})
}

func TestStoppedMasterIsLeftAndNotReturnedTo(t *testing.T) {
	amongOthers(t)
	const callers, slack = 50, 300 * time.Millisecond
	stop := func(t *testing.T, dial sentinelDialer) (f *failover, toOld int) {
		s := redisconntest.NewSentinel(t)
		client := dial(t, s)
		var old *redisconntest.Server
		f = failOver(t, s, client, callers, func() *redisconntest.Server {
			old = s.PauseMaster()
			return s.AwaitSwitch(old)
		})
		// It comes back and takes itself for the master until the sentinels have told it.
		old.Resume()
		for i := range 200 {
			if err := client.Set(t.Context(), fmt.Sprintf("late:%d", i), "v", 0).Err(); err != nil {
				t.Errorf("a write after the old master came back: %v", err)
				break
			}
		}
		kept := s.Master().Client().Exists(t.Context(), lateKeys()...).Val()
		return f, 200 - int(kept)
	}
	figure := func(f *failover, toOld int) string {
		return fmt.Sprintf("%d of %d SET failed; %s without a write; %s; %d writes to the old master after it came back",
			f.repeatable.failed.Load(), f.repeatable.calls.Load(), brief(f.pause), f.adds(), toOld)
	}
	bothSides(t, rowSentinelStop,
		func(t *testing.T) string {
			onlyForThePage(t)
			return figure(stop(t, sentinelPlain))
		},
		func(t *testing.T) string {
			var f *failover
			var toOld int
			within(t, slack, "the first write after the announcement", func() time.Duration {
				f, toOld = stop(t, sentinelHere)
				return f.lag
			})
			f.holdsPromises(t, callers)
			if toOld > 0 {
				t.Errorf("%d writes went to the old master", toOld)
			}
			return figure(f, toOld)
		})
}

func lateKeys() []string {
	keys := make([]string, 200)
	for i := range keys {
		keys[i] = fmt.Sprintf("late:%d", i)
	}
	return keys
}

func TestPlannedFailoverLosesNoWriteThatTheGateHolds(t *testing.T) {
	amongOthers(t)
	const callers, pause = 10, 2 * time.Second
	plan := func(t *testing.T, dial sentinelDialer) *failover {
		s := redisconntest.NewSentinel(t)
		return failOver(t, s, dial(t, s), callers, s.Failover)
	}
	figure := func(f *failover) string {
		return fmt.Sprintf("%d lost of %d, %d failed, pause %s", len(f.verdict.Lost), f.adding.calls.Load(), f.adding.failed.Load()+f.repeatable.failed.Load(), brief(f.pause))
	}
	bothSides(t, rowSentinelPlanned,
		func(t *testing.T) string {
			onlyForThePage(t)
			return figure(plan(t, sentinelPlain))
		},
		func(t *testing.T) string {
			var gated *failover
			within(t, pause, "the longest time without a write", func() time.Duration {
				gated = plan(t, func(t *testing.T, s *redisconntest.Sentinel) redis.UniversalClient {
					return openSentinel(t, s, func(cfg *redisconn.Config) { cfg.Sentinel.WriteGate = true })
				})
				return gated.pause
			})
			clean(t, gated.verdict, &gated.adding)
			if gated.repeatable.failed.Load() > 0 {
				t.Errorf("%d SET failed; first: %v", gated.repeatable.failed.Load(), gated.repeatable.firstPlain())
			}
			open := plan(t, sentinelHere)
			if open.repeatable.failed.Load() > 0 || open.adding.plainly.Load() > 0 || len(open.verdict.Twice) > 0 {
				t.Errorf("without the gate: %d SET and %d HINCRBY failed, %v", open.repeatable.failed.Load(), open.adding.plainly.Load(), open.verdict)
			}
			return "gate on: " + figure(gated) + "; gate off: " + figure(open)
		})
}

// The connection that a transaction was told READONLY on went back into the
// pool and served the next one, for as long as the program ran.
func TestTransactionsLeaveADemotedMaster(t *testing.T) {
	amongOthers(t)
	const watched = 3 * time.Second
	type way func(client redis.UniversalClient, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
	transaction := way(func(client redis.UniversalClient, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
		return client.TxPipelined(t.Context(), fn)
	})
	pipeline := way(func(client redis.UniversalClient, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
		return client.Pipelined(t.Context(), fn)
	})
	demote := func(t *testing.T, send way, dial func(t *testing.T, s *redisconntest.Sentinel, sentinel string) redis.UniversalClient) (failed, tried int, moved time.Duration) {
		s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(1))
		proxy := redisconntest.NewProxy(t, s.SentinelAddrs()[0])
		client := dial(t, s, proxy.Addr())
		exec := func() error {
			_, err := send(client, func(p redis.Pipeliner) error {
				p.Incr(t.Context(), "a")
				p.Set(t.Context(), "b", "1", 0)
				return nil
			})
			return err
		}
		if err := exec(); err != nil {
			t.Fatal(err)
		}
		// Nobody hears of the switch: a firewall swallows what sentinels say unasked.
		for _, name := range []string{"subscribe", "psubscribe"} {
			proxy.DropRequest(redisconntest.Command(name), redisconntest.Always)
		}
		proxy.CutAll()
		old := s.Master()
		master := s.Failover()
		host, port, _ := strings.Cut(master.Addr(), ":")
		if err := old.Client().Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for time.Since(began) < watched {
			tried++
			if err := exec(); err != nil {
				failed++
			} else if moved = time.Since(began); true {
				break
			}
			time.Sleep(10 * time.Millisecond) // a caller that has something else to do as well
		}
		return failed, tried, moved
	}
	figure := func(failed, tried int, moved time.Duration) string {
		if moved == 0 {
			return fmt.Sprintf("READONLY %d times of %d, for the %s watched", failed, tried, brief(watched))
		}
		return fmt.Sprintf("%d of %d failed, moved after %s", failed, tried, brief(moved))
	}
	bothSides(t, rowSentinelReadOnly,
		func(t *testing.T) string {
			return figure(demote(t, transaction, func(t *testing.T, s *redisconntest.Sentinel, sentinel string) redis.UniversalClient {
				options := s.FailoverOptions()
				options.SentinelAddrs = []string{sentinel}
				client := redis.NewFailoverClient(options)
				t.Cleanup(func() { _ = client.Close() })
				return client
			}))
		},
		func(t *testing.T) string {
			dial := func(t *testing.T, s *redisconntest.Sentinel, sentinel string) redis.UniversalClient {
				return openSentinel(t, s, func(cfg *redisconn.Config) { cfg.Connection.Addrs = []string{sentinel} })
			}
			if failed, tried, moved := demote(t, pipeline, dial); failed > 0 || moved == 0 {
				t.Errorf("%d of %d pipelines failed", failed, tried)
			}
			failed, tried, moved := demote(t, transaction, dial)
			if failed > 0 || moved == 0 {
				t.Errorf("%d of %d transactions failed", failed, tried)
			}
			return figure(failed, tried, moved)
		})
}

func TestAllSentinelsRefused(t *testing.T) {
	amongOthers(t)
	const budget, slack = time.Second, 100 * time.Millisecond
	addrs := []string{redisconntest.ReserveAddr(t), redisconntest.ReserveAddr(t), redisconntest.ReserveAddr(t)}
	bothSides(t, rowSentinelRefused,
		func(t *testing.T) string {
			onlyForThePage(t)
			client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "mymaster", SentinelAddrs: addrs})
			t.Cleanup(func() { _ = client.Close() })
			began := time.Now()
			err := client.Ping(t.Context()).Err()
			return fmt.Sprintf("%s: %s", brief(time.Since(began)), nameless(err))
		},
		func(t *testing.T) string {
			var err error
			took := within(t, budget+slack, "Connect", func() time.Duration {
				client := newHere(t, "", func(cfg *redisconn.Config) {
					cfg.Connection.Addrs, cfg.Sentinel.Master, cfg.Timeouts.Connect = addrs, "mymaster", budget
				})
				began := time.Now()
				err = client.Connect(t.Context())
				return time.Since(began)
			})
			if redisconn.ClassOf(err) != redisconn.ClassRefused {
				t.Errorf("%v", err)
			}
			for _, addr := range addrs {
				if !strings.Contains(err.Error(), addr+" refused") {
					t.Errorf("%v\nwant what %s said", err, addr)
				}
			}
			return fmt.Sprintf("%s; names each sentinel and what it answered", brief(took))
		})
}

func TestSentinelsThatHangOrLieAreNotInTheWay(t *testing.T) {
	amongOthers(t)
	const discovery = time.Second
	bothSides(t, rowSentinelLost,
		func(t *testing.T) string {
			onlyForThePage(t)
			s := redisconntest.NewSentinel(t)
			s.Sentinels()[0].Pause()
			s.Sentinels()[1].Kill()
			client := sentinelPlain(t, s)
			began := time.Now()
			if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
				return fmt.Sprintf("first command fails after %s: %s", brief(time.Since(began)), nameless(err))
			}
			return "first command after " + brief(time.Since(began))
		},
		func(t *testing.T) string {
			var took time.Duration
			within(t, discovery, "Connect with one sentinel of three", func() time.Duration {
				s := redisconntest.NewSentinel(t)
				client := openSentinel(t, s, nil)
				s.Sentinels()[0].Pause()
				s.Sentinels()[1].Kill()
				for range 1000 {
					if err := client.Incr(t.Context(), "n").Err(); err != nil {
						t.Fatalf("traffic: %v", err)
					}
				}
				began := time.Now()
				late := openSentinel(t, s, nil)
				if err := late.Set(t.Context(), "k", "v", 0).Err(); err != nil {
					t.Error(err)
				}
				took = time.Since(began)
				return took
			})
			return "traffic unaffected; first command of a new client after " + brief(took)
		})
}

func TestNothingIsLeftOfASentinelDeployment(t *testing.T) {
	s := redisconntest.NewSentinel(t)
	connections := func() (n int) {
		for _, node := range append(s.Nodes(), s.Sentinels()...) {
			n += node.ConnectedClients()
		}
		return n
	}
	leftBy := func(t *testing.T, use func()) (goroutines, links int) {
		before, open := runtime.NumGoroutine(), connections()
		use()
		redisconntest.Eventually(t, 5*time.Second, "goroutines and connections end", func() bool {
			goroutines, links = runtime.NumGoroutine()-before, connections()-open
			return goroutines <= 0 && links <= 0
		})
		return max(goroutines, 0), max(links, 0)
	}
	subscribe := func(t *testing.T, client redis.UniversalClient) {
		t.Helper()
		messages := client.Subscribe(t.Context(), "news")
		if _, err := messages.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	goroutines, links := leftBy(t, func() {
		client := openSentinel(t, s, nil)
		subscribe(t, client)
		if _, err := client.Drain(timeout(t, time.Second)); err != nil {
			t.Errorf("Drain: %v", err)
		}
	})
	if goroutines > 0 || links > 0 {
		t.Errorf("%d goroutines and %d connections are left", goroutines, links)
	}
	rowSentinelLeaks.Here("%d goroutines, %d connections", goroutines, links)

	before, opened := runtime.NumGoroutine(), connections()
	client := redis.NewFailoverClusterClient(s.FailoverOptions()) // what go-redis offers to read from replicas
	if err := client.Set(context.Background(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("go-redis Close: %v", err)
	}
	time.Sleep(leakPause)
	rowSentinelLeaks.Plain("failover-cluster client: %d goroutines, %d connections", runtime.NumGoroutine()-before, connections()-opened)
}
