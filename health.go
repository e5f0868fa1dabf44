package redisconn

import (
	"context"
	"encoding/json"
	"time"
)

// Status is a verdict in the words of health+json
// (https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06):
// pass, warn (it works, somebody should look) or fail.
type Status string

// The verdicts.
const (
	StatusPass Status = "pass"
	StatusWarn Status = "warn"
	StatusFail Status = "fail"
)

// Health is what the last probe found. What a server does not tell is absent.
type Health struct {
	Status    Status      `json:"status"`
	Reason    string      `json:"reason,omitempty"` // why it is not pass
	Class     Class       `json:"class,omitempty"`  // of the failure behind the reason
	CheckedAt time.Time   `json:"checked_at,omitzero"`
	Target    string      `json:"target"`
	State     State       `json:"state"`
	Since     time.Time   `json:"since"` // of the state
	Latency   Latency     `json:"latency"`
	Server    *ServerInfo `json:"server,omitempty"`
	Pool      PoolUse     `json:"pool"`

	ConsecutiveFailures int       `json:"consecutive_failures"`
	LastSuccess         time.Time `json:"last_success,omitzero"`
	LastFailure         time.Time `json:"last_failure,omitzero"`
	LastFailureClass    Class     `json:"last_failure_class,omitempty"`
	Generation          int       `json:"generation"`

	// Of a Sentinel deployment or a cluster.
	Nodes  []NodeHealth  `json:"nodes,omitempty"`  // every node that serves or watches, one after the other
	Slots  *SlotCoverage `json:"slots,omitempty"`  // of a cluster
	Quorum *Quorum       `json:"quorum,omitempty"` // of a Sentinel deployment

	// With TLS.
	Certificates []CertificateHealth `json:"certificates,omitempty"`
}

// Latency is that of PING, over the last 128 samples.
type Latency struct {
	Last, P50, P99, Max time.Duration
	Samples             int
}

// MarshalJSON gives milliseconds, as fractions.
func (l Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Last    float64 `json:"last_ms"`
		P50     float64 `json:"p50_ms"`
		P99     float64 `json:"p99_ms"`
		Max     float64 `json:"max_ms"`
		Samples int     `json:"samples"`
	}{milliseconds(l.Last), milliseconds(l.P50), milliseconds(l.P99), milliseconds(l.Max), l.Samples})
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// ServerInfo is what the server says about itself, from HELLO and, where the
// ACL allows it, INFO.
type ServerInfo struct {
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Mode     string `json:"mode,omitempty"`
	Role     string `json:"role,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	Loading  *bool  `json:"loading,omitempty"`
	Replicas *int   `json:"connected_replicas,omitempty"` // of a master
	Link     string `json:"replication_link,omitempty"`   // of a replica: up or down
	Note     string `json:"note,omitempty"`               // what else an operator should know
}

// Health probes the server now: one PING, under Health.Timeout, on the
// monitor's own connection. It holds none of the pool's, so neither a saturated
// pool nor any number of callers can falsify the answer or load the server:
// callers at the same time share one probe, and one that is younger than a
// tenth of Health.Interval answers for the next. While probes are answered none
// of them opens a connection; in the place of one that broke or fell silent the
// monitor opens another.
//
// A context that ends first turns the verdict to fail. Before Connect and after
// Shutdown the verdict is fail without a probe.
func (c *Client) Health(ctx context.Context) Health {
	m := c.monitor.Load()
	if m == nil || !m.probing(c.State()) {
		return c.LastHealth()
	}
	if err := m.sampleNow(ctx); err != nil {
		h := c.LastHealth()
		h.Status, h.Class, h.Reason = StatusFail, diagnose(err).class, "the probe did not end in time: "+err.Error()
		return h
	}
	return c.LastHealth()
}

// LastHealth returns what the monitor found last. It does no I/O and allocates
// nothing; the monitor probes every Health.Interval. The state is the present one.
func (c *Client) LastHealth() Health {
	now := c.machine.now.Load()
	var h Health
	if m := c.monitor.Load(); m != nil {
		h = *m.latest.Load()
	} else {
		h = Health{Target: c.addr}
	}
	h.State, h.Since = now.To, now.At
	switch now.To {
	case StateIdle, StateConnecting:
		h.Status, h.Reason = StatusFail, "not connected"
	case StateDraining:
		h.Status, h.Class, h.Reason = StatusFail, ClassDraining, "shutting down"
	case StateClosed:
		h.Status, h.Class, h.Reason = StatusFail, ClassClosed, "closed"
	}
	return h
}
