package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
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

// partly lets the shards that are well serve while another is not.
var partly = redisconntest.WithDirective("cluster-require-full-coverage", "no")

// clusterDialer makes either client for a cluster, with its defaults.
type clusterDialer func(t *testing.T, cluster *redisconntest.Cluster) redis.UniversalClient

func clusterPlain(t *testing.T, cluster *redisconntest.Cluster) redis.UniversalClient {
	client := redis.NewClusterClient(cluster.ClusterOptions())
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func clusterHere(t *testing.T, cluster *redisconntest.Cluster) redis.UniversalClient {
	return open(t, "", func(cfg *redisconn.Config) {
		cfg.Connection.Addrs = cluster.Addrs()
		cfg.Timeouts.Operation = 10 * time.Second
	})
}

// tagIn is a hash tag whose slot is in the shard of a cluster of three.
func tagIn(shard int) string {
	for n := 0; ; n++ {
		tag := fmt.Sprintf("{%d}", n)
		if redisconntest.SlotOf(tag)*3/16384 == shard {
			return tag
		}
	}
}

// gaps is how long a shard went without a success, whoever asked.
type gaps struct {
	mu    sync.Mutex
	last  time.Time
	worst time.Duration
}

func (g *gaps) succeeded() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if !g.last.IsZero() {
		g.worst = max(g.worst, now.Sub(g.last))
	}
	g.last = now
}

// forget begins anew: the first calls open connections.
func (g *gaps) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.worst = 0
}

func (g *gaps) get() (worst time.Duration, last time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worst, g.last
}

// clusterLoad is callers of SET and HINCRBY at every shard.
type clusterLoad struct {
	shards  [3]gaps
	ledgers [3]*redisconntest.Ledger
	sets    outcomes // of SET, which may be repeated
	adds    outcomes // of HINCRBY, which may not
	over    atomic.Bool
	all     sync.WaitGroup
}

func loadCluster(t *testing.T, client redis.UniversalClient) *clusterLoad {
	t.Helper()
	l := &clusterLoad{}
	for shard := range l.shards {
		tag := tagIn(shard)
		l.ledgers[shard] = redisconntest.NewLedger(tag + "h")
		for worker := range 10 {
			l.all.Go(func() {
				for n := 0; !l.over.Load(); n++ {
					var err error
					if n%2 == 0 {
						err = client.Set(t.Context(), fmt.Sprintf("%s:%d", tag, n%100), n, 0).Err()
						l.sets.note(err)
					} else {
						err = l.ledgers[shard].Do(t.Context(), client, worker)
						l.adds.note(err)
					}
					if err == nil {
						l.shards[shard].succeeded()
					}
					time.Sleep(time.Millisecond) // a caller that has something else to do as well
				}
			})
		}
	}
	redisconntest.Eventually(t, 10*time.Second, "the callers are at work", func() bool { return l.adds.calls.Load() > 300 })
	for shard := range l.shards {
		l.shards[shard].forget()
	}
	return l
}

// stop ends the callers and returns what became of the counted writes.
func (l *clusterLoad) stop(t *testing.T, cluster *redisconntest.Cluster) (twice, lost int) {
	t.Helper()
	l.over.Store(true)
	l.all.Wait()
	reader := redis.NewClusterClient(cluster.ClusterOptions())
	defer func() { _ = reader.Close() }()
	for _, ledger := range l.ledgers {
		verdict, err := ledger.Audit(t.Context(), reader)
		if err != nil {
			t.Fatal(err)
		}
		twice, lost = twice+len(verdict.Twice), lost+len(verdict.Lost)
		for _, op := range verdict.ExecutedButFailed {
			if errors.As(op.Err, new(*redisconn.CommandError)) && !errors.Is(op.Err, redisconn.ErrMaybeApplied) {
				t.Errorf("a call that was executed was told otherwise: %v", op.Err)
			}
		}
	}
	return twice, lost
}

// loss is what the loss of a master came to.
type loss struct {
	promoted, unserved, others time.Duration
	load                       *clusterLoad
	twice, lost                int
}

func (l loss) String() string {
	return fmt.Sprintf("unserved for %s, promoted after %s; other slots %s; %d SET failed, %d twice",
		brief(l.unserved), brief(l.promoted), brief(l.others), l.load.sets.failed.Load(), l.twice)
}

