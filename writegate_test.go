package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

func TestWritesAreHeldUntilEverySentinelGaveUpOrTheMasterChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g redisconn.WriteGate
		if g.Open() != 0 {
			t.Error("nothing was held")
		}
		if !g.Shut("s1") || g.Shut("s1") || g.Shut("s2") {
			t.Error("a hold begins once")
		}
		if g.Abort("s1"); !g.Held() {
			t.Error("s2 still fails over")
		}
		if g.Abort("s2"); g.Held() {
			t.Error("nobody fails over any more")
		}
		g.Shut("s1")
		stale := g.Stale()
		time.Sleep(time.Second)
		if held := g.Open(); held != time.Second || g.Held() {
			t.Errorf("held for %s", held)
		}
		g.Shut("s1")
		if stale() != 0 || !g.Held() {
			t.Error("the end of one hold ended another")
		}
		g.Open()
	})
}

// A sentinel that announces a failover and then dies must not stop a service.
func TestNoHoldOfWritesLastsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g redisconn.WriteGate
		g.Shut("s1")
		time.Sleep(redisconn.MaxHold - time.Millisecond)
		if !g.Held() {
			t.Error("let go too early")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if g.Held() {
			t.Error("held beyond its bound")
		}
	})
}

func TestHeldWritesWaitInsideTheirBudgetAndReadsDoNot(t *testing.T) {
	client, _ := openServer(t)
	redisconn.HoldWrites(client)
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("a read: %v", err)
	}
	pipelined := func(ctx context.Context, write bool) error {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Get(ctx, "absent")
			if write {
				p.Set(ctx, "k", "v", 0)
			}
			return nil
		})
		return err
	}
	if err := pipelined(t.Context(), false); !errors.Is(err, redis.Nil) {
		t.Errorf("a pipeline of reads: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, err := range map[string]error{
		"a write": client.Incr(short, "n").Err(), "a pipeline": pipelined(short, true),
		"a watched write": client.Watch(t.Context(), func(tx *redis.Tx) error { return tx.Set(short, "k", "v", 0).Err() }),
		"a watched transaction": client.Watch(t.Context(), func(tx *redis.Tx) error {
			_, err := tx.TxPipelined(short, func(p redis.Pipeliner) error { p.Set(short, "k", "v", 0); return nil })
			return err
		}),
	} {
		if redisconn.ClassOf(err) != redisconn.ClassTimeout || !redisconn.SafeToRetry(err) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "held") {
			t.Errorf("%s: %v", name, err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- client.Incr(t.Context(), "n").Err() }()
	eventually(t, "the write is in flight", func() bool { return client.Stats().InFlight > 0 })
	redisconn.LetGoWrites(client)
	if err := <-done; err != nil || client.Get(t.Context(), "n").Val() != "1" {
		t.Errorf("let go: %v", err)
	}
}

func TestAShutdownEndsTheWaitOfHeldWrites(t *testing.T) {
	client, _ := openServer(t, func(cfg *redisconn.Config) { cfg.Timeouts.Operation = time.Minute })
	redisconn.HoldWrites(client)
	done := make(chan error, 1)
	go func() { done <- client.Incr(t.Context(), "n").Err() }()
	eventually(t, "the write is in flight", func() bool { return client.Stats().InFlight > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Drain(ctx); !errors.Is(err, redisconn.ErrDrainIncomplete) {
		t.Errorf("drain: %v", err)
	}
	if err := <-done; !errors.Is(err, redisconn.ErrClosed) || !redisconn.SafeToRetry(err) {
		t.Errorf("%v", err)
	}
	redisconn.LetGoWrites(client)
}
