package faults_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// countingDialer opens connections and counts the attempts.
func countingDialer() (*atomic.Int64, redisconn.DialFunc) {
	var dials atomic.Int64
	return &dials, func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// dialLog notes when connections were tried to be opened.
type dialLog struct {
	mu    sync.Mutex
	times []time.Time
}

func (l *dialLog) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	l.times = append(l.times, time.Now())
	l.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// between returns how many dials there were in a stretch of time, and the most
// of them in any second of it.
func (l *dialLog) between(from, to time.Time) (total, busiest int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var in []time.Time
	for _, at := range l.times {
		if at.After(from) && at.Before(to) {
			in = append(in, at)
		}
	}
	for i, at := range in {
		end, _ := slices.BinarySearchFunc(in, at.Add(time.Second), time.Time.Compare)
		busiest = max(busiest, end-i)
	}
	return len(in), busiest
}

func TestOutageIsNoStormOfDials(t *testing.T) {
	const callers, outage, settling, most = 200, 3 * time.Second, 100 * time.Millisecond, 20
	scenario := func(t *testing.T, dial func(addr string, dial redisconn.DialFunc) redis.UniversalClient) (first, total, busiest int) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		var log dialLog
		client := dial(proxy.Addr(), log.dial)
		var over atomic.Bool
		var calls atomic.Int64
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for !over.Load() {
					_ = client.Get(t.Context(), "absent").Err() // whatever it meets, it keeps calling
					calls.Add(1)
				}
			})
		}
		redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return calls.Load() > 10*callers })
		began := time.Now()
		proxy.Refuse()
		time.Sleep(outage) // the fault itself
		ended := time.Now()
		over.Store(true)
		proxy.Accept()
		all.Wait()
		first, _ = log.between(began, began.Add(settling))
		total, busiest = log.between(began.Add(settling), ended)
		return first, first + total, busiest
	}
	bothSides(t, rowStorm,
		func(t *testing.T) string {
			_, total, busiest := scenario(t, func(addr string, dial redisconn.DialFunc) redis.UniversalClient {
				return newPlain(t, &redis.Options{Addr: addr, Dialer: dial})
			})
			return fmt.Sprintf("%d, %d", total, busiest)
		},
		func(t *testing.T) string {
			first, total, busiest := scenario(t, func(addr string, dial redisconn.DialFunc) redis.UniversalClient {
				return open(t, addr, nil, redisconn.WithDialer(dial))
			})
			if busiest > most {
				t.Errorf("%d dials in the busiest second, want at most %d", busiest, most)
			}
			// Each of the pool's connections may find out for itself, once.
			if limit := redisconn.DefaultConfig().Pool.Size + most; first > limit {
				t.Errorf("%d dials in the first %v, want at most %d", first, settling, limit)
			}
			return fmt.Sprintf("%d, %d", total, busiest)
		})
}
