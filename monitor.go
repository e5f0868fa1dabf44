package redisconn

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// sampleRing is how many latencies health looks back on: two minutes at the default interval.
	sampleRing = 128
	// recheckMin and recheckMax bound the pause between probes while something is
	// wrong: short enough to notice a recovery at once, and never more than 20 a second.
	recheckMin, recheckMax = 50 * time.Millisecond, 100 * time.Millisecond
	// fatalRecheck is the pause when only somebody's intervention can help.
	fatalRecheck = time.Second
	// factsEvery is how old the server's word about itself may be.
	factsEvery = 10 * time.Second
)

// monitor samples the server's health on a connection of its own and decides
// when Redis counts as down and as up again. One goroutine owns all of it;
// others read the last sample and ask for the next.
type monitor struct {
	client *Client
	policy HealthConfig
	wake   chan struct{} // asks for a sample now
	latest atomic.Pointer[Health]
	heir   atomic.Pointer[heir] // a target to watch instead, until the goroutine takes it over
	denied atomic.Bool          // the server told a command that it is no master

	waiting sync.Mutex    // guards next
	next    chan struct{} // closed when the sample under way, or else the next one, is done

	// Owned by the goroutine.
	target   *target
	nodes    *clusterWatch // of a cluster: it has the probes then; nil for a single server
	probe    *probe        // nil while there is no connection
	facts    serverFacts
	factsAt  time.Time
	ring     []time.Duration
	health   Health
	missed   time.Time // when the first of the misses in a row was
	down     bool      // probes have decided that there is an outage
	fatal    bool      // the last failure needs an intervention
	hits     int       // successes in a row
	worries  int       // of these, the last so many with something to worry about
	calm     int       // of these, the last so many with nothing
	sampled  time.Time
	lastPool PoolUse
}

func newMonitor(c *Client, t *target, p *probe, facts serverFacts) *monitor {
	m := &monitor{
		client: c, policy: t.config.Health,
		wake: make(chan struct{}, 1), next: make(chan struct{}),
		health: Health{Target: c.addr, Generation: 1},
	}
	m.watch(t, p, facts)
	m.note(p.verified)
	m.publish(m.verdict())
	return m
}

// watch makes a target, with a probe that was verified a moment ago, the one that
// is watched.
func (m *monitor) watch(t *target, p *probe, facts serverFacts) {
	m.unwatch()
	m.target, m.probe, m.facts, m.factsAt = t, p, facts, time.Now()
	if t.cluster != nil {
		m.nodes, m.probe = newClusterWatch(m.client, t, p, facts), nil
	}
}

// unwatch ends the probes.
func (m *monitor) unwatch() {
	m.probe.close()
	m.nodes.close()
	m.probe, m.nodes = nil, nil
}

// run samples until ctx ends.
func (m *monitor) run(ctx context.Context) {
	timer := time.NewTimer(m.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			m.takeOver()
			m.unwatch()
			return
		case <-timer.C:
		case <-m.wake:
			if m.takeOver() {
				timer.Reset(m.pause())
				continue
			}
			// However many commands fail, the server is not probed more often than this.
			if early := recheckMin - time.Since(m.sampled); early > 0 {
				timer.Reset(early)
				continue
			}
		}
		m.sample(ctx)
		m.sampled = time.Now()
		m.announce()
		timer.Reset(m.pause())
	}
}

// heir is a target that the monitor is to watch from now on, with a probe that
// was verified a moment ago.
type heir struct {
	successor
	generation int
}

// adopt makes the monitor watch another target.
func (m *monitor) adopt(s successor, generation int) {
	if passed := m.heir.Swap(&heir{s, generation}); passed != nil {
		passed.probe.close() // replaced before the goroutine came to it
	}
	m.suspect()
}

// takeOver changes to the target that was adopted, if there is one. Its
// verification counts as a sample, and as the end of an outage.
func (m *monitor) takeOver() bool {
	h := m.heir.Swap(nil)
	if h == nil {
		return false
	}
	m.watch(h.target, h.probe, h.facts)
	m.health.Generation = h.generation
	m.note(h.probe.verified)
	if m.down && m.client.life.Err() == nil {
		m.down = false
		m.client.cameBack()
	}
	m.publish(m.verdict())
	return true
}

// pause is the time until the next sample, with a tenth of jitter so that many
// processes do not probe in step.
func (m *monitor) pause() time.Duration {
	switch {
	case m.fatal:
		return fatalRecheck
	case m.health.ConsecutiveFailures > 0 || m.down || m.nodes.anxious():
		return recheckMin + rand.N(recheckMax-recheckMin)
	}
	return m.policy.Interval - rand.N(m.policy.Interval/10+1)
}

// probing reports whether a client in this state has a monitor at work.
func (m *monitor) probing(s State) bool {
	return s == StateReady || s == StateDegraded || s == StateDown
}

