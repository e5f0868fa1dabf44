package redisconn_test

import (
	"testing"
	"time"

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
