package redisconn_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// hears publishes at the nodes, as whoever serves the channel does, until the
// subscription has received a message.
func hears(t *testing.T, what string, messages <-chan *redis.Message, publish func()) {
	t.Helper()
	for len(messages) > 0 {
		<-messages
	}
	redisconntest.Eventually(t, 15*time.Second, what, func() bool {
		publish()
		select {
		case <-messages:
			return true
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
}

func TestSubscriptionsFollowTheirSlot(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 3, 1)
	client := newClient(t, clusterConfig(cluster))
	ctx := t.Context()
	early := client.SSubscribe(ctx, "news")
	if _, err := early.Receive(ctx); err == nil {
		t.Error("a subscription before Connect receives")
	}
	if err := errors.Join(early.Close(), client.Connect(ctx)); err != nil {
		t.Fatal(err)
	}
	const channel = "news" // served by shard 2
	sharded := client.SSubscribe(ctx, channel).Channel()
	plain := client.Subscribe(ctx, channel).Channel()
	pattern := client.PSubscribe(ctx, "new*").Channel()
	publish := func() {
		_ = client.SPublish(ctx, channel, "hello").Err() // repeated until it is heard
		_ = client.Publish(ctx, channel, "hello").Err()
	}
	hears(t, "the sharded channel is heard", sharded, publish)
	hears(t, "the channel is heard", plain, publish)
	hears(t, "the pattern is heard", pattern, publish)
	gaps := 0
	tells := func(step string) {
		t.Helper()
		eventually(t, step+" leaves a gap that is told", func() bool { return len(eventsOf(client, redisconn.EventGap)) > gaps })
		gaps = len(eventsOf(client, redisconn.EventGap))
	}

	shard := redisconntest.SlotOf(channel) * 3 / 16384
	cluster.MigrateSlot(redisconntest.SlotOf(channel), (shard+1)%3).Finish()
	hears(t, "the sharded channel is heard where its slot is now", sharded, publish)
	tells("a migration")

	cluster.KillMaster((shard + 1) % 3)
	cluster.AwaitCovered()
	hears(t, "the sharded channel is heard after a failover", sharded, publish)
	hears(t, "the channel is heard after a failover", plain, publish)
	hears(t, "the pattern is heard after a failover", pattern, publish)
	tells("a failover")

	if err := redisconn.Succeed(ctx, client); err != nil {
		t.Fatal(err)
	}
	hears(t, "the sharded channel is heard in another generation", sharded, publish)
	hears(t, "the channel is heard in another generation", plain, publish)
	tells("a generation")
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	receipt, err := client.Drain(ctx)
	if err != nil || receipt.Subscriptions != 3 {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// A service that only listens sends no command that its cluster could send on. When
// its slot went elsewhere the node said so, to nobody's ear: for the ten seconds of
// the refresh interval nothing was heard, and the gap was not told when it ended.
func TestWhoOnlyListensFollowsTheSlotAtOnce(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 1)
	cfg := clusterConfig(cluster)
	cfg.Cluster.RefreshInterval = time.Hour // the node's own words alone tell
	client := openClient(t, cfg)
	publisher := redis.NewClusterClient(cluster.ClusterOptions())
	defer func() { _ = publisher.Close() }()
	ctx := t.Context()
	const channel = "news"
	messages := client.SSubscribe(ctx, channel).Channel()
	publish := func() { _ = publisher.SPublish(ctx, channel, "hello").Err() } // repeated until it is heard
	hears(t, "the channel is heard", messages, publish)
	gaps := 0
	follows := func(step string) {
		t.Helper()
		moved := time.Now()
		hears(t, "the channel is heard after "+step, messages, publish)
		t.Logf("heard %s after %s", time.Since(moved), step)
		told := eventsOf(client, redisconn.EventGap)
		if len(told) != gaps+1 {
			t.Errorf("gaps after %s: %v", step, told)
		}
		gaps = len(told)
	}
	slot := redisconntest.SlotOf(channel)
	shard := slot * 2 / 16384
	cluster.MigrateSlot(slot, 1-shard).Finish()
	follows("a migration")
	cluster.MigrateSlot(slot, shard).Finish()
	follows("a migration back") // the cluster's epoch may be the same
	cluster.Failover(shard)
	follows("a planned failover")
}

// Whoever unsubscribes from a channel is told so by the same words in which a node
// ends a subscription. It must not make every unsubscription a look at the slots.
func TestOnlyAnEndThatNobodyAskedForHintsThatASlotMoved(t *testing.T) {
	near, peer := net.Pipe()
	defer func() { _ = near.Close(); _ = peer.Close() }()
	hints := 0
	conn, _ := redisconn.TiedConnection(near, func(string) { hints++ })
	const farewell = "$12\r\nsunsubscribe\r\n$1\r\na\r\n"
	hears := func(text string) {
		t.Helper()
		go func() { _, _ = peer.Write([]byte(text)) }()
		if _, err := io.ReadFull(conn, make([]byte, len(text))); err != nil {
			t.Fatal(err)
		}
	}
	hears("*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$5\r\nhello\r\n")
	if hints != 0 {
		t.Fatal("a message is a hint")
	}
	hears("*3\r\n" + farewell + ":0\r\n")
	if hints != 1 {
		t.Fatalf("%d hints", hints)
	}
	go func() { _, _ = io.CopyN(io.Discard, peer, int64(len("*2\r\n"+farewell))) }()
	if _, err := conn.Write([]byte("*2\r\n" + farewell)); err != nil {
		t.Fatal(err)
	}
	hears("*3\r\n" + farewell + ":0\r\n")
	if hints != 1 {
		t.Error("the program's own wish is a hint")
	}
}

// The gap was told from the moment at which we cut the connection: half a
// millisecond, of a tenth of a second in which nothing could be heard.
func TestTheGapOfASlotThatMovedBeginsWithTheNodesFarewell(t *testing.T) {
	var g redisconn.Gaps
	stood, peer := subscribed(t, &g, "a:1", true)
	conn, cut := redisconn.TiedConnection(stood, func(string) {})
	go func() { _, _ = peer.Write([]byte("*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n")) }()
	if _, err := conn.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	heard := time.Now()
	eventually(t, "a moment passes", func() bool { return time.Since(heard) > 10*time.Millisecond })
	cut()
	subscribed(t, &g, "b:2", false)
	if len(g.Events) != 1 || g.Events[0].Took < 10*time.Millisecond {
		t.Errorf("told: %+v", g.Events)
	}
}
