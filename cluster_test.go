package redisconn_test

import (
	"errors"
	"fmt"
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

// clusterConfig is configFor with the nodes of a cluster as seeds.
func clusterConfig(cluster *redisconntest.Cluster) redisconn.Config {
	cfg := configFor("")
	cfg.Connection.Addrs = cluster.Addrs()
	return cfg
}

// keyIn is a key of the shard.
func keyIn(cluster *redisconntest.Cluster, shard, masters int, prefix string) string {
	for n := 0; ; n++ {
		key := fmt.Sprintf("%s%d", prefix, n)
		if redisconntest.SlotOf(key)*masters/16384 == shard {
			return key
		}
	}
}

func TestACommandGoesToTheNodeOfItsSlot(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	client := openClient(t, clusterConfig(cluster))
	for shard := range 3 {
		key := keyIn(cluster, shard, 3, "k")
		if err := client.Set(t.Context(), key, shard, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := cluster.Nodes()[shard].Client().Get(t.Context(), key).Int(); err != nil || got != shard {
			t.Errorf("shard %d has %d, %v", shard, got, err)
		}
	}
	if _, ok := client.Unwrap().(*redis.ClusterClient); !ok {
		t.Errorf("Unwrap returns a %T", client.Unwrap())
	}
	h := client.Health(t.Context())
	if h.Status != redisconn.StatusPass || len(h.Nodes) != 3 || h.Slots.Covered != 16384 {
		t.Errorf("health %+v", h)
	}
	if h.Server.Mode != "cluster" {
		t.Errorf("server %+v", h.Server)
	}
	if !slices.ContainsFunc(client.History(), func(e redisconn.Event) bool {
		return e.Kind == redisconn.EventTopology && strings.Contains(e.Detail, "cluster: 3 shards, 3 nodes")
	}) {
		t.Errorf("no event tells of the topology: %v", client.History())
	}
	n, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 100 {
			p.Incr(t.Context(), fmt.Sprint("p", i))
		}
		return nil
	})
	if err != nil || len(n) != 100 {
		t.Error(err)
	}
}