// loseMaster takes the master of shard 0 away under load, and waits until its
// slots have been served again for a while.
func loseMaster(t *testing.T, dial clusterDialer, patience time.Duration, strike func(*redisconntest.Cluster)) loss {
	t.Helper()
	cluster := redisconntest.NewCluster(t, 3, 1, partly)
	client := dial(t, cluster)
	l := loss{load: loadCluster(t, client)}
	began := time.Now()
	strike(cluster)
	cluster.AwaitCovered()
	covered := time.Now()
	l.promoted = covered.Sub(began)
	redisconntest.Eventually(t, patience, "the slots are served again", func() bool {
		_, last := l.load.shards[0].get()
		return last.After(covered.Add(300 * time.Millisecond))
	})
	l.twice, l.lost = l.load.stop(t, cluster)
	l.unserved, _ = l.load.shards[0].get()
	second, _ := l.load.shards[1].get()
	third, _ := l.load.shards[2].get()
	l.others = max(second, third)
	return l
}

// keepsPromise is the half of redisconn: what it may take beyond the promotion,
// and the worst gap of the shards that are well.
func keepsPromise(t *testing.T, beyond, others time.Duration, strike func(*redisconntest.Cluster)) string {
	t.Helper()
	var l loss
	within(t, beyond, "the slots of the lost master, after the promotion,", func() time.Duration {
		stop := meterStalls()
		l = loseMaster(t, clusterHere, 20*time.Second, strike)
		stalled := stop()
		if l.others > others+2*stalled {
			t.Errorf("other slots were not served for %v, want at most %v (worst stall of the machine: %v)", l.others, others, stalled)
		}
		return l.unserved - l.promoted
	})
	if failed := l.load.sets.failed.Load(); failed > 0 {
		t.Errorf("%d SET failed: %v", failed, l.load.sets.firstPlain())
	}
	if plainly := l.load.adds.plainly.Load(); plainly > 0 || l.twice > 0 {
		t.Errorf("%d HINCRBY failed without maybe (%v), %d executed twice", plainly, l.load.adds.firstPlain(), l.twice)
	}
	return fmt.Sprintf("%s; %d HINCRBY told maybe", l, l.load.adds.maybe.Load())
}

func TestAMasterThatIsKilledIsReplacedAsSoonAsTheClusterPromotes(t *testing.T) {
	kill := func(cluster *redisconntest.Cluster) { cluster.KillMaster(0) }
	oneAfterTheOther(t, rowClusterKilled,
		func(t *testing.T) string {
			onlyForThePage(t)
			return loseMaster(t, clusterPlain, 90*time.Second, kill).String()
		},
		func(t *testing.T) string { return keepsPromise(t, 500*time.Millisecond, 250*time.Millisecond, kill) })
}

func TestAMasterThatHangsIsReplacedAsSoonAsTheClusterPromotes(t *testing.T) {
	hang := func(cluster *redisconntest.Cluster) { cluster.PauseMaster(0) }
	oneAfterTheOther(t, rowClusterHung,
		func(t *testing.T) string {
			onlyForThePage(t)
			return loseMaster(t, clusterPlain, 90*time.Second, hang).String()
		},
		func(t *testing.T) string { return keepsPromise(t, time.Second, 500*time.Millisecond, hang) })
}

func TestADeadShardIsToldAndDisturbsNoOther(t *testing.T) {
	bothSides(t, rowClusterDead,
		func(t *testing.T) string {
			cluster := redisconntest.NewCluster(t, 3, 0, partly)
			client := clusterPlain(t, cluster)
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			cluster.KillMaster(1)
			passed := 0
			for range 20 {
				if client.Ping(t.Context()).Err() == nil {
					passed++
				}
			}
			return fmt.Sprintf("PING passes %d of 20", passed)
		},
		func(t *testing.T) string {
			cluster := redisconntest.NewCluster(t, 3, 0, partly)
			client := open(t, "", func(cfg *redisconn.Config) { cfg.Connection.Addrs = cluster.Addrs() })
			var seen outcomes
			var over atomic.Bool
			var all sync.WaitGroup
			for _, shard := range []int{0, 2} {
				key := tagIn(shard)
				all.Go(func() {
					for !over.Load() {
						seen.note(client.Incr(t.Context(), key).Err())
					}
				})
			}
			dead := cluster.KillMaster(1)
			began := time.Now()
			redisconntest.Eventually(t, 5*time.Second, "health names the shard", func() bool {
				h := client.LastHealth()
				return h.Status != redisconn.StatusPass && strings.Contains(h.Reason, dead.Addr())
			})
			took := time.Since(began)
			h := client.LastHealth()
			over.Store(true)
			all.Wait()
			if seen.failed.Load() > 0 || h.Slots.Covered == h.Slots.Total || h.Class != redisconn.ClassClusterDown {
				t.Errorf("%d of %d failed in other shards (%v); health %+v", seen.failed.Load(), seen.calls.Load(), seen.firstPlain(), h)
			}
			return fmt.Sprintf("health %s after %s, %d of %d slots covered; %d of %d failed in other shards",
				h.Status, brief(took), h.Slots.Covered, h.Slots.Total, seen.failed.Load(), seen.calls.Load())
		})
}

