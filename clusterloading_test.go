package redisconn_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// clusterBehindProxy starts a cluster of three masters, and a client that reaches the first
// of them through a proxy.
func clusterBehindProxy(t *testing.T) (*redisconntest.Cluster, *redisconn.Client, *redisconntest.Proxy) {
	t.Helper()
	cluster := redisconntest.NewCluster(t, 3, 0, partly)
	first := cluster.Addrs()[0]
	proxy := redisconntest.NewProxy(t, first)
	cfg := clusterConfig(cluster)
	cfg.Timeouts.Operation = 5 * time.Second
	client := openClient(t, cfg, redisconn.WithAddressMap(func(addr string) string {
		if addr == first {
			return proxy.Addr()
		}
		return addr
	}))
	setEverywhere(t, cluster, client)
	return cluster, client, proxy
}

// What the monitor found about a dead node lost its class on the way to the calls
// for it: with one node of three loading its data for a second, 4002 of 5299 SET
// failed at once with class unknown, which nobody repeats.
func TestCallsToAClusterNodeThatIsLoadingWaitForIt(t *testing.T) {
	cluster, client, proxy := clusterBehindProxy(t)
	fault := proxy.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
	key := keyIn(cluster, 0, 3, "k")
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			if err := client.Incr(t.Context(), key).Err(); err != nil {
				t.Errorf("a call failed: %v", err)
			}
		})
	}
	eventually(t, "the node counts as dead", func() bool { return nodeEvent(client, redisconn.ClassLoading, cluster.Addrs()[0]) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := client.Incr(ctx, key).Err(); redisconn.ClassOf(err) != redisconn.ClassLoading || !redisconn.SafeToRetry(err) {
		t.Errorf("a call whose time ends before was told %v", err)
	}
	fault.Clear()
	callers.Wait()
	if n, err := client.Get(t.Context(), key).Int(); n != 6 || err != nil { // the 1 that was there
		t.Errorf("counted to %d, %v, want 6", n, err)
	}
}

// A node that answered the monitor with an error lost the connections to it as one
// that says nothing does, and the calls on them were told that they may have been
// applied.
func TestACallIsNotCutFromANodeThatAnswersTheMonitorWithAnError(t *testing.T) {
	cluster, client, proxy := clusterBehindProxy(t)
	key := keyIn(cluster, 0, 3, "queue")
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(t.Context(), 0, key).Err() }()
	node := cluster.Nodes()[0]
	eventually(t, "a BLPOP", func() bool { return blockedClients(t, node) == 1 })
	fault := proxy.Answer(redisconntest.Command("ping"), redisconntest.Always, redisconntest.Loading)
	eventually(t, "the node counts as dead", func() bool { return nodeEvent(client, redisconn.ClassLoading, node.Addr()) })
	if err := node.Client().RPush(t.Context(), key, "job").Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-popped; err != nil {
		t.Error(err)
	}
	fault.Clear()
	eventually(t, "the node is back", func() bool { return client.Set(t.Context(), keyIn(cluster, 0, 3, "k"), 1, 0).Err() == nil })
}
