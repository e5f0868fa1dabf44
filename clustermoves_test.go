package redisconn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// commandsOf runs every kind of call at keys with a tag, and returns their errors.
func commandsOf(t *testing.T, client *redisconn.Client, tag string) map[string]error {
	t.Helper()
	ctx := t.Context()
	_, pipeline := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, tag+"p", 1, 0)
		p.Incr(ctx, tag+"p")
		p.Publish(ctx, "news", 1)
		p.Get(ctx, tag+"old")
		p.Publish(ctx, "news", 2)
		return nil
	})
	_, transaction := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, tag+"t", 1, 0)
		p.Incr(ctx, tag+"t")
		return nil
	})
	return map[string]error{
		"command":     client.Set(ctx, tag+"s", 1, 0).Err(),
		"pipeline":    pipeline,
		"transaction": transaction,
		"watch":       client.Watch(ctx, func(tx *redis.Tx) error { return tx.Get(ctx, tag+"old").Err() }, tag+"old"),
	}
}

func TestCommandsMeetASlotAtEachStepOfItsWay(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	const tag = "{on-its-way}"
	from := redisconntest.SlotOf(tag) * 2 / 16384
	cfg := clusterConfig(cluster)
	cfg.Cluster.RefreshInterval = time.Hour // only what commands meet leads to news
	// Each kind of call meets the move with a table of its own that knows nothing of it.
	kinds := []string{"command", "pipeline", "transaction", "watch"}
	late := map[string]*redisconn.Client{}
	for _, kind := range kinds {
		late[kind] = openClient(t, cfg)
	}
	client := openClient(t, cfg)
	if err := client.Set(t.Context(), tag+"old", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}

	migration := cluster.MigrateSlot(redisconntest.SlotOf(tag), 1-from)
	for kind, err := range commandsOf(t, client, tag) {
		if err != nil {
			t.Errorf("%s, of keys that are at either end: %v", kind, err)
		}
	}
	// A command that is sent on goes without those behind it: none of these was
	// executed, and the first would come after it.
	if err := client.Set(t.Context(), tag+"old2", 1, 0).Err(); err != nil {
		t.Error(err)
	}
	result, _ := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.SetNX(t.Context(), tag+"never", 1, 0)
		p.Exists(t.Context(), tag+"old", tag+"old")
		return nil
	})
	if result.Succeeded != 1 || result.Failed != 1 || redisconn.ClassOf(result.Failures()[0].Err) != redisconn.ClassTryAgain || result.MaybeApplied != 0 ||
		!strings.Contains(result.Err().Error(), fmt.Sprintf("ASK %d %s", redisconntest.SlotOf(tag), migration.To().Addr())) {
		t.Errorf("%+v: %v", result, result.Err())
	}
	// Of these keys one is here and one there, which lasts until the move is over.
	if err := client.SInter(t.Context(), tag+"old", tag+"p").Err(); redisconn.ClassOf(err) != redisconn.ClassTryAgain {
		t.Errorf("keys at both ends: %v", err)
	}
	migration.MoveKeys(tag + "old")
	if got, err := client.Get(t.Context(), tag+"old").Result(); got != "1" {
		t.Errorf("a key that has moved: %q, %v", got, err)
	}
	err := client.Watch(t.Context(), func(*redis.Tx) error { return nil }, tag+"old")
	if redisconn.ClassOf(err) != redisconn.ClassTryAgain || !redisconn.SafeToRetry(err) {
		t.Errorf("a watch of a key that has moved: %v", err)
	}
	if n, err := client.Incr(t.Context(), tag+"p").Result(); n != 3 {
		t.Errorf("what the pipeline left is %d, %v", n, err)
	}

	migration.Finish()
	for kind, stale := range late {
		if err := commandsOf(t, stale, tag)[kind]; err != nil {
			t.Errorf("%s, sent where the slot was: %v", kind, err)
		}
		eventually(t, "the table follows", func() bool {
			return slices.ContainsFunc(stale.History(), func(e redisconn.Event) bool {
				return e.Kind == redisconn.EventTopology && strings.Contains(e.Detail, "are served by "+migration.To().Addr())
			})
		})
	}
}

