package redisconn

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// worry judges a server that answers: pass, or warn and why.
func (m *monitor) worry() (Status, Class, string) {
	pool := m.client.poolUse()
	saturated := pool.saturated() && m.lastPool.saturated() // twice in a row: not a moment's peak
	m.lastPool = pool
	switch p99 := m.health.Latency.P99; {
	case saturated:
		return StatusWarn, ClassPool, "the pool is saturated: " + pool.String()
	case p99 > m.policy.WarnLatency:
		return StatusWarn, ClassTimeout, fmt.Sprintf("PING p99 %s is above %s", p99.Round(10*time.Microsecond), m.policy.WarnLatency)
	case m.nodes != nil:
		return m.nodes.worry()
	case m.facts.Role == "replica":
		return StatusWarn, ClassReadOnly, "the server is a replica: writes will be refused"
	}
	return StatusPass, "", ""
}

// verdict is what there is to say of a server that answers.
func (m *monitor) verdict() (status Status, class Class, reason string) {
	if status, class, reason = m.worry(); status == StatusPass {
		status, class, reason = m.caution()
	}
	return status, class, reason
}

// caution finds what somebody should look at although commands work as they should.
func (m *monitor) caution() (status Status, class Class, reason string) {
	if fault := m.client.renewals.fault.Load(); fault != nil {
		return StatusWarn, fault.class, "new credentials or certificates are not in use: " + fault.text
	}
	notice := cmp.Or(m.target.config.TLS.ExpiryWarning, defaultExpiryWarning) // not set where only the sentinels speak TLS
	if text := expiring(m.target.certificates(), time.Now(), notice); text != "" {
		return StatusWarn, ClassTLS, text
	}
	return StatusPass, "", ""
}

// publish makes the sample visible to everybody.
func (m *monitor) publish(status Status, class Class, reason string) {
	h := m.health
	h.Status, h.Class, h.Reason = status, class, reason
	h.CheckedAt = time.Now()
	h.Pool = m.client.poolUse()
	m.target.dialer.links.look()
	if h.Server = m.facts.info(); m.target.config.Mode == ModeEmbedded {
		h.Server.Note = embeddedNote
	}
	h.Certificates = m.target.certificates()
	if d := m.client.deployment.Load(); d != nil {
		d.tell(&h, m.facts.Lags)
	}
	m.nodes.describe(&h)
	m.latest.Store(&h)
}

// summarize sorts a copy: once a second, off everybody's way. Percentiles are
// rounded down, so that one slow answer among a few is no verdict.
func summarize(ring []time.Duration) Latency {
	sorted := slices.Sorted(slices.Values(ring))
	at := func(percent int) time.Duration { return sorted[(len(sorted)-1)*percent/100] }
	return Latency{Last: ring[len(ring)-1], P50: at(50), P99: at(99), Max: sorted[len(sorted)-1], Samples: len(ring)}
}
