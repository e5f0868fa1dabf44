package redisconn_test

import (
	"maps"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestFailuresAreCountedByTheirClass(t *testing.T) {
	_, proxy, client := behindProxy(t)
	ctx := t.Context()
	if got := client.Stats().FailuresByClass; got == nil || len(got) != 0 {
		t.Errorf("before any failure: %v, want an empty map", got)
	}
	for range 2 {
		proxy.DropReply(redisconntest.Command("incr"), 1)
		wantCommandError(t, client.Incr(ctx, "n").Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	}
	proxy.Answer(redisconntest.Command("get"), 1, "-NOAUTH Authentication required.\r\n")
	wantCommandError(t, client.Get(ctx, "k").Err(), redisconn.ClassAuth, redisconn.AppliedNo)

	// What the server answers is no failure of the connection.
	if err := client.Get(ctx, "absent").Err(); err != redis.Nil {
		t.Fatal(err)
	}
	client.LPush(ctx, "list", "x")
	if err := client.Get(ctx, "list").Err(); redisconn.ClassOf(err) != redisconn.ClassReply {
		t.Fatal(err)
	}

	stats := client.Stats()
	want := map[redisconn.Class]int64{redisconn.ClassLost: 2, redisconn.ClassAuth: 1}
	if !maps.Equal(stats.FailuresByClass, want) || stats.Failures != 3 {
		t.Errorf("%d failures, by class %v, want %v", stats.Failures, stats.FailuresByClass, want)
	}
}
