package redisconn_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

func TestThePoolInOneClause(t *testing.T) {
	for want, use := range map[string]redisconn.PoolUse{
		"no pool":                     {},
		"pool 3/10 in use, 0 waiting": {Size: 10, InUse: 3, Idle: 2},
		"pool 10/10 in use, 4 waiting (held by 8 blpop for up to 2s)": {Size: 10, InUse: 10, Waiting: 4, Holders: "8 blpop for up to 2s"},
	} {
		if got := use.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhoHoldsConnectionsForLongIsKnownByName(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	done := make(chan error, 4)
	for range 2 {
		go func() { done <- client.BLPop(ctx, 0, "empty").Err() }()
	}
	eventually(t, "two BLPOPs", func() bool { return client.Stats().InFlight == 2 })
	go func() { done <- client.BRPop(ctx, 0, "empty").Err() }()
	eventually(t, "a BRPOP", func() bool { return client.Stats().InFlight == 3 })
	go func() {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.BLPop(ctx, 0, "empty").Err() })
		done <- err
	}()
	eventually(t, "four connections in use", func() bool { return client.Stats().Pool.InUse == 4 })

	parts := strings.Split(client.Stats().Pool.Holders, ", ")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "2 blpop for up to ") || !strings.HasPrefix(parts[1], "1 brpop for up to ") || parts[2] != "1 pipeline" {
		t.Errorf("holders %q", parts)
	}
	for range 4 {
		server.Client().LPush(ctx, "empty", "x")
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := client.Stats().Pool; got.Holders != "" || got.InUse != 0 {
		t.Errorf("after the end: %+v", got)
	}
}
