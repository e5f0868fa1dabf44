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

// A BLPOP used to hold a connection of the pool for as long as it waited.
func TestWhoHoldsConnectionsForLongIsKnownByName(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	one, two, done := held(t, client), held(t, client), make(chan error, 3)
	go func() { done <- client.BLPop(ctx, 0, "nothing").Err() }()
	go func() { done <- client.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "$"}, Block: 0}).Err() }()
	go func() {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.BRPop(ctx, 0, "nothing").Err() })
		done <- err
	}()
	eventually(t, "three commands block", func() bool { return client.Stats().Routes.BlockingInUse == 3 })

	stats := client.Stats()
	if got := stats.Pool; got.InUse != 2 || !strings.HasPrefix(got.Holders, "2 watch for up to ") || strings.Contains(got.Holders, ",") {
		t.Errorf("the pool: %+v", got)
	}
	if got := stats.Routes; got.Blocking != 3 || got.BlockingMax != client.Config().Pool.Blocking {
		t.Errorf("the routes: %+v", got)
	}
	eventually(t, "five are blocked at the server", func() bool { return blockedClients(t, server) == 5 })
	for _, list := range []string{"empty", "empty", "nothing", "nothing"} {
		server.Client().LPush(ctx, list, "x")
	}
	server.Client().XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"a", "b"}})
	for _, ended := range []<-chan error{one, two, done, done, done} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if got := client.Stats(); got.Pool.Holders != "" || got.Pool.InUse != 0 || got.Routes.BlockingInUse != 0 {
		t.Errorf("after the end: %+v", got)
	}
}
