package redisconn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A node of a cluster whose ACL hides what it is passes every check of Connect. Its
// MOVED then reached the program as the driver's bare error, which says neither
// what is wrong nor what to do, and nobody else was told.
func TestAClientOfOneServerThatIsAnsweredMovedIsToldTheFix(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0, redisconntest.WithDirective("rename-command", "HELLO", ""),
		redisconntest.WithUser("app", "secret", "~*", "&*", "+@all", "-info", "-cluster"))
	here, elsewhere := keyIn(cluster, 0, 2, "k"), keyIn(cluster, 1, 2, "k")
	for name, change := range map[string]func(*redisconn.Config){
		"of any mode":        func(*redisconn.Config) {},
		"of one server":      func(c *redisconn.Config) { c.Mode = redisconn.ModeStandalone },
		"in flights of many": onLane,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor(cluster.Addrs()[0])
			cfg.Connection.Username, cfg.Connection.Password = "app", "secret"
			change(&cfg)
			client, ctx := openClient(t, cfg), t.Context()
			failures := map[string]error{
				"a read":       client.Get(ctx, elsewhere).Err(),
				"a write":      client.Incr(ctx, elsewhere).Err(),
				"a script":     client.Eval(ctx, "return redis.call('incr', KEYS[1])", []string{elsewhere}).Err(),
				"a blocked":    client.BLPop(ctx, 0, elsewhere).Err(),
				"a watch":      client.Watch(ctx, func(*redis.Tx) error { return nil }, elsewhere),
				"in a section": client.Watch(ctx, func(tx *redis.Tx) error { return tx.Get(ctx, elsewhere).Err() }, here),
			}
			_, failures["a transaction"] = client.RunTransaction(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, elsewhere)
				return nil
			})
			piped, _ := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, elsewhere)
				p.Set(ctx, here, "v", 0)
				return nil
			})
			outcomes := piped.Outcomes()
			failures["in a pipeline"] = outcomes[0].Err
			for name, err := range failures {
				var failed *redisconn.CommandError
				if !errors.As(err, &failed) || failed.Class != redisconn.ClassMoved || failed.Applied != redisconn.AppliedNo || !strings.Contains(err.Error(), "connect as a cluster client") {
					t.Errorf("%s: %T %v", name, err, err)
				} else if failed.Attempts != 1 {
					t.Errorf("%s: %d attempts", name, failed.Attempts)
				}
			}
			if outcomes[1].Err != nil {
				t.Errorf("what is served here: %v", outcomes[1].Err)
			}
			told := eventsOf(client, redisconn.EventTopology)
			if len(told) != 1 || told[0].Class != redisconn.ClassMoved || !strings.Contains(told[0].Detail, "is a node of a cluster") {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// A script may answer as it likes, and may have written before. On a cluster what
// read like a refusal arrived inside an error of ours.
func TestAScriptsOwnRedirectionIsItsAnswer(t *testing.T) {
	for name, addr := range map[string]string{
		"one server": redisconntest.NewServer(t).Addr(),
		"a cluster":  redisconntest.NewCluster(t, 1, 0).Addrs()[0],
	} {
		client := openClient(t, configFor(addr))
		for i, text := range []string{"MOVED 7 127.0.0.1:1", "TRYAGAIN later"} {
			err := client.Eval(t.Context(), "redis.call('incr', KEYS[1]) return redis.error_reply(ARGV[1])", []string{"n"}, text).Err()
			if _, bare := err.(redis.Error); !bare || !strings.HasPrefix(err.Error(), text) {
				t.Errorf("%s: %T %v", name, err, err)
			}
			if n, err := client.Get(t.Context(), "n").Int(); n != i+1 || err != nil {
				t.Errorf("%s: it ran %d times, want %d; %v", name, n, i+1, err)
			}
		}
		for _, e := range eventsOf(client, redisconn.EventTopology) {
			if e.Class == redisconn.ClassMoved {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
}

// The connection of a watch cannot follow a slot to another node. What was sent on
// it then was told that it wants a cluster client, which it is.
func TestASlotThatMovesUnderAWatchPassesByItself(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	client := openClient(t, clusterConfig(cluster))
	ctx := t.Context()
	key := keyIn(cluster, 0, 2, "k")
	err := client.Watch(ctx, func(tx *redis.Tx) error {
		cluster.MigrateSlot(redisconntest.SlotOf(key), 1).Finish()
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key, 1, 0).Err() })
		return errors.Join(err, tx.Get(ctx, key).Err())
	}, key)
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		if redisconn.ClassOf(one) != redisconn.ClassTryAgain || !redisconn.SafeToRetry(one) {
			t.Errorf("%T %v", one, one)
		}
	}
	if err := client.RunOptimistic(ctx, []string{key}, func(tx *redis.Tx) error { return tx.Get(ctx, key).Err() }); !errors.Is(err, redis.Nil) {
		t.Errorf("where the slot is now: %v", err)
	}
}
