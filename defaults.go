package redisconn

import (
	"cmp"
	"runtime"
	"time"
)

// DefaultConfig returns what a zero Config means, written out. It is for reading
// and printing: an override belongs on a zero Config, where fields that follow
// another one (Timeouts.Read follows Timeouts.Operation) still follow it.
func DefaultConfig() Config { return Config{}.withDefaults() }

// withDefaults returns c with every zero field resolved. Every default of this
// package is here and nowhere else; the driver's own change between its minor
// releases and are never relied on.
func (c Config) withDefaults() Config {
	c = c.Clone()

	c.Mode = cmp.Or(c.Mode, ModeAuto)
	c.WhenDown = cmp.Or(c.WhenDown, WhenDownWait)
	c.Pipelining = cmp.Or(c.Pipelining, PipeliningAuto)

	conn := &c.Connection
	if len(conn.Addrs) == 0 && c.Mode != ModeEmbedded {
		conn.Addrs = []string{defaultHost}
	}
	for i, addr := range conn.Addrs {
		conn.Addrs[i] = normalizeAddress(addr, c.defaultPort())
	}
	if conn.Compat {
		conn.Protocol = cmp.Or(conn.Protocol, 2)
	}
	conn.Protocol = cmp.Or(conn.Protocol, 3)

	if c.asksSentinels() { // elsewhere its settings are an error
		c.Sentinel.TLS = cmp.Or(c.Sentinel.TLS, SentinelTLSFollow)
	}
	if c.TLS.Enabled { // without TLS its settings are an error, so what is resolved must have none
		c.TLS.MinVersion = cmp.Or(c.TLS.MinVersion, "1.2")
		c.TLS.ExpiryWarning = cmp.Or(c.TLS.ExpiryWarning, defaultExpiryWarning)
	}

	t := &c.Timeouts
	t.Connect = cmp.Or(t.Connect, 15*time.Second)
	t.Dial = cmp.Or(t.Dial, 2*time.Second)
	t.Operation = cmp.Or(t.Operation, 3*time.Second)
	t.Read = cmp.Or(t.Read, t.Operation)
	t.Write = cmp.Or(t.Write, t.Operation)
	t.Shutdown = cmp.Or(t.Shutdown, 10*time.Second)
	t.Silence = cmp.Or(t.Silence, 15*time.Second)

	p := &c.Pool
	p.Size = cmp.Or(p.Size, defaultPoolSize(runtime.GOMAXPROCS(0)))
	p.MaxIdle = cmp.Or(p.MaxIdle, p.Size)
	p.Blocking = cmp.Or(p.Blocking, min(blockingPerPlace*p.Size, mostBlocking))
	p.MaxInFlight = cmp.Or(p.MaxInFlight, max(fewestInFlight, 2*(p.Size+p.Blocking)))
	p.Wait = cmp.Or(p.Wait, t.Operation)
	p.IdleTimeout = cmp.Or(p.IdleTimeout, 5*time.Minute)
	p.LifetimeJitter = cmp.Or(p.LifetimeJitter, p.MaxLifetime/10)

	r := &c.Retry
	r.Effect = cmp.Or(r.Effect, EffectIdempotent)
	r.MinBackoff = cmp.Or(r.MinBackoff, 10*time.Millisecond)
	r.MaxBackoff = cmp.Or(r.MaxBackoff, 500*time.Millisecond)
	r.Budget = cmp.Or(r.Budget, 20)

	if c.Cache.Enabled { // without a cache its settings are an error, so what is resolved must have none
		c.Cache.MaxEntries = cmp.Or(c.Cache.MaxEntries, 10000)
		c.Cache.MaxStaleness = cmp.Or(c.Cache.MaxStaleness, time.Minute)
	}

	h := &c.Health
	h.Interval = cmp.Or(h.Interval, time.Second)
	h.Timeout = cmp.Or(h.Timeout, 500*time.Millisecond)
	h.WarnLatency = cmp.Or(h.WarnLatency, 50*time.Millisecond)
	h.FailAfter = cmp.Or(h.FailAfter, 3)
	h.RecoverAfter = cmp.Or(h.RecoverAfter, 2)

	c.Reload.Interval = cmp.Or(c.Reload.Interval, time.Second)

	c.Cluster.ReadFrom = cmp.Or(c.Cluster.ReadFrom, ReadFromMaster)
	c.Cluster.RefreshInterval = cmp.Or(c.Cluster.RefreshInterval, 10*time.Second)
	return c
}

// A worker that waits costs the server little, but a leak of them must not take
// up its maxclients, 10000 by default.
const (
	blockingPerPlace = 10
	mostBlocking     = 65535
)

// fewestInFlight is a bound that a service which works never meets: at 1 ms for
// each call it is 16 million of them a second. What piles up to it in an outage
// is some 100 MB of waiting goroutines, and not whatever there is.
const fewestInFlight = 16384

// defaultPoolSize follows the processors, because they bound how many commands
// can be prepared at once; the floor is for containers given a fraction of one.
func defaultPoolSize(processors int) int { return max(20, 10*processors) }

// defaultExpiryWarning is time to renew a certificate twice by hand.
const defaultExpiryWarning = 14 * 24 * time.Hour
