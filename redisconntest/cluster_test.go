package redisconntest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func clusterClient(t testing.TB, c *redisconntest.Cluster) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(c.ClusterOptions())
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// keyOf returns a key that is in a slot of the shard.
func keyOf(t testing.TB, c *redisconntest.Cluster, shard int) string {
	t.Helper()
	master := c.Masters()[shard]
	for i := range 1000 {
		if key := fmt.Sprint("k", i); c.NodeOf(key) == master {
			return key
		}
	}
	t.Fatalf("no key of a thousand is in shard %d", shard)
	return ""
}

func TestClusterOfSixServesWithinFiveSecondsAndSurvivesItsMasters(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := redisconntest.NewCluster(t, 3, 1)
	took := time.Since(start)
	t.Logf("six nodes serve after %v", took)
	if took > 5*time.Second {
		t.Errorf("six nodes took %v", took)
	}
	if len(c.Nodes()) != 6 || !slices.Equal(c.Masters(), c.Nodes()[:3]) || c.Addrs()[5] != c.Nodes()[5].Addr() ||
		!slices.Equal(c.Replicas(1), c.Nodes()[4:5]) {
		t.Errorf("nodes %v, %d masters, %d replicas of shard 1", c.Addrs(), len(c.Masters()), len(c.Replicas(1)))
	}
	client := clusterClient(t, c)
	for i := range 100 {
		key := fmt.Sprint("{", i, "}x")
		must[string](t)(client.Set(within(t, 5*time.Second), key, i, 0).Result())
		if got := value(t, c.NodeOf(key), key); got != fmt.Sprint(i) {
			t.Errorf("%s is %q at the node of its slot", key, got)
		}
	}

	// Planned: the driver follows by MOVED.
	old, key := c.Masters()[1], keyOf(t, c, 1)
	start = time.Now()
	master := c.Failover(1)
	t.Logf("failed over in %v", time.Since(start))
	if master == old || c.Masters()[1] != master || c.NodeOf(key) != master || c.Replicas(1)[0] != old {
		t.Fatalf("master of shard 1: returned %s, now %s, before %s", master.Addr(), c.Masters()[1].Addr(), old.Addr())
	}
	wantWritesAt(t, client, master, key, "after")

	// Killed: its slots are served by its replica.
	key = keyOf(t, c, 0)
	start = time.Now()
	killed := c.KillMaster(0)
	if c.Masters()[0] != killed {
		t.Error("the killed master is forgotten before there is another")
	}
	c.AwaitCovered()
	t.Logf("covered %v after the kill", time.Since(start))
	successor := c.Masters()[0]
	if successor == killed || c.NodeOf(key) != successor || c.Replicas(0)[0] != killed {
		t.Errorf("%s is served by %s, master %s, killed %s", key, c.NodeOf(key).Addr(), successor.Addr(), killed.Addr())
	}
	wantWritesAt(t, clusterClient(t, c), successor, key, "later")

	// Paused: the same, and when it comes back it is told.
	start = time.Now()
	paused := c.PauseMaster(2)
	c.AwaitCovered()
	t.Logf("covered %v after the pause", time.Since(start))
	paused.Resume()
	killed.Start()
	c.AwaitCovered()
	if masters := c.Masters(); slices.Contains(masters, paused) || slices.Contains(masters, killed) {
		t.Error("a master that was succeeded is a master again")
	}
}

func TestMigratingSlotAnswersAskThenMoved(t *testing.T) {
	t.Parallel()
	c := redisconntest.NewCluster(t, 2, 0, redisconntest.WithPassword("pw"),
		redisconntest.WithTLS(redisconntest.NewCA(t)), redisconntest.WithTLSClientAuth(), redisconntest.WithNodeTimeout(2*time.Second))
	driver := clusterClient(t, c)
	const stays, moves = "{tag}stays", "{tag}moves"
	slot := redisconntest.SlotOf(stays)
	from := c.NodeOf(stays)
	to := 1 - slices.Index(c.Masters(), from)
	for _, key := range []string{stays, moves} {
		must[string](t)(driver.Set(within(t, 5*time.Second), key, key, 0).Result())
	}
	const more = 250 // than one MIGRATE takes
	for i := range more {
		must[string](t)(driver.Set(within(t, 5*time.Second), fmt.Sprint("{tag}", i), i, 0).Result())
	}
	options := from.Options() // one node, no redirections followed
	once(options)
	node := redis.NewClient(options)
	defer node.Close()
	get := func(keys ...string) error { return node.MGet(within(t, 5*time.Second), keys...).Err() }

	migration := c.MigrateSlot(slot, to)
	if migration.From() != from || migration.To() != c.Masters()[to] {
		t.Fatalf("from %s to %s", migration.From().Addr(), migration.To().Addr())
	}
	if err := get(stays, moves); err != nil {
		t.Errorf("before a key has moved: %v", err)
	}
	migration.MoveKeys(moves)
	there := fmt.Sprintf("%d %s", slot, migration.To().Addr())
	if err := get(stays); err != nil {
		t.Errorf("the key that stays: %v", err)
	}
	wantError(t, get(moves), "ASK "+there)
	wantError(t, get(stays, moves), "TRYAGAIN")
	for _, key := range []string{stays, moves} {
		if got := must[string](t)(driver.Get(within(t, 5*time.Second), key).Result()); got != key {
			t.Errorf("the driver reads %q from %s", got, key)
		}
	}
	if c.NodeOf(stays) != from {
		t.Error("a slot that is on its way belongs to its old owner")
	}

	migration.Finish()
	wantError(t, get(stays), "MOVED "+there)
	if got := must[string](t)(driver.Get(within(t, 5*time.Second), stays).Result()); got != stays || c.NodeOf(stays) != migration.To() {
		t.Errorf("the driver reads %q, the slot belongs to %s", got, c.NodeOf(stays).Addr())
	}
	for server, want := range map[*redisconntest.Server]int64{from: 0, migration.To(): more + 2} {
		if n := must[int64](t)(server.Client().DBSize(t.Context()).Result()); n != want {
			t.Errorf("%s holds %d keys, want %d", server.Addr(), n, want)
		}
	}
}

