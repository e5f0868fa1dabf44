package redisconn_test

import (
	"errors"
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

	shard := redisconntest.SlotOf(channel) * 3 / 16384
	cluster.MigrateSlot(redisconntest.SlotOf(channel), (shard+1)%3).Finish()
	hears(t, "the sharded channel is heard where its slot is now", sharded, publish)

	cluster.KillMaster((shard + 1) % 3)
	cluster.AwaitCovered()
	hears(t, "the sharded channel is heard after a failover", sharded, publish)
	hears(t, "the channel is heard after a failover", plain, publish)
	hears(t, "the pattern is heard after a failover", pattern, publish)

	if err := redisconn.Succeed(ctx, client); err != nil {
		t.Fatal(err)
	}
	hears(t, "the sharded channel is heard in another generation", sharded, publish)
	hears(t, "the channel is heard in another generation", plain, publish)
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	receipt, err := client.Drain(ctx)
	if err != nil || receipt.Subscriptions != 3 {
		t.Errorf("%+v, %v", receipt, err)
	}
}