// wanderer is a server that sends whatever has a key on, to itself. It calls asked
// for every question after its slots.
func wanderer(t *testing.T, asked func()) *redisconntest.Scripted {
	t.Helper()
	var server *redisconntest.Scripted
	server = redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		sendOn := func(key string) string {
			return fmt.Sprintf("-MOVED %d %s\r\n", redisconntest.SlotOf(key), server.Addr())
		}
		switch strings.ToLower(args[0]) {
		case "hello":
			return "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
		case "info":
			return "$0\r\n\r\n"
		case "ping":
			return "+PONG\r\n"
		case "cluster":
			if strings.EqualFold(args[1], "slots") {
				asked()
				return slotsReply(server.Addr())
			}
			return "$16\r\ncluster_state:ok\r\n"
		case "exec":
			return "-EXECABORT Transaction discarded because of previous errors.\r\n"
		case "get", "set", "incr", "watch":
			return sendOn(args[1])
		}
		return "+OK\r\n"
	}))
	return server
}

func TestCommandsThatAreSentOnAndOnFailUnexecuted(t *testing.T) {
	server := wanderer(t, func() {})
	cfg := configFor(server.Addr())
	cfg.Timeouts.Operation = 200 * time.Millisecond
	client := openClient(t, cfg)
	for kind, err := range commandsOf(t, client, "") {
		var failed *redisconn.CommandError
		if !errors.As(err, &failed) || failed.Class != redisconn.ClassTryAgain || failed.Applied != redisconn.AppliedNo ||
			failed.Addr != server.Addr() || !strings.Contains(err.Error(), "sent on 5 times") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestCommandsThatChangeTheirConnectionAreRefusedInPipelines(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	client := openClient(t, configFor(cluster.Addrs()[0]))
	result, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Do(t.Context(), "MULTI")
		p.Set(t.Context(), "k", 1, 0)
		p.Do(t.Context(), "EXEC")
		return nil
	})
	if result.Failed != 2 || result.Succeeded != 1 || result.MaybeApplied != 0 || !strings.Contains(err.Error(), "use TxPipelined") {
		t.Errorf("%+v, %v", result, err)
	}
}

// sentEachWay sends a write, a read and a section for a key in each way there is,
// and returns what came of each.
func sentEachWay(t *testing.T, client *redisconn.Client, key string) map[string]error {
	set := func(p redis.Pipeliner) error {
		p.Set(t.Context(), key, 1, 0)
		return nil
	}
	_, pipelined := client.Pipelined(t.Context(), set)
	_, transacted := client.TxPipelined(t.Context(), set)
	return map[string]error{
		"command": client.Get(t.Context(), key).Err(), "pipeline": pipelined, "transaction": transacted,
		"watch": client.Watch(t.Context(), func(*redis.Tx) error { return nil }, key),
	}
}

