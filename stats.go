package redisconn

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Stats is a snapshot of what a client has done and is doing.
type Stats struct {
	// Counters, from New on.
	Commands      int64 // calls admitted; each command of a pipeline counts
	Retries       int64 // attempts beyond the first
	Failures      int64 // calls that ended in a CommandError after being admitted, and those refused as overloaded
	MaybeApplied  int64 // of these, calls whose effect is unknown
	Outages       int64 // times that Redis counted as down
	Probes        int64 // PINGs of the health monitor
	EventsDropped int64 // events that a slow listener missed
	Reloads       int64 // generations that took over from another
	Failovers     int64 // of these, because another node became master

	// FailuresByClass divides Failures. A class that did not occur is absent.
	FailuresByClass map[Class]int64

	// Gauges.
	State      State
	Generation int
	InFlight   int64 // calls under way now; a pipeline counts once
	// OldestInFlight is how long that connection hears nothing which waits longest for
	// a reply, those of commands that wait at the server aside. It is seen by the
	// monitor's looks, so it begins up to Health.Interval late.
	OldestInFlight time.Duration
	Pool           PoolUse
	Routes         RouteStats
	Cache          *CacheStats // nil when there is no client-side cache
}

// RouteStats tells by which way commands travel. What neither the lane nor the
// blocking route carried went direct.
type RouteStats struct {
	// Counters, from New on.
	Lane     int64 `json:"lane"`     // commands that the automatic pipeline carried
	Batches  int64 `json:"batches"`  // round trips that it needed for them
	Blocking int64 `json:"blocking"` // commands that may block, on connections of their own

	// Gauges.
	LaneQueued    int `json:"lane_queued"`     // commands that wait for the next batch
	BlockingInUse int `json:"blocking_in_use"` // connections that a blocking command holds now
	BlockingMax   int `json:"blocking_max"`    // the most there may be
}

// routeCounts are the counters behind RouteStats.
type routeCounts struct{ lane, batches, blocking atomic.Int64 }

// CacheStats tells what the client-side cache is good for.
type CacheStats struct {
	Hits          int64 `json:"hits"`
	Misses        int64 `json:"misses"`
	Invalidations int64 `json:"invalidations"`
	Entries       int   `json:"entries"` // now
}

// counts are the counters behind Stats.
type counts struct {
	retries, failures, maybeApplied, outages, probes, reloads, failovers atomic.Int64

	byClass failureCounts // divides failures
}

// Stats returns a snapshot. It does no I/O.
func (c *Client) Stats() Stats {
	s := Stats{
		Commands:      c.gate.commands.Load(),
		Retries:       c.counts.retries.Load(),
		Failures:      c.counts.failures.Load(),
		MaybeApplied:  c.counts.maybeApplied.Load(),
		Outages:       c.counts.outages.Load(),
		Probes:        c.counts.probes.Load(),
		EventsDropped: c.recorder.lost(),
		Reloads:       c.counts.reloads.Load(),
		Failovers:     c.counts.failovers.Load(),
		State:         c.State(),
		InFlight:      c.gate.inside(),
		Pool:          c.poolUse(),

		FailuresByClass: c.counts.byClass.snapshot(),
	}
	if g := c.generation.Load(); g != nil {
		s.Generation = g.number
		s.OldestInFlight = g.dialer.links.oldest()
		s.Routes = c.routeStats(g)
		if g.drivers != nil {
			s.Cache = g.cache.stats()
		}
	}
	return s
}

func (c *Client) routeStats(g *generation) RouteStats {
	s := RouteStats{Lane: c.routes.lane.Load(), Batches: c.routes.batches.Load(), Blocking: c.routes.blocking.Load()}
	if g.cluster != nil {
		g.cluster.addTo(&s)
	} else {
		g.drivers.addTo(&s)
	}
	return s
}

// PoolUse is who holds the connections of the pool.
type PoolUse struct {
	Size    int    `json:"size"`              // the most connections there may be
	InUse   int    `json:"in_use"`            // carrying a command now
	Idle    int    `json:"idle"`              // open and free
	Waiting int    `json:"waiting"`           // calls that wait for one
	Holders string `json:"holders,omitempty"` // what is known of those in use, the longest first
}

// String is the snapshot in one clause, as errors carry it.
func (p PoolUse) String() string {
	if p.Size == 0 {
		return "no pool"
	}
	text := fmt.Sprintf("pool %d/%d in use, %d waiting", p.InUse, p.Size, p.Waiting)
	if p.Holders != "" {
		text += " (held by " + p.Holders + ")"
	}
	return text
}

// full reports whether every connection is taken.
func (p PoolUse) full() bool { return p.Size > 0 && p.InUse >= p.Size }

// saturated reports whether every connection is taken and somebody waits.
func (p PoolUse) saturated() bool { return p.full() && p.Waiting > 0 }

func (c *Client) poolUse() PoolUse { return c.poolUseAt(c.addr) }

// poolUseAt is who holds the connections to a node of a cluster, or all of them
// for any other address.
func (c *Client) poolUseAt(addr string) PoolUse {
	g := c.generation.Load()
	if g == nil {
		return PoolUse{}
	}
	use := g.use(addr)
	use.Holders = c.holders.describe()
	return use
}

// holders knows what occupies connections for long: blocking commands and
// WATCH sections by name, batches by number. Plain commands are over too soon to
// be worth the cost of noting them.
type holders struct {
	batches atomic.Int64

	mu   sync.Mutex // guards long
	long map[*holder]struct{}
}

type holder struct {
	name  string
	since time.Time
}

// hold notes a long stay and returns what ends it.
func (h *holders) hold(name string) func() {
	entry := &holder{name: name, since: time.Now()}
	h.mu.Lock()
	if h.long == nil {
		h.long = map[*holder]struct{}{}
	}
	h.long[entry] = struct{}{}
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		delete(h.long, entry)
		h.mu.Unlock()
	}
}

// describe lists the long stays, grouped by name, the oldest first.
func (h *holders) describe() string {
	type group struct {
		name  string
		count int
		since time.Time
	}
	byName := map[string]*group{}
	h.mu.Lock()
	for entry := range h.long {
		g := byName[entry.name]
		if g == nil {
			g = &group{name: entry.name, since: entry.since}
			byName[entry.name] = g
		}
		g.count++
		if entry.since.Before(g.since) {
			g.since = entry.since
		}
	}
	h.mu.Unlock()
	groups := make([]*group, 0, len(byName))
	for _, g := range byName {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int { return a.since.Compare(b.since) })
	var parts []string
	for _, g := range groups {
		parts = append(parts, fmt.Sprintf("%d %s for up to %s", g.count, g.name, time.Since(g.since).Round(time.Millisecond)))
	}
	if n := h.batches.Load(); n > 0 {
		parts = append(parts, plural(int(n), "pipeline"))
	}
	return strings.Join(parts, ", ")
}
