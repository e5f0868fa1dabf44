package faults_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// deployment is servers that only together are one Redis.
type deployment struct {
	configure func(*redisconn.Config)
	struck    *redisconntest.Server   // the master of the keys with the tag {r}
	servers   []*redisconntest.Server // all of them
	reader    redis.UniversalClient   // the kit's own
	lines     int                     // of log for an outage of struck: two for the node, and two for a client that is degraded meanwhile
}

// deployments are the topologies beside the single server. Its promises, which the
// other tests measure beside go-redis, are theirs as well.
var deployments = map[string]func(t *testing.T, opts ...redisconntest.ServerOption) deployment{
	"cluster": func(t *testing.T, opts ...redisconntest.ServerOption) deployment {
		cluster := redisconntest.NewCluster(t, 3, 0, append(opts, partly)...)
		reader := redis.NewClusterClient(cluster.ClusterOptions())
		t.Cleanup(func() { _ = reader.Close() })
		return deployment{
			configure: func(cfg *redisconn.Config) { cfg.Connection.Addrs = cluster.Addrs() },
			struck:    cluster.NodeOf("{r}"),
			servers:   cluster.Nodes(),
			reader:    reader,
			lines:     4,
		}
	},
	"Sentinel": func(t *testing.T, opts ...redisconntest.ServerOption) deployment {
		s := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0), redisconntest.WithDownAfter(time.Minute),
			redisconntest.WithData(opts...), redisconntest.WithSentinels(1, opts...))
		return deployment{
			configure: func(cfg *redisconn.Config) {
				cfg.Connection.Addrs, cfg.Sentinel.Master = s.SentinelAddrs(), s.MasterName()
			},
			struck:  s.Master(),
			servers: append(s.Nodes(), s.Sentinels()...),
			reader:  s.Master().Client(),
			lines:   2,
		}
	},
}

// open is open for a deployment.
func (d deployment) open(t *testing.T, change func(*redisconn.Config), opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	return open(t, "", func(cfg *redisconn.Config) {
		d.configure(cfg)
		change(cfg)
	}, opts...)
}

// onEveryDeployment runs a test with each of them, side by side where no page is written.
func onEveryDeployment(t *testing.T, test func(t *testing.T, start func(t *testing.T, opts ...redisconntest.ServerOption) deployment)) {
	t.Helper()
	for name, start := range deployments {
		t.Run(name, func(t *testing.T) {
			amongOthers(t)
			test(t, start)
		})
	}
}

func TestShutdownUnderLoadLeavesNothingExecutedButUnacknowledgedOnAnyTopology(t *testing.T) {
	const callers = 50
	onEveryDeployment(t, func(t *testing.T, start func(*testing.T, ...redisconntest.ServerOption) deployment) {
		d := start(t)
		client := d.open(t, func(*redisconn.Config) {})
		ledger := redisconntest.NewLedger("h")
		var seen outcomes
		wait := underLoad(t, callers, client, ledger, &seen)
		receipt, err := client.Drain(timeout(t, 5*time.Second))
		wait()
		verdict, failed := ledger.Audit(t.Context(), d.reader)
		if failed != nil {
			t.Fatal(failed)
		}
		if err != nil || receipt.Abandoned != 0 || receipt.InFlight != receipt.Drained {
			t.Errorf("receipt %v, error %v; want all drained, none abandoned, no error", receipt, err)
		}
		if len(verdict.ExecutedButFailed) > 0 || len(verdict.Twice) > 0 || len(verdict.Lost) > 0 {
			t.Errorf("audit: %v", verdict)
		}
		if refused := seen.firstPlain(); seen.plainly.Load() != callers || !errors.Is(refused, redisconn.ErrDraining) && !errors.Is(refused, redisconn.ErrClosed) {
			t.Errorf("%d callers were refused (%v) and %d told maybe; want %d refused with ErrDraining", seen.plainly.Load(), refused, seen.maybe.Load(), callers)
		}
		t.Log(receipt)
	})
}

func TestNoCallOutlivesItsBudgetAtAHungNodeOfAnyTopology(t *testing.T) {
	const deadline, operation = 250 * time.Millisecond, time.Second
	contexts := map[string]func() (context.Context, context.CancelFunc, time.Duration){
		"a deadline": func() (context.Context, context.CancelFunc, time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			return ctx, cancel, deadline
		},
		"no deadline": func() (context.Context, context.CancelFunc, time.Duration) {
			return context.Background(), func() {}, operation
		},
	}
	onEveryDeployment(t, func(t *testing.T, start func(*testing.T, ...redisconntest.ServerOption) deployment) {
		worst := within(t, budgetSlack, "the worst call, beyond its budget,", func() time.Duration {
			d := start(t)
			client := d.open(t, func(cfg *redisconn.Config) { cfg.Timeouts.Operation = operation })
			for request, send := range requests { // opens connections
				if err := send(t.Context(), client); err != nil && !errors.Is(err, redis.Nil) {
					t.Fatalf("%s: %v", request, err)
				}
			}
			d.struck.Pause()
			defer d.struck.Resume()
			return overdue(t, client, contexts)
		})
		t.Log(brief(worst))
	})
}