func TestOneAddressOfAClusterIsEnough(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	client := openClient(t, configFor(cluster.Addrs()[1]))
	for i := range 50 {
		if err := client.Set(t.Context(), fmt.Sprint("k", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.ContainsFunc(client.History(), func(e redisconn.Event) bool {
		return e.Kind == redisconn.EventTopology && strings.HasPrefix(e.Detail, "cluster discovered: 3 shards")
	}) {
		t.Errorf("no event tells of the discovery: %v", client.History())
	}

	t.Run("commands about every node are sent to every node", func(t *testing.T) {
		if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 50 {
			t.Errorf("DBSIZE %d, %v", n, err)
		}
		keys, err := client.Keys(t.Context(), "k*").Result()
		if err != nil || len(keys) != 50 {
			t.Errorf("KEYS %v, %v", keys, err)
		}
		if n, err := client.Exists(t.Context(), "k1", "k2", "absent", "k3").Result(); err != nil || n != 3 {
			t.Errorf("EXISTS %d, %v", n, err)
		}
		got, err := client.MGet(t.Context(), "k9", "absent", "k0", "k9").Result()
		if err != nil || fmt.Sprint(got) != "[9 <nil> 0 9]" {
			t.Errorf("MGET %v, %v", got, err)
		}
		if err := client.MSet(t.Context(), "m1", 1, "m2", 2, "m3", 3).Err(); err != nil {
			t.Error(err)
		}
		if n, err := client.Do(t.Context(), "DEL", "m1", "m2", "m3", "m4").Int(); err != nil || n != 3 {
			t.Errorf("DEL %d, %v", n, err)
		}
		sha, err := client.ScriptLoad(t.Context(), "return KEYS[1]").Result()
		if err != nil {
			t.Fatal(err)
		}
		if there, err := client.ScriptExists(t.Context(), sha, strings.Repeat("0", 40)).Result(); err != nil || fmt.Sprint(there) != "[true false]" {
			t.Errorf("SCRIPT EXISTS %v, %v", there, err)
		}
		for i := range 9 {
			if err := client.EvalSha(t.Context(), sha, []string{fmt.Sprint("k", i)}).Err(); err != nil {
				t.Error(err)
			}
		}
		result, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
			p.Set(t.Context(), "k50", 50, 0)
			p.DBSize(t.Context())
			p.MGet(t.Context(), "k1", "k2", "k50")
			p.Get(t.Context(), "k50")
			return nil
		})
		if err != nil || result.Succeeded != 4 {
			t.Error(err)
		}
		odd := redis.NewStringSliceCmd(t.Context(), "mget", "k1", "k2")
		if err := client.Process(t.Context(), odd); redisconn.ClassOf(err) != redisconn.ClassCrossSlot {
			t.Errorf("MGET into another type: %v", err)
		}
		if err := client.Process(t.Context(), redis.NewBoolCmd(t.Context(), "dbsize")); err == nil || !strings.Contains(err.Error(), "cannot be put together in a *redis.BoolCmd") {
			t.Errorf("DBSIZE into another type: %v", err)
		}
		if got, err := client.Do(t.Context(), "GET", []byte("k1")).Text(); got != "1" {
			t.Errorf("a key of bytes: %q, %v", got, err)
		}
	})

	t.Run("the bulk helpers go over all shards", func(t *testing.T) {
		values, err := client.GetMany(t.Context(), []string{"k1", "k2", "absent", "k7"})
		if err != nil || fmt.Sprint(values) != "map[k1:1 k2:2 k7:7]" {
			t.Errorf("%v, %v", values, err)
		}
		found := map[string]bool{}
		for key, err := range client.ScanKeys(t.Context(), "k*", redisconn.ScanOptions{Count: 7}) {
			if err != nil {
				t.Fatal(err)
			}
			found[key] = true
		}
		if len(found) != 51 {
			t.Errorf("ScanKeys found %d", len(found))
		}
		report, err := client.DeleteMatching(t.Context(), "k*", redisconn.DeleteOptions{})
		if err != nil || report.Deleted != 51 {
			t.Errorf("%+v, %v", report, err)
		}
	})

	t.Run("keys of different slots are refused with the hint", func(t *testing.T) {
		result, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error {
			p.Set(t.Context(), "a", 1, 0)
			p.Set(t.Context(), "b", 1, 0)
			p.Set(t.Context(), "c", 1, 0)
			return nil
		})
		if redisconn.ClassOf(err) != redisconn.ClassCrossSlot || result.Applied != redisconn.AppliedNo ||
			!strings.Contains(err.Error(), "3 keys in 3 slots (3300, 7365, 15495)") || !strings.Contains(err.Error(), "hash tag") {
			t.Errorf("%v, %+v", err, result)
		}
		for what, err := range map[string]error{
			"RENAME": client.Rename(t.Context(), "a", "b").Err(),
			"WATCH":  client.Watch(t.Context(), func(*redis.Tx) error { return nil }, "a", "b"),
			"TxPipelined": func() error {
				_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
					p.Set(t.Context(), "a", 1, 0)
					p.Set(t.Context(), "b", 1, 0)
					return nil
				})
				return err
			}(),
			"SCAN": client.Scan(t.Context(), 0, "", 0).Err(),
		} {
			if redisconn.ClassOf(err) != redisconn.ClassCrossSlot {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err = client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
			p.Set(t.Context(), "{a}1", 1, 0)
			p.Incr(t.Context(), "{a}1")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		err = client.RunOptimistic(t.Context(), []string{"{a}1", "{a}2"}, func(tx *redis.Tx) error {
			_, err := tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
				p.Incr(t.Context(), "{a}1")
				return nil
			})
			return err
		})
		if n, _ := client.Get(t.Context(), "{a}1").Int(); err != nil || n != 3 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// The certificate of a node names the node, whichever seed led to it.
func TestEachNodeOfAClusterHasACertificateOfItsOwn(t *testing.T) {
	ca := redisconntest.NewCA(t)
	cluster := redisconntest.NewCluster(t, 2, 0, redisconntest.WithTLS(ca))
	_, port, _ := net.SplitHostPort(cluster.Addrs()[0])
	cfg := configFor("localhost:" + port)
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
	cfg.Cluster.ReadFrom = redisconn.ReadFromNearest
	client := openClient(t, cfg)
	for shard := range 2 {
		key := keyIn(cluster, shard, 2, "k")
		if err := client.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Error(err)
		}
		if got, err := client.Unwrap().Get(t.Context(), key).Result(); got != "v" {
			t.Errorf("the driver's client: %q, %v", got, err)
		}
	}
	eventually(t, "both nodes answer", func() bool {
		nodes := client.Health(t.Context()).Nodes
		return len(nodes) == 2 && nodes[0].Latency > 0 && nodes[1].Latency > 0
	})
}