func TestADeadShardFailsFastWhereThatIsAsked(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	cfg := clusterConfig(cluster)
	cfg.WhenDown = redisconn.WhenDownFailFast
	client := openClient(t, cfg)
	cluster.KillMaster(1)
	eventually(t, "health warns", func() bool { return client.Health(t.Context()).Status == redisconn.StatusWarn })
	key := keyIn(cluster, 1, 3, "k")
	for kind, err := range sentEachWay(t, client, key) {
		if !errors.Is(err, redisconn.ErrDown) || !redisconn.SafeToRetry(err) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	// A part of an answer is no answer: the masters that live have counted, one has not.
	if n, err := client.DBSize(t.Context()).Result(); !errors.Is(err, redisconn.ErrDown) {
		t.Errorf("DBSIZE %d, %v", n, err)
	}
	err := client.MSet(t.Context(), key, 1, keyIn(cluster, 0, 3, "k"), 1).Err()
	if !redisconn.IsMaybeApplied(err) || redisconn.SafeToRetry(err) {
		t.Errorf("MSET, of which a part was applied: %v", err)
	}
	if driver := client.Unwrap().Get(t.Context(), key).Err(); redisconn.ClassOf(driver) != redisconn.ClassRefused {
		t.Errorf("the driver's client: %v", driver)
	}
}

func TestSlotsOfNobodyAreNamed(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	const key = "k"
	slot := redisconntest.SlotOf(key)
	cfg := configFor(cluster.Addrs()[0])
	cfg.Timeouts.Operation = 300 * time.Millisecond
	cfg.Cluster.RefreshInterval = 100 * time.Millisecond
	client := openClient(t, cfg)
	node := cluster.Nodes()[0].Client()
	if err := node.ClusterDelSlots(t.Context(), slot).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "health names the slot", func() bool {
		h := client.Health(t.Context())
		return h.Status == redisconn.StatusWarn && h.Reason == fmt.Sprintf("nobody serves slots %d", slot) && h.Slots.Covered == 16383
	})
	for kind, err := range sentEachWay(t, client, key) {
		if redisconn.ClassOf(err) != redisconn.ClassClusterDown || !redisconn.SafeToRetry(err) || !strings.Contains(err.Error(), fmt.Sprintf("no node serves slot %d", slot)) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := node.ClusterAddSlots(t.Context(), slot).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slot is served again", func() bool { return client.Set(t.Context(), key, 1, 0).Err() == nil })
}

// A cluster whose nodes have all moved, as pods do, is found again by the names of
// the configuration.
func TestAClusterThatMovedIsFoundByItsSeeds(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0, redisconntest.WithDirective("cluster-announce-ip", "10.9.8.7"))
	now := atomic.Pointer[string]{}
	first, second := "10.9.8.7:", "10.9.8.8:"
	now.Store(&first)
	cfg := configFor(cluster.Addrs()[0])
	cfg.Connection.AllowAddrs = []string{"127.0.0.1"}
	client := openClient(t, cfg, redisconn.WithAddressMap(func(addr string) string {
		if strings.HasPrefix(addr, "10.") && !strings.HasPrefix(addr, *now.Load()) {
			return "127.0.0.1:1" // nobody is there
		}
		return strings.Replace(addr, *now.Load(), "127.0.0.1:", 1)
	}))
	node := cluster.Nodes()[0].Client()
	if err := node.ConfigSet(t.Context(), "cluster-announce-ip", "10.9.8.8").Err(); err != nil {
		t.Fatal(err)
	}
	now.Store(&second)
	if err := node.ClientKillByFilter(t.Context(), "USER", "default").Err(); err != nil {
		t.Fatal(err)
	}
	redisconntest.Eventually(t, 10*time.Second, "the node is found where it is", func() bool {
		nodes := client.Health(t.Context()).Nodes
		return len(nodes) == 1 && strings.HasPrefix(nodes[0].Addr, "10.9.8.8:") && nodes[0].Status == redisconn.StatusPass
	})
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}

func TestAClusterThatIsGoneIsDownUntilItIsBack(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	client := openClient(t, configFor(cluster.Addrs()[0]))
	node := cluster.KillMaster(0)
	// Before anybody knows: the node refuses, and its name is in the error.
	watched := client.Watch(t.Context(), func(*redis.Tx) error { return nil }, "k")
	_, transacted := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "k", 1, 0)
		return nil
	})
	for kind, err := range map[string]error{"transaction": transacted, "watch": watched} {
		if class := redisconn.ClassOf(err); !slices.Contains([]redisconn.Class{redisconn.ClassRefused, redisconn.ClassLost, redisconn.ClassDown}, class) || !redisconn.SafeToRetry(err) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	eventually(t, "the client is down", func() bool { return client.State() == redisconn.StateDown })
	if h := client.LastHealth(); h.Status != redisconn.StatusFail || h.Nodes[0].Status != redisconn.StatusFail || h.Slots.Covered != 0 {
		t.Errorf("%+v", h)
	}
	text, err := json.Marshal(client.LastHealth().Nodes[0])
	if err != nil || !strings.Contains(string(text), `"latency_ms":`) || !strings.Contains(string(text), `"slots":"0-16383"`) {
		t.Errorf("%s, %v", text, err)
	}
	node.Restart()
	redisconntest.Eventually(t, 15*time.Second, "the client is ready", func() bool { return client.Set(t.Context(), "k", 1, 0).Err() == nil })
}