// lineCount is a log that keeps the lines at level info and above.
type lineCount struct {
	mu    sync.Mutex
	lines []string
}

func (l *lineCount) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

func (l *lineCount) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func TestAnOutageOfAMasterIsNoStormOfDialsAndOfLogLinesOnAnyTopology(t *testing.T) {
	const callers, outage, settling, most = 100, 2 * time.Second, 100 * time.Millisecond, 20
	onEveryDeployment(t, func(t *testing.T, start func(*testing.T, ...redisconntest.ServerOption) deployment) {
		d := start(t)
		struck := d.struck.Addr()
		var dials dialLog
		lines := &lineCount{}
		client := d.open(t, func(cfg *redisconn.Config) { cfg.Timeouts.Operation = 100 * time.Millisecond },
			redisconn.WithLogger(slog.New(slog.NewTextHandler(lines, nil))),
			redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr == struck {
					return dials.dial(ctx, network, addr)
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			}))
		before := len(lines.all())
		var over atomic.Bool
		var calls, lastly atomic.Int64
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for !over.Load() {
					if err := client.Get(t.Context(), "{r}absent").Err(); errors.Is(err, redis.Nil) {
						lastly.Store(time.Now().UnixNano())
					}
					calls.Add(1)
				}
			})
		}
		redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return calls.Load() > 10*callers })
		began := time.Now()
		d.struck.Kill()
		time.Sleep(outage) // the fault itself
		ended := time.Now()
		d.struck.Start()
		redisconntest.Eventually(t, 5*time.Second, "the callers are answered again", func() bool { return time.Unix(0, lastly.Load()).After(ended) })
		redisconntest.Eventually(t, 5*time.Second, "the end of the outage is told", func() bool { return len(lines.all()) >= before+d.lines })
		over.Store(true)
		all.Wait()
		first, _ := dials.between(began, began.Add(settling))
		total, busiest := dials.between(began.Add(settling), ended)
		if limit := redisconn.DefaultConfig().Pool.Size + most; busiest > most || first > limit {
			t.Errorf("%d dials in the first %v, %d in the busiest second after it; want at most %d and %d", first, settling, busiest, limit, most)
		}
		if told := lines.all()[before:]; len(told) != d.lines {
			t.Errorf("the outage was told in %d lines, want %d:\n%s", len(told), d.lines, strings.Join(told, ""))
		}
		t.Logf("%d dials, %d in the busiest second", first+total, busiest)
	})
}

func TestThePasswordIsNowhereToBeReadOnAnyTopology(t *testing.T) {
	onEveryDeployment(t, func(t *testing.T, start func(*testing.T, ...redisconntest.ServerOption) deployment) {
		all := &papers{texts: map[string]string{}}
		log := redisconn.WithLogger(slog.New(slog.NewTextHandler(all, &slog.HandlerOptions{Level: slog.LevelDebug})))
		d := start(t, redisconntest.WithPassword(canary))
		secretly := func(cfg *redisconn.Config) {
			d.configure(cfg)
			cfg.Connection.Password = canary
			if cfg.Sentinel.Master != "" {
				cfg.Sentinel.Password = canary
			}
		}
		client := open(t, "", secretly, log)
		events, stop := client.Events(1024)
		defer stop()
		all.addClient(client)
		all.addError("AUTH", client.Do(t.Context(), "AUTH", "nobody", canary).Err())
		_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
			return errors.Join(p.Set(t.Context(), "{r}n", 1, 0).Err(), p.LPush(t.Context(), "{r}n", "x").Err())
		})
		all.addError("a transaction", err)
		all.addError("keys in two slots", client.SUnion(t.Context(), "a", "b").Err())
		d.struck.Kill()
		all.addError("an outage", client.Get(timeout(t, 300*time.Millisecond), "{r}k").Err())
		all.addClient(client)
		d.struck.Start()
		redisconntest.Eventually(t, 10*time.Second, "the client is answered again", func() bool { return client.Set(t.Context(), "{r}k", "v", 0).Err() == nil })
		for _, server := range d.servers {
			server.AddPassword("default", "another")
			server.RemovePassword("default", canary)
			server.Disconnect("default")
		}
		all.addError("a password that was changed", client.Get(timeout(t, 300*time.Millisecond), "{r}k").Err())
		all.addClient(client)
		late := newHere(t, "", secretly, log)
		err = late.Connect(timeout(t, 500*time.Millisecond))
		if err == nil {
			t.Error("Connect succeeds with a password that was changed")
		}
		all.addError("Connect", err)
		all.addClient(late)
		receipt, err := client.Drain(timeout(t, time.Second))
		all.add("the receipt", receipt)
		all.addError("the drain", err)
		for event := range events {
			all.add("an event", event)
		}
		for _, where := range all.search() {
			t.Errorf("the password is in %s", where)
		}
		t.Logf("%d texts", len(all.texts))
	})
}