func TestAFailoverAndASlotThatMovesCostNothing(t *testing.T) {
	scenario := func(t *testing.T, dial clusterDialer) (l *clusterLoad, twice, lost int) {
		cluster := redisconntest.NewCluster(t, 3, 1, partly)
		l = loadCluster(t, dial(t, cluster))
		cluster.Failover(0)
		migration := cluster.MigrateSlot(redisconntest.SlotOf(tagIn(1)), 2)
		calls := l.adds.calls.Load()
		redisconntest.Eventually(t, 10*time.Second, "calls meet the slot on its way", func() bool { return l.adds.calls.Load() > calls+100 })
		migration.Finish()
		calls = l.adds.calls.Load()
		redisconntest.Eventually(t, 10*time.Second, "calls meet the new owner", func() bool { return l.adds.calls.Load() > calls+300 })
		twice, lost = l.stop(t, cluster)
		return l, twice, lost
	}
	bothSides(t, rowClusterMoves,
		func(t *testing.T) string {
			l, twice, lost := scenario(t, clusterPlain)
			return fmt.Sprintf("%d failed, %d twice, %d lost", l.sets.failed.Load()+l.adds.failed.Load(), twice, lost)
		},
		func(t *testing.T) string {
			l, twice, lost := scenario(t, clusterHere)
			failed := l.sets.failed.Load() + l.adds.failed.Load()
			if failed > 0 || twice > 0 || lost > 0 {
				t.Errorf("%d failed (%v, %v), %d twice, %d lost", failed, l.sets.firstPlain(), l.adds.firstPlain(), twice, lost)
			}
			return fmt.Sprintf("%d failed, %d twice, %d lost", failed, twice, lost)
		})
}

func TestRepliesLostOfAClusterAreNotRepeated(t *testing.T) {
	const writers, cuts, each = 30, 40, 40
	scenario := func(t *testing.T, dial func(t *testing.T, cluster *redisconntest.Cluster, through func(string) string) redis.UniversalClient) (twice int, seen *outcomes) {
		cluster := redisconntest.NewCluster(t, 3, 0)
		proxies := map[string]*redisconntest.Proxy{}
		for _, addr := range cluster.Addrs() {
			proxies[addr] = redisconntest.NewProxy(t, addr)
		}
		client := dial(t, cluster, func(addr string) string { return proxies[addr].Addr() })
		ledger := redisconntest.NewLedger("h")
		left := cuts
		for i, addr := range cluster.Addrs() {
			n := left / (3 - i)
			left -= n
			proxies[addr].DropReply(redisconntest.Command("hincrby"), n)
		}
		seen = &outcomes{}
		crowd(writers, func(worker int) {
			for n := range each {
				if n%4 > 0 {
					seen.note(ledger.Do(t.Context(), client, worker))
					continue
				}
				ops := make([]*redisconntest.Op, 4)
				cmds, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
					for i := range ops {
						ops[i] = ledger.Begin(worker + 100*i)
						p.HIncrBy(t.Context(), ops[i].Key, ops[i].Field, 1)
					}
					return nil
				})
				for i, op := range ops {
					if i < len(cmds) {
						err = cmds[i].Err()
					}
					op.End(err)
					seen.note(err)
				}
			}
		})
		for _, proxy := range proxies {
			settled(t, proxy)
		}
		reader := redis.NewClusterClient(cluster.ClusterOptions())
		defer func() { _ = reader.Close() }()
		verdict, err := ledger.Audit(t.Context(), reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range verdict.ExecutedButFailed {
			if errors.As(op.Err, new(*redisconn.CommandError)) && !errors.Is(op.Err, redisconn.ErrMaybeApplied) {
				t.Errorf("a call that was executed was told otherwise: %v", op.Err)
			}
		}
		return len(verdict.Twice), seen
	}
	bothSides(t, rowClusterLost,
		func(t *testing.T) string {
			twice, seen := scenario(t, func(t *testing.T, cluster *redisconntest.Cluster, through func(string) string) redis.UniversalClient {
				options := cluster.ClusterOptions()
				options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, through(addr))
				}
				client := redis.NewClusterClient(options)
				t.Cleanup(func() { _ = client.Close() })
				return client
			})
			return fmt.Sprintf("%d executed twice, %d errors", twice, seen.failed.Load())
		},
		func(t *testing.T) string {
			twice, seen := scenario(t, func(t *testing.T, cluster *redisconntest.Cluster, through func(string) string) redis.UniversalClient {
				return open(t, "", func(cfg *redisconn.Config) { cfg.Connection.Addrs = cluster.Addrs() }, redisconn.WithAddressMap(through))
			})
			if twice > 0 || seen.plainly.Load() > 0 || seen.maybe.Load() < cuts {
				t.Errorf("%d executed twice, %d told maybe, %d failed otherwise (%v)", twice, seen.maybe.Load(), seen.plainly.Load(), seen.firstPlain())
			}
			return fmt.Sprintf("%d executed twice, %d told maybe", twice, seen.maybe.Load())
		})
}

