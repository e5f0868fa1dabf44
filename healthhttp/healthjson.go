package healthhttp

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/redisconn/redisconn"
)

// document is application/health+json. Keys that the draft does not name are ours,
// as it allows, and have underscores, which those of the draft have not.
type document struct {
	Status      redisconn.Status `json:"status"`
	Version     string           `json:"version"` // of this format
	ServiceID   string           `json:"serviceId,omitempty"`
	Description string           `json:"description,omitempty"`
	Output      string           `json:"output,omitempty"`
	Checks      map[string][]any `json:"checks,omitempty"` // by client:measurement, one entry for each node
}

// measurement is what the draft says of every check.
type measurement struct {
	ComponentID   string           `json:"componentId,omitempty"`
	ComponentType string           `json:"componentType,omitempty"`
	Value         any              `json:"observedValue,omitempty"`
	Unit          string           `json:"observedUnit,omitempty"`
	Status        redisconn.Status `json:"status"`
	Time          time.Time        `json:"time,omitzero"`
	Output        string           `json:"output,omitempty"`
}

type stateCheck struct {
	measurement
	Class               redisconn.Class `json:"class,omitempty"`
	Since               time.Time       `json:"since,omitzero"`
	Optional            bool            `json:"optional,omitempty"`
	Generation          int             `json:"generation"`
	ConsecutiveFailures int             `json:"consecutive_failures"`
	LastSuccess         time.Time       `json:"last_success,omitzero"`
	LastFailure         time.Time       `json:"last_failure,omitzero"`
	LastFailureClass    redisconn.Class `json:"last_failure_class,omitempty"`
}

type latencyCheck struct {
	measurement
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
	Samples int     `json:"samples"`
}

type poolCheck struct {
	measurement
	Idle    int    `json:"idle"`
	Max     int    `json:"max"`
	Pending int    `json:"pending"`
	Holders string `json:"holders,omitempty"`
}

type serverCheck struct {
	measurement
	*redisconn.ServerInfo
	Slots  *redisconn.SlotCoverage `json:"slots,omitempty"`
	Quorum *redisconn.Quorum       `json:"quorum,omitempty"`
}

type nodeCheck struct {
	measurement
	Role  string          `json:"role"`
	Slots string          `json:"slots,omitempty"`
	Class redisconn.Class `json:"class,omitempty"`
	Link  string          `json:"replication_link,omitempty"`
	Lag   *int64          `json:"lag_bytes,omitempty"`
}

type certificateCheck struct {
	measurement
	Of       string    `json:"of"`
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
}

func writeHealthJSON(w io.Writer, o Options, r report) error {
	d := document{Status: r.status, Version: "1", ServiceID: o.ServiceID, Description: o.Description, Output: r.summary()}
	if r.detailed {
		d.Checks = map[string][]any{}
		for _, f := range r.findings {
			for key, checks := range f.checks(time.Now()) {
				d.Checks[f.name+":"+key] = checks
			}
		}
	}
	return json.NewEncoder(w).Encode(d)
}

// checks are the measurements of one client.
func (f finding) checks(now time.Time) map[string][]any {
	h := f.health
	checks := map[string][]any{"state": {stateCheck{
		measurement: f.measure("", string(h.State), h.Status),
		Class:       h.Class, Since: h.Since, Optional: f.optional, Generation: h.Generation,
		ConsecutiveFailures: h.ConsecutiveFailures,
		LastSuccess:         h.LastSuccess, LastFailure: h.LastFailure, LastFailureClass: h.LastFailureClass,
	}}}
	if h.Generation == 0 {
		return checks // nothing was ever measured
	}
	latency := h.Latency
	checks["responseTime"] = []any{latencyCheck{
		measurement: f.measure("ms", milliseconds(latency.Last), f.blamed(redisconn.ClassTimeout)),
		P50:         milliseconds(latency.P50), P99: milliseconds(latency.P99), Max: milliseconds(latency.Max),
		Samples: latency.Samples,
	}}
	checks["connections"] = []any{poolCheck{
		measurement: f.measure("connections", h.Pool.InUse, f.blamed(redisconn.ClassPool)),
		Idle:        h.Pool.Idle, Max: h.Pool.Size, Pending: h.Pool.Waiting, Holders: h.Pool.Holders,
	}}
	if h.Server != nil {
		checks["server"] = []any{serverCheck{f.measure("", nil, f.blamed(redisconn.ClassReadOnly, redisconn.ClassClusterDown)), h.Server, h.Slots, h.Quorum}}
	}
	for _, n := range h.Nodes {
		m := measurement{n.Addr, "datastore", milliseconds(n.Latency), "ms", n.Status, h.CheckedAt, n.Reason}
		checks["nodes"] = append(checks["nodes"], nodeCheck{m, n.Role, n.Slots, n.Class, n.Link, n.Lag})
	}
	for _, c := range h.Certificates {
		days := int(c.NotAfter.Sub(now).Hours() / 24)
		m := measurement{c.Node, "system", days, "days", lasting(days), h.CheckedAt, ""}
		checks["certificates"] = append(checks["certificates"], certificateCheck{m, c.Of, c.Subject, c.NotAfter})
	}
	return checks
}

// measure is what every check of the client has in common.
func (f finding) measure(unit string, value any, status redisconn.Status) measurement {
	m := measurement{f.health.Target, "datastore", value, unit, status, f.health.CheckedAt, ""}
	if status != redisconn.StatusPass {
		m.Output = f.health.Reason
	}
	return m
}

// blamed is the status of the measurement that failures of these classes come
// from: that of the client while its failure is one of them.
func (f finding) blamed(classes ...redisconn.Class) redisconn.Status {
	if slices.Contains(classes, f.health.Class) {
		return f.health.Status
	}
	return redisconn.StatusPass
}

// expiryWarning is how many days before its end a certificate is worth a warning:
// enough to renew it by hand.
const expiryWarning = 14

func lasting(days int) redisconn.Status {
	switch {
	case days < 0:
		return redisconn.StatusFail
	case days < expiryWarning:
		return redisconn.StatusWarn
	}
	return redisconn.StatusPass
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
