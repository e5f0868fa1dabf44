package redisconn

import (
	"context"
	"math"
	"time"
)

// lanePolicy says when commands take the lane, and for how long a flight may be
// in the air. docs/routes.md has the measurements behind the numbers.
type lanePolicy struct {
	when      Pipelining
	operation time.Duration
	read      time.Duration
	pool      int
}

const (
	// directNear is up to how many calls in flight go direct where a round trip
	// costs less than waking a goroutine does: from three on, travelling together
	// saves more than it costs.
	directNear = 2
	// farAway is the round trip from which on time is lost on the way and not
	// in the program: then a connection of one's own is better than to wait for the
	// next flight, as long as the pool has some.
	farAway = time.Millisecond
	// pilotsAtOnce is how many flights are under way where nothing is far away.
	pilotsAtOnce = 2
	// leastTogether and mostTogether bound a flight. A smaller one costs more system
	// calls than the overlap gains; of a larger one the first command waits for
	// the last.
	leastTogether, mostTogether = 16, 256
	// slenderFlights is how many flights in a row must have carried no more than
	// go direct until the lane is left again.
	slenderFlights = 32
	// leastPatience is longer than any pause of the program or the scheduler.
	leastPatience = 50 * time.Millisecond
	// flightsPerTrip is how many flights may follow each other in one round trip.
	flightsPerTrip = 8
	// usualFlights is how many usual flights a flight may take.
	usualFlights = 16
)

func newLanePolicy(cfg Config) lanePolicy {
	return lanePolicy{
		when:      cfg.Pipelining,
		operation: cfg.Timeouts.Operation,
		read:      cfg.Timeouts.Read,
		pool:      cfg.Pool.Size,
	}
}

// patience is for how long a flight may be in the air until new calls are led around it.
func (p lanePolicy) patience(usual time.Duration) time.Duration {
	return min(max(leastPatience, usualFlights*usual), max(p.operation/2, time.Millisecond))
}

// overlap is for how long a flight is waited for by those behind it. Far away they
// had better follow on another connection, a few flights to each round trip.
func (p lanePolicy) overlap(usual, least time.Duration) time.Duration {
	if least < farAway || least == nothingSeen {
		return p.patience(usual)
	}
	return min(max(usual/flightsPerTrip, farAway), p.patience(usual))
}

// outlives reports whether a call may wait for its reply for longer than a flight can.
func (p lanePolicy) outlives(ctx context.Context) bool {
	if p.read <= p.operation {
		return false
	}
	deadline, _ := ctx.Deadline()
	return time.Until(deadline) > p.operation
}

// directUpTo is up to how many calls in flight go direct, by the shortest round trip lately.
func (p lanePolicy) directUpTo(roundTrip time.Duration) int64 {
	switch {
	case p.when == PipeliningAlways:
		return 0
	case p.when == PipeliningOff:
		return math.MaxInt64
	case roundTrip >= farAway:
		return int64(max(directNear, p.pool/2))
	}
	return directNear
}

// together is how many of the calls in flight are best in one pipeline: half of
// them, so that one half is written or read while the server answers the other.
func together(inFlight int64) int {
	return int(min(max(inFlight/pilotsAtOnce, leastTogether), mostTogether))
}

// wanted reports whether a call is to take the lane when so many are in flight,
// itself among them. Once many were, the lane is kept for whoever is not alone
// until its flights have been slender for a while: else calls would change
// between the routes, and both would be worse for it.
func (l *lane) wanted(inFlight int64) bool {
	switch {
	case l.overdue.Load() > 0:
		return false
	case inFlight > l.direct.Load():
		if !l.engaged.Load() {
			l.engaged.Store(true)
		}
		return true
	}
	return inFlight > 1 && l.engaged.Load()
}

// observe learns from a flight that landed. Who calls it holds mu.
func (l *lane) observe(took time.Duration, carried int) {
	l.usual += (took - l.usual) / 8
	if took < l.least {
		l.least = took
	} else {
		l.least += (took - l.least) / 256 // what was true once need not stay so
	}
	l.reroute()
	if l.slender++; int64(carried) > l.direct.Load() {
		l.slender = 0
	}
	if l.slender >= slenderFlights && l.engaged.Load() {
		l.engaged.Store(false)
	}
}

// noFarther learns from the latency of a PING that the server is no farther away
// than that. Flights cannot tell where none is under way: a lane that takes a near
// server for a far one is not used by few callers, and would never learn better.
func (l *lane) noFarther(roundTrip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if roundTrip < l.least {
		l.least = roundTrip
		l.reroute()
	}
}

// reroute decides anew up to how many calls go direct. Who calls it holds mu.
func (l *lane) reroute() {
	if limit := l.policy.directUpTo(l.least); limit != l.direct.Load() {
		l.direct.Store(limit)
		l.engaged.Store(false) // what was many calls may be few of them now
	}
}

// nothingSeen is the round trip of a lane that has not flown yet.
const nothingSeen = time.Duration(math.MaxInt64)
