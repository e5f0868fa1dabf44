package redisconn_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestSubscriptionsReceive(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	for name, row := range map[string]struct {
		subscription *redis.PubSub
		publish      func() error
	}{
		"channel": {client.Subscribe(ctx, "news"), func() error { return server.Client().Publish(ctx, "news", "hello").Err() }},
		"pattern": {client.PSubscribe(ctx, "sport*"), func() error { return server.Client().Publish(ctx, "sports", "hello").Err() }},
		"sharded": {client.SSubscribe(ctx, "local"), func() error { return server.Client().SPublish(ctx, "local", "hello").Err() }},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := row.subscription.Receive(ctx); err != nil {
				t.Fatal(err)
			}
			if err := row.publish(); err != nil {
				t.Fatal(err)
			}
			message, err := row.subscription.ReceiveMessage(ctx)
			if err != nil || message.Payload != "hello" {
				t.Errorf("got %v, %v", message, err)
			}
			if err := row.subscription.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The driver's Close leaves a goroutine behind for each subscription whose
// channel is in use.
func TestDrainClosesSubscriptionsAndTheirGoroutines(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, server := openServer(t)
	open := client.Subscribe(t.Context(), "a", "b")
	messages := open.Channel()
	closed := client.PSubscribe(t.Context(), "c*")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if n := server.Client().Publish(t.Context(), "a", "1").Val(); n > 1 {
		t.Fatalf("%d receivers", n)
	}
	receipt, err := client.Drain(t.Context())
	if err != nil || receipt.Subscriptions != 1 {
		t.Errorf("receipt %+v, %v, want one subscription", receipt, err)
	}
	for range messages { // ends when the channel is closed
	}
	runtime.KeepAlive(closed)
}

// A subscription that opens its connection holds its lock meanwhile, so closing
// it waited for a handshake that a stopped server never answers.
func TestASubscriptionThatIsReconnectingDoesNotKeepDrain(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Timeouts.Operation = 20 * time.Second
	client := openClient(t, cfg)
	subscription := client.Subscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = subscription.Channel()
	links := proxy.Accepted()
	proxy.Blackhole()
	proxy.CutAll()
	eventually(t, "the subscription to reconnect", func() bool { return proxy.Accepted() > links })
	within(t, 300*time.Millisecond, "Drain", func() {
		if _, err := client.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestASubscriptionBeforeConnectSaysSo(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	subscription := client.Subscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); err == nil || !strings.Contains(err.Error(), "Connect was never called") {
		t.Errorf("got %v", err)
	}
}

func TestASubscriptionAfterDrainIsClosed(t *testing.T) {
	client, _ := openServer(t)
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	subscription := client.Subscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("got %v, want closed", err)
	}
}

func TestSubscriptionsThatNobodyHoldsAreForgotten(t *testing.T) {
	client, _ := openServer(t)
	for range 100 {
		_ = client.Subscribe(t.Context()) // subscribed to nothing: it holds no connection
	}
	redisconntest.Eventually(t, soon, "the collector to forget them", func() bool {
		runtime.GC()
		return redisconn.TrackedSubscriptions(client) == 0
	})
}