func TestWhatAClusterCannotDoIsReported(t *testing.T) {
	t.Parallel()
	redisconntest.RequireRedis(t)
	err := redisconntest.Run(func(t testing.TB) {
		c := redisconntest.NewCluster(t, 2, 0)
		redisconntest.WithSettleLimit(c, 50*time.Millisecond)
		key := keyOf(t, c, 0)
		c.Failover(0)
		migration := c.MigrateSlot(redisconntest.SlotOf(key), 1)
		migration.MoveKeys("elsewhere")
		c.KillMaster(1)
		c.AwaitCovered()
		migration.Finish()
		c.KillMaster(0)
		c.AwaitCovered()
		if c.NodeOf(key) != nil || c.Masters()[0] != c.Nodes()[0] {
			t.Errorf("nobody answers, and %s is served by %v", key, c.NodeOf(key))
		}
		c.MigrateSlot(redisconntest.SlotOf(key), 1)
	})
	wantError(t, err, "Failover: shard 0 has no replica that answers", `key "elsewhere" is in slot`,
		"AwaitCovered: after 50ms still: slot 8192 belongs to", "Migration.Finish", "no node answers", "the slot belongs to nobody")

	err = redisconntest.Run(func(t testing.TB) {
		c := redisconntest.NewCluster(t, 1, 0)
		c.MigrateSlot(7, 0)
	})
	wantError(t, err, "MigrateSlot(7, 0): the slot belongs to shard 0 already")
}

func TestClustersThatCannotBeStartedSayWhy(t *testing.T) {
	redisconntest.RequireRedis(t)
	cases := map[string]struct {
		masters, replicas int
		opts              []redisconntest.ServerOption
		says              string
	}{
		"no master":   {0, 1, nil, "at least one master is needed"},
		"no replicas": {1, -1, nil, "0 masters"},
		"directive":   {1, 0, opts(redisconntest.WithDirective("no-such-directive")), "no-such-directive"},
		"port":        {1, 0, opts(redisconntest.WithPort(1234)), "no WithPort"},
		"timeout":     {1, 0, opts(redisconntest.WithNodeTimeout(-time.Second)), "cluster-node-timeout"},
		"no cluster":  {1, 0, opts(redisconntest.WithDirective("cluster-enabled", "no")), "cluster support disabled"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := redisconntest.Run(func(t testing.TB) { redisconntest.NewCluster(t, c.masters, c.replicas, c.opts...) })
			wantError(t, err, "NewCluster: ", strings.Replace(c.says, "0 masters", "-1 replicas", 1))
		})
	}
}

func TestSlotsAreThoseOfTheServer(t *testing.T) {
	_, bus, _ := strings.Cut(redisconntest.ReserveAddr(t), ":")
	node := redisconntest.NewServer(t, redisconntest.WithDirective("cluster-enabled", "yes"), redisconntest.WithDirective("cluster-port", bus))
	for _, key := range []string{"", "foo", "123456789", "{user}.name", "a{b}c{d}", "{}x", "{", "}{", "a{b", "{{x}}", "\xff\x00é"} {
		want := must[int64](t)(node.Client().ClusterKeySlot(t.Context(), key).Result())
		if got := redisconntest.SlotOf(key); int64(got) != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
}

const clusterNodes = `07c37df 127.0.0.1:30004@31004 slave e7d1eec 0 1426238317239 4 connected
67ed2db 127.0.0.1:30002@31002,host myself,master - 0 1426238316232 2 connected 5461-10922 12 [93->-292f8b3]
292f8b3 :0@0 master,noaddr - 0 1426238318243 0 disconnected
`

func TestClusterNodesAreReadWithTheirSlots(t *testing.T) {
	ids, flags, slots, err := redisconntest.ParseClusterNodes(clusterNodes)
	if got := fmt.Sprint(ids, flags, slots, err); got !=
		"[07c37df 67ed2db 292f8b3] [[slave] [myself master] [master noaddr]] [[] [[5461 10922] [12 12]] []] <nil>" {
		t.Error(got)
	}
	for line, says := range map[string]string{
		"a b c":                       "3 fields",
		"a :0@0 - - 0 0 x connected":  "epoch",
		"a :0@0 - - 0 0 1 up 5-x":     "no range",
		"a :0@0 - - 0 0 1 up 9-5":     "no range",
		"a :0@0 - - 0 0 1 up 0-16384": "no range",
	} {
		_, _, _, err := redisconntest.ParseClusterNodes(line)
		wantError(t, err, says)
	}
}

func FuzzSlotsOfClusterNodesAreSlots(f *testing.F) {
	f.Add(clusterNodes)
	f.Add("a :0@0 - - 0 0 1 up 0-16383 -1 1--2")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, slots, _ := redisconntest.ParseClusterNodes(text)
		for _, s := range slices.Concat(slots...) {
			if s[0] < 0 || s[1] < s[0] || s[1] > 16383 {
				t.Errorf("slots %v from %q", s, text)
			}
		}
	})
}