func TestAModeThatTheServerIsNotIsAnError(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	server := redisconntest.NewServer(t)
	for name, c := range map[string]struct {
		addrs []string
		mode  redisconn.Mode
		says  string
	}{
		"standalone to a cluster":      {cluster.Addrs(), redisconn.ModeStandalone, "this is a node of a cluster: set mode to cluster or auto"},
		"cluster to a single server":   {[]string{server.Addr()}, redisconn.ModeCluster, "this is no cluster but standalone: set mode to standalone"},
		"several addresses of servers": {[]string{server.Addr(), "localhost" + strings.TrimPrefix(server.Addr(), "127.0.0.1")}, "", "give one address: several mean a cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor("")
			cfg.Connection.Addrs, cfg.Mode = c.addrs, c.mode
			err := newClient(t, cfg).Connect(t.Context())
			if redisconn.ClassOf(err) != redisconn.ClassMode || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// traffic runs callers of GET, SET and HINCRBY on keys of every shard, one call
// after the other, until it is stopped.
type traffic struct {
	calls, failed, maybe atomic.Int64
	first                atomic.Pointer[error]
	over                 atomic.Bool
	all                  sync.WaitGroup
}

func startTraffic(t *testing.T, client redis.UniversalClient, callers int, ledger *redisconntest.Ledger) *traffic {
	t.Helper()
	w := &traffic{}
	for worker := range callers {
		w.all.Go(func() {
			for n := worker; !w.over.Load(); n++ {
				var err error
				switch n % 4 {
				case 0:
					err = client.Set(t.Context(), fmt.Sprintf("s%d", n%300), n, 0).Err()
				case 1:
					err = client.Get(t.Context(), fmt.Sprintf("s%d", n%300)).Err()
				case 2:
					_, err = client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
						for i := range 10 {
							p.Set(t.Context(), fmt.Sprintf("s%d", (n+i)%300), n, 0)
						}
						return nil
					})
				default:
					err = ledger.Do(t.Context(), client, worker)
				}
				w.calls.Add(1)
				switch {
				case err == nil || errors.Is(err, redis.Nil):
				case errors.Is(err, redisconn.ErrMaybeApplied):
					w.maybe.Add(1)
				default:
					w.failed.Add(1)
					w.first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	eventually(t, "the callers are at work", func() bool { return w.calls.Load() > int64(8*callers) })
	return w
}

// stop ends the callers and returns the first error that does not say maybe.
func (w *traffic) stop() error {
	w.over.Store(true)
	w.all.Wait()
	if first := w.first.Load(); first != nil {
		return *first
	}
	return nil
}

// more waits until so many more calls have come back.
func (w *traffic) more(t *testing.T, calls int64) {
	t.Helper()
	from := w.calls.Load()
	redisconntest.Eventually(t, 20*time.Second, "more calls come back", func() bool { return w.calls.Load() > from+calls })
}

func TestASlotThatMovesUnderLoadCostsNoError(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	client := openClient(t, clusterConfig(cluster))
	ledger := redisconntest.NewLedger("{s7}h")
	w := startTraffic(t, client, 8, ledger)
	migration := cluster.MigrateSlot(redisconntest.SlotOf("s7"), (redisconntest.SlotOf("s7")*3/16384+1)%3)
	w.more(t, 200)
	migration.MoveKeys()
	w.more(t, 200)
	migration.Finish()
	w.more(t, 500)
	if err := w.stop(); err != nil || w.maybe.Load() > 0 {
		t.Errorf("%d of %d failed, %d maybe: %v", w.failed.Load(), w.calls.Load(), w.maybe.Load(), err)
	}
	eventually(t, "the table knows the new owner", func() bool {
		return slices.ContainsFunc(client.LastHealth().Nodes, func(n redisconn.NodeHealth) bool {
			return n.Addr == migration.To().Addr() && strings.Contains(n.Slots, fmt.Sprint(redisconntest.SlotOf("s7")))
		})
	})
}

func TestAMasterThatIsKilledIsReplacedWithoutAnError(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 1)
	cfg := clusterConfig(cluster)
	cfg.Timeouts.Operation = 10 * time.Second
	client := openClient(t, cfg)
	ledger := redisconntest.NewLedger("h")
	w := startTraffic(t, client, 8, ledger)
	cluster.KillMaster(0)
	cluster.AwaitCovered()
	w.more(t, 500)
	if err := w.stop(); err != nil {
		t.Errorf("%d of %d failed, %d maybe: %v", w.failed.Load(), w.calls.Load(), w.maybe.Load(), err)
	}
	eventually(t, "health passes but for the lost node", func() bool {
		h := client.Health(t.Context())
		return h.Slots.Covered == 16384
	})
}

func TestAMasterThatHangsIsReplacedAndItsCallsComeBack(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 1)
	cfg := clusterConfig(cluster)
	cfg.Timeouts.Operation = 10 * time.Second
	client := openClient(t, cfg)
	w := startTraffic(t, client, 8, redisconntest.NewLedger("h"))
	paused := cluster.PauseMaster(0)
	cluster.AwaitCovered()
	w.more(t, 500)
	if err := w.stop(); err != nil {
		t.Errorf("%d of %d failed, %d maybe: %v", w.failed.Load(), w.calls.Load(), w.maybe.Load(), err)
	}
	paused.Resume()
	eventually(t, "health passes with the old master as a replica", func() bool { return client.Health(t.Context()).Status == redisconn.StatusPass })
}

func TestADeadShardDisturbsNoOther(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	cfg := clusterConfig(cluster)
	cfg.Timeouts.Operation = 300 * time.Millisecond
	client := openClient(t, cfg)
	dead := cluster.KillMaster(1)
	eventually(t, "health warns", func() bool { return client.Health(t.Context()).Status == redisconn.StatusWarn })
	h := client.LastHealth()
	if h.Class != redisconn.ClassClusterDown || !strings.Contains(h.Reason, "slots 5461-10921 are not served: their master "+dead.Addr()+" is dead (refused)") {
		t.Errorf("reason %s: %s", h.Class, h.Reason)
	}
	if h.Slots.Covered != 16384-5461 || fmt.Sprint(h.Slots.Uncovered) != "[5461-10921]" {
		t.Errorf("slots %+v", h.Slots)
	}
	for shard := range 3 {
		key := keyIn(cluster, shard, 3, "k")
		err := client.Incr(t.Context(), key).Err()
		if shard != 1 {
			if err != nil {
				t.Errorf("shard %d: %v", shard, err)
			}
			continue
		}
		var failed *redisconn.CommandError
		if !errors.As(err, &failed) || failed.Class != redisconn.ClassRefused || failed.Applied != redisconn.AppliedNo || failed.Addr != dead.Addr() {
			t.Errorf("the dead shard: %v", err)
		}
	}
	result, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for shard := range 3 {
			p.Incr(t.Context(), keyIn(cluster, shard, 3, "p"))
		}
		return nil
	})
	if result.Succeeded != 2 || result.Failed != 1 || result.Failures()[0].Index != 1 || result.MaybeApplied != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if state := client.State(); state != redisconn.StateReady && state != redisconn.StateDegraded {
		t.Errorf("the client is %s", state)
	}
	dead.Restart()
	redisconntest.Eventually(t, 15*time.Second, "health passes again", func() bool { return client.Health(t.Context()).Status == redisconn.StatusPass })
	if err := client.Incr(t.Context(), keyIn(cluster, 1, 3, "k")).Err(); err != nil {
		t.Error(err)
	}
}

// Each node of a cluster has a lane of its own, so that one that hangs holds up
// nobody on the others.
func TestManyCallersTravelTogetherToEachNode(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	cfg := clusterConfig(cluster)
	cfg.Pipelining = redisconn.PipeliningAlways
	client := openClient(t, cfg)
	hook := &travelHook{}
	client.AddHook(hook)
	var callers sync.WaitGroup
	for i := range 30 {
		callers.Go(func() {
			for range 20 {
				if err := client.Incr(t.Context(), keyIn(cluster, i%3, 3, "lane")).Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	for shard := range 3 {
		if got, err := client.Get(t.Context(), keyIn(cluster, shard, 3, "lane")).Int(); err != nil || got != 200 {
			t.Errorf("shard %d counts %d, %v; want 200", shard, got, err)
		}
	}
	routes := client.Stats().Routes
	if routes.Lane < 600 || routes.Batches >= routes.Lane {
		t.Errorf("the lanes carried %d commands in %d batches", routes.Lane, routes.Batches)
	}
	for _, journey := range hook.told() {
		if journey.Route != redisconn.RouteLane || journey.Attempts != 1 {
			t.Fatalf("a call travelled as %+v", journey)
		}
	}
}
