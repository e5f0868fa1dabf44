package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/effect"
)

// A SELECT through Do left a connection of the pool in another database, where
// the next caller wrote without knowing.
func TestNoCommandThatChangesItsConnectionIsSent(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	before := server.CommandCalls("select")
	for name, row := range effect.Rows() {
		if !row.Stateful {
			continue
		}
		var args []any
		for word := range strings.SplitSeq(strings.ToUpper(name), "|") {
			args = append(args, word)
		}
		args = append(args, "1")
		refused := func(where string, err error) {
			t.Helper()
			var failed *redisconn.CommandError
			if !errors.As(err, &failed) || failed.Class != redisconn.ClassBinding || failed.Applied != redisconn.AppliedNo || failed.Attempts != 0 {
				t.Errorf("%s %s: got %v", name, where, err)
				return
			}
			if text := err.Error(); !strings.Contains(text, strings.ToUpper(strings.Replace(name, "|", " ", 1))+" would change") ||
				strings.Contains(text, "use next: ;") {
				t.Errorf("%s %s: %v does not say what to use instead", name, where, err)
			}
		}
		refused("alone", client.Do(ctx, args...).Err())
		cmds, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "k", "v", 0)
			return p.Do(ctx, args...).Err()
		})
		refused("in a pipeline", err)
		refused("in a pipeline", cmds[0].Err())
		_, err = client.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Do(ctx, args...).Err() })
		if redisconn.ClassOf(err) != redisconn.ClassBinding {
			t.Errorf("%s in a transaction: got %v", name, err)
		}
	}
	if got := server.CommandCalls("select"); got != before {
		t.Errorf("SELECT reached the server %d times", got-before)
	}
	if got := client.Exists(ctx, "k").Val(); got != 0 {
		t.Error("the rest of a refused pipeline was sent")
	}
}

func TestAWatchSectionKeepsItsConnectionAsItWas(t *testing.T) {
	client, _ := openServer(t)
	ctx := t.Context()
	err := client.Watch(ctx, func(tx *redis.Tx) error {
		if err := tx.Select(ctx, 1).Err(); redisconn.ClassOf(err) != redisconn.ClassBinding {
			t.Errorf("SELECT: %v", err)
		}
		if err := tx.Do(ctx, "multi").Err(); redisconn.ClassOf(err) != redisconn.ClassBinding {
			t.Errorf("MULTI: %v", err)
		}
		_, err := tx.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Select(ctx, 1).Err() })
		if redisconn.ClassOf(err) != redisconn.ClassBinding {
			t.Errorf("SELECT in a pipeline: %v", err)
		}
		if err := tx.Watch(ctx, "another").Err(); err != nil {
			t.Errorf("WATCH: %v", err)
		}
		return tx.Unwatch(ctx).Err()
	}, "watched")
	if err != nil {
		t.Error(err)
	}
}

func TestAProgramsOwnMultiMayTravelWithItsEnd(t *testing.T) {
	client, _ := openServer(t)
	ctx := t.Context()
	send := func(lines ...string) error {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, line := range lines {
				var args []any
				for word := range strings.FieldsSeq(line) {
					args = append(args, word)
				}
				p.Do(ctx, args...)
			}
			return nil
		})
		return err
	}
	for _, whole := range [][]string{{"MULTI", "INCR n", "EXEC"}, {"MULTI", "DISCARD", "MULTI", "EXEC"}} {
		if err := send(whole...); err != nil {
			t.Errorf("%v: %v", whole, err)
		}
	}
	for _, broken := range [][]string{{"MULTI", "INCR n"}, {"INCR n", "EXEC"}, {"MULTI", "MULTI", "EXEC"}} {
		if err := send(broken...); redisconn.ClassOf(err) != redisconn.ClassBinding {
			t.Errorf("%v: %v", broken, err)
		}
	}
	if got := client.Get(ctx, "n").Val(); got != "1" {
		t.Errorf("n is %s, want 1", got)
	}
}

func TestACommandThatWaitedForTheEndOfAnOutageIsRefusedThen(t *testing.T) {
	client, proxy, _ := openProxied(t, func(c *redisconn.Config) { c.Timeouts.Operation = 20 * time.Second })
	proxy.Refuse()
	proxy.CutAll()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	told := make(chan error, 1)
	go func() { told <- client.Do(context.Background(), "SELECT", 1).Err() }()
	eventually(t, "it waits", func() bool { return client.Stats().InFlight == 1 })
	proxy.Accept()
	if err := <-told; redisconn.ClassOf(err) != redisconn.ClassBinding {
		t.Errorf("got %v", err)
	}
}
