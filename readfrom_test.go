package redisconn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestReadsOfAClusterGoWhereTheyAreSent(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 1)
	calls := func(nodes []*redisconntest.Server) (n int64) {
		for _, node := range nodes {
			n += node.CommandCalls("get")
		}
		return n
	}
	masters, replicas := cluster.Masters(), append(cluster.Replicas(0), cluster.Replicas(1)...)
	openWith := func(t *testing.T, from redisconn.ReadFrom) *redisconn.Client {
		cfg := clusterConfig(cluster)
		cfg.Cluster.ReadFrom = from
		cfg.Cluster.RefreshInterval = 100 * time.Millisecond
		client := openClient(t, cfg)
		// A cluster lists a replica once it is known to have replicated something.
		eventually(t, "all nodes are known and measured", func() bool {
			nodes := client.Health(t.Context()).Nodes
			return len(nodes) == 4 && !slices.ContainsFunc(nodes, func(n redisconn.NodeHealth) bool { return n.Latency == 0 })
		})
		return client
	}
	for _, key := range []string{"a", "b"} { // one for each shard
		if err := cluster.NodeOf(key).Client().Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for from, c := range map[redisconn.ReadFrom]struct{ masters, replicas bool }{
		redisconn.ReadFromMaster:        {true, false},
		redisconn.ReadFromPreferReplica: {false, true},
		redisconn.ReadFromReplica:       {false, true},
		redisconn.ReadFromNearest:       {true, true},
	} {
		t.Run(string(from), func(t *testing.T) {
			client := openWith(t, from)
			masterCalls, replicaCalls := calls(masters), calls(replicas)
			for _, key := range []string{"a", "b", "c", "d"} {
				if err := client.Set(t.Context(), key, "v", 0).Err(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "what was written is read", func() bool { return client.Get(t.Context(), key).Val() == "v" })
			}
			masterCalls, replicaCalls = calls(masters)-masterCalls, calls(replicas)-replicaCalls
			if masterCalls > 0 && !c.masters || replicaCalls > 0 && !c.replicas || masterCalls+replicaCalls < 4 {
				t.Errorf("masters answered %d GET, replicas %d", masterCalls, replicaCalls)
			}
		})
	}

	t.Run("a read in a pipeline sees the write before it", func(t *testing.T) {
		client := openWith(t, redisconn.ReadFromReplica)
		for n := range 50 {
			pipe := client.Pipeline()
			pipe.Set(t.Context(), "seen", n, 0)
			got := pipe.Get(t.Context(), "seen")
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			if seen, _ := got.Int(); seen != n {
				t.Fatalf("wrote %d, read %d", n, seen)
			}
		}
	})

	t.Run("scripts are loaded where they may run", func(t *testing.T) {
		client := openWith(t, redisconn.ReadFromReplica)
		sha, err := client.ScriptLoad(t.Context(), "return redis.call('GET', KEYS[1])").Result()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := client.EvalShaRO(t.Context(), sha, []string{"a"}).Text(); got != "v" {
			t.Errorf("%q, %v", got, err)
		}
		for _, node := range cluster.Nodes() {
			if there := node.Client().ScriptExists(t.Context(), sha).Val(); !there[0] {
				t.Errorf("%s has no script", node.Addr())
			}
		}
		absent := strings.Repeat("0", 40)
		there, err := client.Do(t.Context(), "SCRIPT", "EXISTS", sha, absent).Slice()
		if err != nil || fmt.Sprint(there) != "[1 0]" {
			t.Errorf("%v, %v", there, err)
		}
		keys, err := client.Do(t.Context(), "KEYS", "[ab]").Slice()
		if err != nil || len(keys) != 2 {
			t.Errorf("%v, %v", keys, err)
		}
	})

	t.Run("the master answers for replicas that are dead", func(t *testing.T) {
		prefers, insists := openWith(t, redisconn.ReadFromPreferReplica), openWith(t, redisconn.ReadFromReplica)
		for _, node := range replicas {
			node.Kill()
		}
		isDead := func(client *redisconn.Client) func() bool {
			return func() bool {
				h := client.Health(t.Context())
				return h.Status == redisconn.StatusWarn && h.Class == redisconn.ClassUnreachable && h.Slots.Covered == 16384
			}
		}
		eventually(t, "the replicas are known to be dead", isDead(prefers))
		if got, err := prefers.Get(t.Context(), "a").Result(); got != "v" {
			t.Errorf("%q, %v", got, err)
		}
		eventually(t, "the replicas are known to be dead", isDead(insists))
		began := time.Now()
		if err := insists.Get(t.Context(), "a").Err(); redisconn.ClassOf(err) != redisconn.ClassRefused || time.Since(began) < 500*time.Millisecond {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		for _, node := range replicas {
			node.Restart()
		}
		redisconntest.Eventually(t, 20*time.Second, "health passes again and tells of the replicas", func() bool {
			h := insists.Health(t.Context())
			return h.Status == redisconn.StatusPass && len(h.Nodes) == 4 && h.Nodes[1].Role == "replica" && h.Nodes[1].Link == "up" &&
				h.Nodes[1].Lag != nil && h.Nodes[1].ID != ""
		})
	})
}
