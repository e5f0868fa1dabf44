package redisconn_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// increment is INCR as a section: it loses an update when its watch does not hold.
func increment(ctx context.Context, tx *redis.Tx) error {
	n, err := tx.Get(ctx, "n").Int()
	if err != nil && err != redis.Nil {
		return err
	}
	_, err = tx.TxPipelined(ctx, queued(ctx, "set n "+strconv.Itoa(n+1)))
	return err
}

func TestOptimisticWritersLoseNoUpdate(t *testing.T) {
	const writers, rounds = 8, 10
	server, client := alone(t)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range rounds {
				err := client.RunOptimistic(t.Context(), []string{"n"}, func(tx *redis.Tx) error { return increment(t.Context(), tx) }, redisconn.WithAttempts(1000))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := stored(t, server, "n"); n != strconv.Itoa(writers*rounds) {
		t.Errorf("n is %s, want %d", n, writers*rounds)
	}
}

func TestConflictsToTheEndSayHowOften(t *testing.T) {
	server, client := alone(t)
	for name, test := range map[string]struct {
		opts []redisconn.OptimisticOption
		want int
	}{
		"by default": {nil, 16},
		"asked for":  {[]redisconn.OptimisticOption{redisconn.WithAttempts(3)}, 3},
		"none":       {[]redisconn.OptimisticOption{redisconn.WithAttempts(0)}, 1},
	} {
		runs := 0
		err := client.RunOptimistic(t.Context(), []string{"n", "m"}, func(tx *redis.Tx) error {
			runs++
			if err := server.Client().Incr(t.Context(), "n").Err(); err != nil {
				t.Error(err)
			}
			return increment(t.Context(), tx)
		}, test.opts...)
		conflict := wantCommandError(t, err, redisconn.ClassConflict, redisconn.AppliedNo)
		if !errors.Is(err, redis.TxFailedErr) || conflict.Attempts != test.want || runs != test.want || conflict.Keys != 2 {
			t.Errorf("%s: %d runs: %v", name, runs, err)
		}
		if !strings.HasPrefix(err.Error(), "redisconn: optimistic transaction (2 keys) on ") || !strings.Contains(err.Error(), "a watched key changed") {
			t.Error(err)
		}
	}
}

func TestConflictsEndWithTheContext(t *testing.T) {
	server, client := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := client.RunOptimistic(ctx, []string{"n"}, func(tx *redis.Tx) error {
		if err := server.Client().Incr(t.Context(), "n").Err(); err != nil {
			t.Error(err)
		}
		defer cancel()
		return increment(t.Context(), tx)
	})
	wantCommandError(t, err, redisconn.ClassConflict, redisconn.AppliedNo)
	if !errors.Is(err, redis.TxFailedErr) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAnyOtherErrorEndsTheLoopAsItIs(t *testing.T) {
	_, client := alone(t)
	enough := errors.New("enough")
	runs := 0
	began := time.Now()
	err := client.RunOptimistic(t.Context(), []string{"n"}, func(*redis.Tx) error {
		runs++
		return enough
	})
	if err != enough || runs != 1 || time.Since(began) > time.Second {
		t.Errorf("after %d runs: %v", runs, err)
	}
}