// suspect asks for a sample soon, because a command met a failure that may be
// the first sign of an outage.
func (m *monitor) suspect() {
	select {
	case m.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// sampleNow waits for a sample that is fresh.
func (m *monitor) sampleNow(ctx context.Context) error {
	m.waiting.Lock()
	done := m.next
	m.waiting.Unlock()
	// Only now: an answer that comes before this look is fresh, a later one closes done.
	if time.Since(m.latest.Load().CheckedAt) < m.policy.Interval/10 {
		return nil
	}
	m.suspect()
	select {
	case <-done:
		return nil
	case <-m.client.life.Done(): // no probe comes any more
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *monitor) announce() {
	m.waiting.Lock()
	defer m.waiting.Unlock()
	close(m.next)
	m.next = make(chan struct{})
}

// sample makes one probe and draws the conclusions.
func (m *monitor) sample(ctx context.Context) {
	m.client.counts.probes.Add(1)
	began := time.Now()
	latency, err := m.look(ctx)
	switch {
	case ctx.Err() != nil, m.heir.Load() != nil:
		return // the client is closing, or leaves this server; the probe proves nothing
	case err != nil && m.remedied(ctx, err, began):
		m.takeOver()
	case err != nil:
		m.failed(err)
	default:
		m.succeeded(latency)
	}
}

// look sends one PING on the connection there is, or verifies a new one. That a
// connection breaks proves nothing about the server, so then a new one has to
// tell: a moment later commands would have found out by themselves, all at once.
func (m *monitor) look(ctx context.Context) (time.Duration, error) {
	if m.nodes != nil {
		return m.nodes.look(ctx)
	}
	limit := m.policy.Timeout
	if m.down {
		limit = m.target.config.Timeouts.Dial // nobody waits for the verdict any more
	}
	if left := m.target.config.Timeouts.Silence - time.Since(m.missed); m.health.ConsecutiveFailures > 0 && left > 0 {
		limit = min(limit, left) // but for those whose connection is to be cut by then
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if m.probe != nil {
		latency, err := m.probe.ping(ctx)
		if err == nil {
			suited := m.target.suits(m.target.addr, m.facts) == nil
			if m.denied.Swap(false) || !suited {
				m.factsAt = time.Time{} // whatever their age
			}
			m.probe.renew(ctx, &m.facts, &m.factsAt)
			return latency, m.target.suits(m.target.addr, m.facts)
		}
		m.probe.close()
		m.probe = nil
		if diagnose(err).class != ClassLost {
			return 0, err
		}
	}
	probe, facts, err := m.target.verifyServer(ctx, m.target.addr, nil)
	if err != nil {
		return 0, err
	}
	m.probe, m.facts, m.factsAt = probe, facts, time.Now()
	return probe.verified, nil
}

// remedied is Client.remedied with the time that a probe has.
func (m *monitor) remedied(ctx context.Context, err error, began time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, m.target.config.Timeouts.Dial)
	defer cancel()
	return m.client.remedied(ctx, diagnose(err), began)
}

// failed counts a miss. A refused connection is proof enough: nothing listens.
// Silence becomes proof only after FailAfter misses in a row.
func (m *monitor) failed(err error) {
	f := diagnose(err)
	info := f.class.Info()
	m.hits, m.worries, m.calm = 0, 0, 0
	m.fatal = info.Fatal
	m.health.ConsecutiveFailures++
	misses := m.health.ConsecutiveFailures
	if misses == 1 || misses == m.policy.FailAfter || f.class != m.health.LastFailureClass {
		m.client.recorder.record(Event{Kind: EventProbeFailed, Class: f.class, Attempt: misses, Detail: peerText(cause(err))})
	}
	m.health.LastFailure, m.health.LastFailureClass = time.Now(), f.class
	m.watchSilence(misses == 1)
	status := StatusWarn
	if m.down || misses >= m.policy.FailAfter || isDecisive(f.class) {
		status, m.down = StatusFail, true
		m.client.wentDown(f)
	}
	m.publish(status, f.class, info.Meaning+": "+peerText(cause(err)))
}

// watchSilence marks the connections on which a reply is due, and cuts them when
// nothing was heard of the server for too long.
func (m *monitor) watchSilence(first bool) {
	links := &m.target.dialer.links
	if first {
		m.missed = time.Now()
	}
	links.suspect(m.target.addr)
	silence := time.Since(m.missed)
	if silence < m.target.config.Timeouts.Silence {
		return
	}
	m.client.cutSilent(links, m.target.addr, silence)
}

// succeeded counts a hit.
func (m *monitor) succeeded(latency time.Duration) {
	m.note(latency)
	if m.down {
		if m.hits < m.policy.RecoverAfter {
			m.publish(StatusFail, m.health.LastFailureClass, "answering again, "+m.soFar(m.hits))
			return
		}
		m.down = false
		m.client.cameBack()
	}
	status, class, reason := m.worry()
	switch {
	case status != StatusPass:
		m.worries, m.calm = m.worries+1, 0
		if m.worries >= m.policy.FailAfter {
			m.client.machine.to(StateDegraded, reason)
		}
	case m.client.State() == StateDegraded && m.calm+1 < m.policy.RecoverAfter:
		m.calm++
		status, reason = StatusWarn, "well again, "+m.soFar(m.calm)
	default:
		m.worries, m.calm = 0, 0
		m.client.machine.to(StateReady, "healthy")
		status, class, reason = m.caution()
	}
	m.publish(status, class, reason)
}

// soFar tells how much of a recovery is proved.
func (m *monitor) soFar(n int) string {
	return strconv.Itoa(n) + " of " + strconv.Itoa(m.policy.RecoverAfter) + " probes so far"
}

// note keeps a latency, and tells the lane to the one server of it.
func (m *monitor) note(latency time.Duration) {
	m.hits++
	m.fatal = false
	m.health.ConsecutiveFailures = 0
	m.health.LastSuccess = time.Now()
	if len(m.ring) == sampleRing {
		m.ring = m.ring[1:]
	}
	m.ring = append(m.ring, latency)
	m.health.Latency = summarize(m.ring)
	if g := m.client.generation.Load(); g.target == m.target && g.cluster == nil {
		g.lane.noFarther(latency)
	}
}
