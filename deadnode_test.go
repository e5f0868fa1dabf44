package redisconn_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// With cluster-require-full-coverage yes, Redis's default, the masters that are left
// serve until they agree that one has failed, and refuse from then on.
func TestADeadShardOfThreeIsNeverPass(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	client := openClient(t, clusterConfig(cluster))
	dead := cluster.KillMaster(1)
	eventually(t, "health does not pass", func() bool { return client.LastHealth().Status != redisconn.StatusPass })
	if h := client.LastHealth(); h.Status == redisconn.StatusWarn && !strings.Contains(h.Reason, "slots 5461-10921 are not served: their master "+dead.Addr()) {
		t.Errorf("it warns: %s", h.Reason)
	}
	redisconntest.Eventually(t, 20*time.Second, "health fails", func() bool {
		h := client.LastHealth()
		if h.Status == redisconn.StatusPass {
			t.Fatalf("health passes with a shard dead: %+v", h.Nodes)
		}
		return h.Status == redisconn.StatusFail
	})
	h := client.LastHealth()
	if !strings.Contains(h.Reason, "the cluster serves nothing") || !strings.Contains(h.Reason, dead.Addr()) {
		t.Errorf("it fails: %s", h.Reason)
	}
	for range 20 { // a moment longer: each is a probe of its own
		if h = client.Health(t.Context()); h.Status != redisconn.StatusFail {
			t.Fatalf("health is %s: %s", h.Status, h.Reason)
		}
	}
}

// All calls of many callers to a node travel on its lane. A lane for the whole
// cluster would stand still with the first node that hangs.
func TestAHungNodeHoldsUpNoLaneButItsOwn(t *testing.T) {
	const callers, most, operation = 10, time.Second, 5 * time.Second
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	cfg := clusterConfig(cluster)
	cfg.Pipelining = redisconn.PipeliningAlways
	cfg.Timeouts.Operation, cfg.Health.FailAfter = operation, 1000 // nobody cuts the calls that hang
	client := openClient(t, cfg)
	var over atomic.Bool
	var calls [3]atomic.Int64
	var worst atomic.Int64
	var all sync.WaitGroup
	for i := range 3 * callers {
		shard := i % 3
		key := keyIn(cluster, shard, 3, "lane")
		all.Go(func() {
			for !over.Load() {
				began := time.Now()
				err := client.Incr(t.Context(), key).Err()
				calls[shard].Add(1)
				if shard == 0 {
					continue // what it meets is not the question here
				}
				if took := int64(time.Since(began)); took > worst.Load() {
					worst.Store(took)
				}
				if err != nil {
					t.Errorf("shard %d: %v", shard, err)
				}
			}
		})
	}
	busy := func(what string) {
		t.Helper()
		before := [2]int64{calls[1].Load(), calls[2].Load()}
		eventually(t, what, func() bool { return calls[1].Load() > before[0]+1000 && calls[2].Load() > before[1]+1000 })
	}
	eventually(t, "all are at work", func() bool { return calls[0].Load() > 100 })
	busy("the others are at work")
	worst.Store(0)
	paused := cluster.PauseMaster(0)
	busy("the others go on")
	over.Store(true)
	paused.Resume()
	all.Wait()
	t.Logf("worst call to another node: %s", time.Duration(worst.Load()))
	if got := time.Duration(worst.Load()); got > most {
		t.Errorf("a call to another node took %s", got)
	}
	if routes := client.Stats().Routes; routes.Lane < 3000 {
		t.Errorf("the lanes carried %d commands", routes.Lane)
	}
}
