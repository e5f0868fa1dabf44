package main

import (
	"context"
	"sync"
	"time"

	"github.com/redisconn/redisconn"
)

// point is what one interval was like.
type point struct {
	answered int           // pings
	failed   int           // pings
	down     bool          // at its end there was no connection
	p50, p99 time.Duration // of those that were answered
	commands float64       // per second, of this client
	load     *serverLoad   // nil where the server does not tell
}

// meter measures what a command of this client meets: with pings, as the pool,
// the budgets and the retries let them through.
type meter struct {
	client *redisconn.Client
	took   func(time.Duration) time.Duration

	mu       sync.Mutex // guards everything below
	answered latencies
	failed   int
	load     *serverLoad
	commands int64
	began    time.Time
}

func newMeter(client *redisconn.Client, took func(time.Duration) time.Duration) *meter {
	return &meter{client: client, took: took, began: time.Now(), commands: client.Stats().Commands}
}

const (
	// pingsPerPoint are enough for a percentile, at a pace that no server feels.
	pingsPerPoint        = 20
	minPace, maxPingPace = 10 * time.Millisecond, pingInterval
)

// run measures until ctx ends.
func (m *meter) run(ctx context.Context, interval time.Duration) {
	pace := time.NewTicker(min(max(interval/pingsPerPoint, minPace), maxPingPace))
	defer pace.Stop()
	var asked time.Time
	for {
		if m.client.LastHealth().CheckedAt.IsZero() { // not connected yet: nothing to measure
			asked = time.Time{}
		} else {
			m.ping(ctx)
			if time.Since(asked) >= interval {
				m.ask(ctx)
				asked = time.Now()
			}
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *meter) ping(ctx context.Context) {
	sent := time.Now()
	err := m.client.Ping(ctx).Err()
	took := m.took(time.Since(sent))
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		m.failed++
	default:
		m.answered = append(m.answered, took)
	}
}

// ask asks past the client, so that watching does not count as its work.
func (m *meter) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.client.Config().Timeouts.Operation)
	defer cancel()
	load := askLoad(ctx, m.client.Unwrap())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load = load
}

// point ends an interval and begins the next.
func (m *meter) point() point {
	commands, now := m.client.Stats().Commands, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.answered.distribution()
	p := point{answered: len(m.answered), failed: m.failed, down: !serves(m.client.State()), p50: d.p50, p99: d.p99, load: m.load}
	if p.down {
		p.load = nil // it was asked before
	}
	if span := now.Sub(m.began).Seconds(); span > 0 {
		p.commands = float64(commands-m.commands) / span
	}
	m.answered, m.failed, m.commands, m.began = nil, 0, commands, now
	return p
}

// serves reports whether commands work in a state.
func serves(s redisconn.State) bool {
	return s == redisconn.StateReady || s == redisconn.StateDegraded
}