func TestAPipelineCutOffAHangingNodeMayHaveBeenApplied(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0, redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	cfg := clusterConfig(cluster)
	cfg.Timeouts.Operation = 3 * time.Second
	client := openClient(t, cfg)
	key := keyIn(cluster, 0, 2, "k")
	if err := client.Set(t.Context(), key, 0, 0).Err(); err != nil {
		t.Fatal(err)
	}
	paused := cluster.PauseMaster(0)
	defer paused.Resume()
	result, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), key, 1, 0)
		p.Set(t.Context(), keyIn(cluster, 1, 2, "k"), 1, 0)
		return nil
	})
	if result.Succeeded != 1 || result.MaybeApplied != 1 || result.Failures()[0].Index != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	// A call that waits for the node ends with the client.
	waiting := make(chan error, 1)
	patient, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { waiting <- client.Get(patient, key).Err() }()
	eventually(t, "the call waits", func() bool { return client.Stats().InFlight == 1 })
	hurried, hurry := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer hurry()
	if receipt, err := client.Drain(hurried); !errors.Is(err, redisconn.ErrDrainIncomplete) || receipt.Abandoned != 1 {
		t.Errorf("%v, %v", receipt, err)
	}
	if err := <-waiting; !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestTransactionsOfAClusterFailAsThoseOfAServer(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	client := openClient(t, configFor(cluster.Addrs()[0]))
	ctx := t.Context()
	for name, c := range map[string]struct {
		queue   func(p redis.Pipeliner)
		applied redisconn.Applied
		class   redisconn.Class
	}{
		"a wrong type":  {func(p redis.Pipeliner) { p.Set(ctx, "s", 1, 0); p.LPush(ctx, "s", 1) }, redisconn.AppliedYes, redisconn.ClassReply},
		"a wrong shape": {func(p redis.Pipeliner) { p.Set(ctx, "s", 1, 0); p.Do(ctx, "SET", "s") }, redisconn.AppliedNo, redisconn.ClassReply},
		"no key at all": {func(p redis.Pipeliner) { p.Do(ctx, "PING", 1, 2, 3); p.Do(ctx, "PING") }, redisconn.AppliedYes, redisconn.ClassReply},
		"crossed keys":  {func(p redis.Pipeliner) { p.MGet(ctx, "a", "b") }, redisconn.AppliedNo, redisconn.ClassCrossSlot},
		"a script's own redirection": {func(p redis.Pipeliner) {
			p.Eval(ctx, fmt.Sprintf("redis.call('INCR', KEYS[1]); return redis.error_reply('MOVED %d 127.0.0.1:1')", redisconntest.SlotOf("n")), []string{"n"})
		}, redisconn.AppliedYes, redisconn.ClassMoved},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := client.RunTransaction(ctx, func(p redis.Pipeliner) error {
				c.queue(p)
				return nil
			})
			failed := result.Failed()
			if result.Applied != c.applied || len(failed) == 0 || redisconn.ClassOf(failed[len(failed)-1].Err) != c.class {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	if n, err := client.Get(ctx, "n").Int(); n != 1 {
		t.Errorf("the script ran %d times, %v", n, err)
	}
}

// transactor is a cluster's only node, with answers of its own to transactions.
func transactor(t *testing.T, queued, exec func(own string) string) *redisconntest.Scripted {
	t.Helper()
	return redisconntest.NewScripted(t, func(conn net.Conn) {
		own := conn.LocalAddr().String()
		redisconntest.Replies(func(args []string) string {
			switch strings.ToLower(args[0]) {
			case "hello":
				return "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
			case "info":
				return "$0\r\n\r\n"
			case "ping":
				return "+PONG\r\n"
			case "cluster":
				if strings.EqualFold(args[1], "slots") {
					return slotsReply(own)
				}
				return "$16\r\ncluster_state:ok\r\n"
			case "set":
				return queued(own)
			case "exec":
				return exec(own)
			}
			return "+OK\r\n"
		})(conn)
	})
}

func TestTransactionsFollowWhatExecAnswers(t *testing.T) {
	slot := redisconntest.SlotOf("k")
	const fine, aborted = "+QUEUED\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n"
	as := func(reply string) func(string) string { return func(string) string { return reply } }
	for name, c := range map[string]struct {
		queued, exec func(string) string
		class        redisconn.Class
	}{
		"EXEC itself is sent on to nobody":     {as(fine), as(fmt.Sprintf("-MOVED %d 127.0.0.1:1\r\n", slot)), redisconn.ClassRefused},
		"ASK to nobody":                        {as(fmt.Sprintf("-ASK %d 127.0.0.1:1\r\n", slot)), as(aborted), redisconn.ClassRefused},
		"aborted without a word of the reason": {as(fine), as(aborted), redisconn.ClassReply},
		"the cluster is down":                  {as(fine), as("-CLUSTERDOWN The cluster is down\r\n"), redisconn.ClassClusterDown},
	} {
		t.Run(name, func(t *testing.T) {
			server := transactor(t, c.queued, c.exec)
			cfg := configFor(server.Addr())
			cfg.Timeouts.Operation = 200 * time.Millisecond
			client := openClient(t, cfg)
			result, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error {
				p.Set(t.Context(), "k", 1, 0)
				return nil
			})
			if redisconn.ClassOf(result.Outcomes[0].Err) != c.class || result.Applied != redisconn.AppliedNo {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

func TestAServerThatHidesWhatItIs(t *testing.T) {
	for name, c := range map[string]struct {
		slots string
		class redisconn.Class
		says  string
	}{
		"no cluster":       {"-ERR This instance has cluster support disabled\r\n", redisconn.ClassMode, "this is no cluster: set mode to standalone"},
		"an empty one":     {"*0\r\n", redisconn.ClassClusterDown, "no master that serves slots"},
		"a meaningless":    {"*1\r\n:1\r\n", redisconn.ClassUnknown, "CLUSTER SLOTS"},
		"one that may not": {"-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n", redisconn.ClassACL, "NOPERM"},
	} {
		t.Run(name, func(t *testing.T) {
			server := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
				switch strings.ToLower(args[0]) {
				case "hello", "info":
					return "-ERR unknown command\r\n"
				case "ping":
					return "+PONG\r\n"
				case "cluster":
					return c.slots
				}
				return "+OK\r\n"
			}))
			cfg := configFor(server.Addr())
			cfg.Mode = redisconn.ModeCluster
			cfg.Timeouts.Connect = 200 * time.Millisecond
			err := newClient(t, cfg).Connect(t.Context())
			if redisconn.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("it does not matter to a client of one server", func(t *testing.T) {
		server := redisconntest.NewServer(t)
		cfg := configFor(server.Addr())
		cfg.Mode = redisconn.ModeStandalone
		client := openClient(t, cfg)
		if client.Health(t.Context()).Nodes != nil {
			t.Error("a single server has nodes")
		}
	})
}

func TestANodeThatIsClosedSaysThatNothingWasSent(t *testing.T) {
	cluster := redisconn.NewTestCluster(redisconn.DefaultConfig(), []any{slots(0, 16383, node("10.0.0.1", 1, "a"))})
	if err := cluster.Close(); err != nil {
		t.Fatal(err)
	}
	cluster.At("10.0.0.2:1") // it is closed as well
	err := cluster.Process(t.Context(), redis.NewStringCmd(t.Context(), "get", "k"))
	if redisconn.ClassOf(err) != redisconn.ClassLost || redisconn.AppliedOf(err) != redisconn.AppliedNo {
		t.Errorf("%v", err)
	}
}

func TestNodesThatLeftAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := []any{slots(0, 16383, node("10.0.0.1", 1, "a"), node("10.0.0.2", 1, "b"))}
		two := []any{slots(0, 16383, node("10.0.0.1", 1, "a"))}
		cluster := redisconn.NewTestCluster(redisconn.DefaultConfig(), one)
		defer cluster.Close()
		cluster.Adopt(two)
		cluster.At("10.0.0.3:1") // a redirection named it
		cluster.Sweep()
		if got := fmt.Sprint(cluster.Nodes()); got != "[10.0.0.1:1 10.0.0.2:1 10.0.0.3:1]" {
			t.Error(got)
		}
		time.Sleep(5 * time.Second)
		cluster.At("10.0.0.2:1") // it is used again
		cluster.Sweep()
		time.Sleep(6 * time.Second)
		cluster.Sweep()
		if got := fmt.Sprint(cluster.Nodes()); got != "[10.0.0.1:1 10.0.0.2:1]" {
			t.Error(got)
		}
		time.Sleep(11 * time.Second)
		cluster.Sweep()
		if got := fmt.Sprint(cluster.Nodes()); got != "[10.0.0.1:1]" {
			t.Error(got)
		}
	})
}

func TestCommandsWithoutAKeyGoToMastersThatLive(t *testing.T) {
	cluster := redisconn.NewTestCluster(redisconn.DefaultConfig(), []any{
		slots(0, 99, node("10.0.0.1", 1, "a")), slots(100, 16383, node("10.0.0.2", 1, "b")),
	})
	defer cluster.Close()
	seen := func() string {
		met := map[string]bool{}
		for range 10 {
			addr, err := cluster.Route(-1)
			met[fmt.Sprint(addr, err)] = true
		}
		return fmt.Sprint(met)
	}
	if got := seen(); got != "map[10.0.0.1:1<nil>:true 10.0.0.2:1<nil>:true]" {
		t.Error(got)
	}
	cluster.Kill("10.0.0.1:1")
	if got := seen(); got != "map[10.0.0.2:1<nil>:true]" {
		t.Error(got)
	}
	cluster.Kill("10.0.0.2:1")
	if got := seen(); got != "map[10.0.0.1:1<nil>:true 10.0.0.2:1<nil>:true]" {
		t.Error(got)
	}
	cluster.Adopt(nil)
	if _, err := cluster.Route(-1); err == nil || err.Error() != "the cluster has no master that serves slots" {
		t.Errorf("%v", err)
	}
}

func TestTheNearestNodeIsOneThatLives(t *testing.T) {
	cfg := redisconn.DefaultConfig()
	cfg.Cluster.ReadFrom = redisconn.ReadFromNearest
	cluster := redisconn.NewTestCluster(cfg, []any{slots(0, 16383, node("a", 1, "a"), node("b", 1, "b"), node("c", 1, "c"))})
	defer cluster.Close()
	nearest := func() string {
		addr, _ := cluster.Route(0, "get", "k")
		return addr
	}
	if got := nearest(); got != "a:1" {
		t.Errorf("nobody is measured: %s", got)
	}
	cluster.Measure("a:1", 3*time.Millisecond)
	cluster.Measure("b:1", time.Millisecond)
	cluster.Measure("c:1", 2*time.Millisecond)
	if got := nearest(); got != "b:1" {
		t.Error(got)
	}
	cluster.Kill("b:1")
	if got := nearest(); got != "c:1" {
		t.Error(got)
	}
	cluster.Kill("a:1")
	cluster.Kill("c:1")
	if got := nearest(); got != "a:1" {
		t.Errorf("all are dead: %s", got)
	}
}

func TestCommandsThatWaitGoToTheNodeOfTheirSlot(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	client := openClient(t, clusterConfig(cluster))
	for shard := range 2 {
		key := keyIn(cluster, shard, 2, "k")
		popped := make(chan error, 1)
		go func() {
			_, err := client.BLPop(t.Context(), 5*time.Second, key).Result()
			popped <- err
		}()
		eventually(t, "BLPOP waits", func() bool { return client.Stats().InFlight == 1 })
		if err := client.LPush(t.Context(), key, "v").Err(); err != nil {
			t.Error(err)
		}
		if err := <-popped; err != nil {
			t.Error(err)
		}
	}
	// A slot that moves takes those along that come for it later.
	key := keyIn(cluster, 0, 2, "k")
	cluster.MigrateSlot(redisconntest.SlotOf(key), 1).Finish()
	if err := client.LPush(t.Context(), key, "v").Err(); err != nil {
		t.Error(err)
	}
	if _, err := client.BLPop(t.Context(), time.Second, key).Result(); err != nil {
		t.Error(err)
	}
	if err := client.BLPop(t.Context(), time.Second, keyIn(cluster, 0, 2, "a"), keyIn(cluster, 1, 2, "a")).Err(); redisconn.ClassOf(err) != redisconn.ClassCrossSlot {
		t.Errorf("keys of two slots: %v", err)
	}
}

func TestAMasterThatWasDemotedIsAskedWhoServes(t *testing.T) {
	var asked atomic.Int64
	var server *redisconntest.Scripted
	server = rogue(t, func() string {
		asked.Add(1)
		return slotsReply(server.Addr())
	}, redisconntest.ReadOnly+"\r\n")
	cfg := configFor(server.Addr())
	cfg.Timeouts.Operation = 300 * time.Millisecond
	cfg.Cluster.RefreshInterval = time.Hour
	client := openClient(t, cfg)
	before := asked.Load()
	if err := client.Get(t.Context(), "k").Err(); redisconn.ClassOf(err) != redisconn.ClassReadOnly || !redisconn.SafeToRetry(err) {
		t.Errorf("%v", err)
	}
	eventually(t, "the cluster is asked again", func() bool { return asked.Load() > before })
}

func TestAClusterHasNoClientSideCache(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	cfg := configFor(cluster.Addrs()[0])
	cfg.Cache.Enabled = true
	err := newClient(t, cfg).Connect(t.Context())
	if redisconn.ClassOf(err) != redisconn.ClassMode || !strings.Contains(err.Error(), "switch cache.enabled off") {
		t.Errorf("%v", err)
	}
}