func TestARogueAddressIsNotGivenThePassword(t *testing.T) {
	const password = "canary-for-the-rogue"
	scenario := func(t *testing.T, dial func(t *testing.T, addr string) redis.UniversalClient) (rogue *redisconntest.Scripted, heard bool, client redis.UniversalClient, err error) {
		var secrets atomic.Bool
		rogue = redisconntest.NewScripted(t, func(conn net.Conn) {
			redisconntest.Replies(func(args []string) string {
				if slices.Contains(args, password) {
					secrets.Store(true)
				}
				return "+OK\r\n"
			})(conn)
			_, _ = io.Copy(io.Discard, conn)
		})
		var node *redisconntest.Scripted
		node = redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
			switch strings.ToLower(args[0]) {
			case "hello":
				return "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
			case "cluster":
				if !strings.EqualFold(args[1], "slots") {
					return "$16\r\ncluster_state:ok\r\n"
				}
				_, own, _ := net.SplitHostPort(node.Addr())
				return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%s\r\n$2\r\nn1\r\n", own)
			case "ping":
				return "+PONG\r\n"
			case "get":
				return fmt.Sprintf("-MOVED %d %s\r\n", redisconntest.SlotOf(args[1]), rogue.Addr())
			}
			return "+OK\r\n"
		}))
		client = dial(t, node.Addr())
		err = client.Get(timeout(t, 2*time.Second), "k").Err()
		return rogue, secrets.Load(), client, err
	}
	bothSides(t, rowClusterRogue,
		func(t *testing.T) string {
			rogue, heard, _, _ := scenario(t, func(t *testing.T, addr string) redis.UniversalClient {
				client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}, Password: password})
				t.Cleanup(func() { _ = client.Close() })
				return client
			})
			return fmt.Sprintf("%d connections; the password was sent: %v", rogue.Accepted(), heard)
		},
		func(t *testing.T) string {
			rogue, heard, client, err := scenario(t, func(t *testing.T, addr string) redis.UniversalClient {
				return open(t, addr, func(cfg *redisconn.Config) {
					cfg.Connection.Password = password
					cfg.Connection.AllowAddrs = []string{"10.0.0.0/8"} // all servers of a test are on the loopback
				})
			})
			accepted := rogue.Accepted()
			told := slices.ContainsFunc(client.(*redisconn.Client).History(), func(e redisconn.Event) bool {
				return e.Kind == redisconn.EventAddressRefused && e.Node == rogue.Addr()
			})
			if accepted != 0 || heard || !told || redisconn.ClassOf(err) != redisconn.ClassAddress {
				t.Errorf("%d connections, the password was sent: %v, an event tells: %v; %v", accepted, heard, told, err)
			}
			return fmt.Sprintf("%d connections; class %s, told by an event", accepted, redisconn.ClassOf(err))
		})
}

func TestAClusterClientLeavesNothingBehind(t *testing.T) {
	oneAfterTheOther(t, rowClusterLeaks,
		func(t *testing.T) string {
			cluster := redisconntest.NewCluster(t, 3, 0)
			before := runtime.NumGoroutine()
			client := redis.NewClusterClient(cluster.ClusterOptions())
			left := leftovers(t, cluster, client, client.Close)
			time.Sleep(leakPause)
			return fmt.Sprintf("%d goroutine(s) for a subscription left open, %s", max(runtime.NumGoroutine()-before, 0), left)
		},
		func(t *testing.T) string {
			cluster := redisconntest.NewCluster(t, 3, 0)
			redisconntest.NoLeaks(t)
			client := clusterHere(t, cluster)
			left := leftovers(t, cluster, client, func() error { return client.Shutdown(t.Context()).Err() })
			if left != "0 connections" {
				t.Errorf("left: %s", left)
			}
			return "0 goroutines, " + left
		})
}

// leftovers uses a client in every way, closes it and counts the connections that are left.
func leftovers(t *testing.T, cluster *redisconntest.Cluster, client redis.UniversalClient, end func() error) string {
	t.Helper()
	for i := range 50 {
		if err := client.Set(t.Context(), fmt.Sprint("k", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	subscription := client.SSubscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = client.Subscribe(t.Context(), "more").Channel()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		for _, node := range cluster.Nodes() {
			n += node.ConnectedClients()
		}
		return n
	}
	left := 0
	deadline := time.Now().Add(5 * time.Second)
	for left = count(); left > 0 && time.Now().Before(deadline); left = count() {
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Sprintf("%d connections", left)
}
