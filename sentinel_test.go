package redisconn_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// sentinelConfigFor is configFor for a Sentinel deployment.
func sentinelConfigFor(s *redisconntest.Sentinel) redisconn.Config {
	cfg := configFor("")
	cfg.Connection.Addrs = s.SentinelAddrs()
	cfg.Sentinel.Master = s.MasterName()
	cfg.Timeouts.Operation = 5 * time.Second
	return cfg
}

func TestConnectFindsTheMasterThatTheSentinelsName(t *testing.T) {
	s := redisconntest.NewSentinel(t)
	client := openClient(t, sentinelConfigFor(s))
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.Master().Client().Get(t.Context(), "k").Val(); got != "v" {
		t.Errorf("the master holds %q", got)
	}
	t.Log(client.String())
	for _, e := range client.History() {
		t.Log(e)
	}
}

// moved waits until the client's commands go to a server.
func moved(t *testing.T, client *redisconn.Client, to *redisconntest.Server) {
	t.Helper()
	redisconntest.Eventually(t, 20*time.Second, "the client moves to "+to.Addr(), func() bool {
		return client.Unwrap().(*redis.Client).Options().Addr == to.Addr()
	})
}

func events(client *redisconn.Client, kind redisconn.EventKind) []redisconn.Event {
	var all []redisconn.Event
	for _, e := range client.History() {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

func TestAPlannedFailoverMovesEverything(t *testing.T) {
	s := redisconntest.NewSentinel(t)
	client := openClient(t, sentinelConfigFor(s))
	subscription := client.Subscribe(t.Context(), "news")
	messages := subscription.Channel()
	popped := make(chan error, 1)
	go func() {
		popped <- client.BLPop(t.Context(), 0, "queue").Err()
	}()
	master := s.Failover()
	moved(t, client, master)
	redisconntest.Eventually(t, soon, "the subscription moves", func() bool {
		return master.Client().Publish(t.Context(), "news", "hello").Val() > 0
	})
	if m := <-messages; m.Payload != "hello" {
		t.Errorf("received %v", m)
	}
	t.Log(client.State(), client.Stats().Failovers)
	for _, e := range client.History() {
		t.Log(e)
	}
	select {
	case err := <-popped:
		t.Log("BLPOP", err)
	default:
		t.Log("BLPOP still there")
	}
}
