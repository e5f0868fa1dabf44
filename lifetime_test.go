package redisconn_test

import (
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// What balances connections between servers, or ends a session after an hour, needs
// connections that end by themselves; and not all in the same moment, or each end is
// a storm of dials.
func TestConnectionsAreReplacedWhenTheyAreOldAndNotAllAtOnce(t *testing.T) {
	const connections = 10
	const lifetime, jitter = 500 * time.Millisecond, 500 * time.Millisecond
	client, server := openServer(t, func(cfg *redisconn.Config) {
		cfg.Pool.Size, cfg.Pool.MinIdle = connections, connections
		cfg.Pool.MaxLifetime, cfg.Pool.LifetimeJitter = lifetime, jitter
		cfg.Pipelining = redisconn.PipeliningOff
	})
	eventually(t, "the connections", func() bool { return len(connectionIDs(t, server)) > connections }) // and the probe's
	first := connectionIDs(t, server)
	left := func() (n int) {
		for id := range connectionIDs(t, server) {
			if first[id] {
				n++
			}
		}
		return n
	}
	useAll := func() { // whoever takes an old one from the pool replaces it
		var inside, all sync.WaitGroup
		inside.Add(connections)
		for range connections {
			all.Go(func() {
				entered := sync.OnceFunc(inside.Done)
				defer entered()
				err := client.Watch(t.Context(), func(*redis.Tx) error {
					entered()
					inside.Wait()
					return nil
				}, "k")
				if err != nil {
					t.Errorf("a call failed: %v", err)
				}
			})
		}
		all.Wait()
	}
	steps := map[int]bool{}
	eventually(t, "none is left of the first", func() bool {
		useAll()
		n := left()
		steps[n] = true
		return n <= 1 // the probe's stays
	})
	if len(steps) < 3 {
		t.Errorf("they ended in %d steps, want several", len(steps))
	}
}
