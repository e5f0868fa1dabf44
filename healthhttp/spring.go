package healthhttp

import (
	"encoding/json"
	"io"

	"github.com/redisconn/redisconn"
)

// component is a part of Spring Boot Actuator's health:
// https://docs.spring.io/spring-boot/api/rest/actuator/health.html.
type component struct {
	Status     string               `json:"status"`
	Components map[string]component `json:"components,omitempty"`
	Details    any                  `json:"details,omitempty"`
}

// springDetails begins with what Spring's own indicator for Redis tells.
type springDetails struct {
	Version string `json:"version,omitempty"`
	*springCluster
	Target  string            `json:"target,omitempty"`
	State   redisconn.State   `json:"state"`
	Class   redisconn.Class   `json:"class,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Latency redisconn.Latency `json:"latency"`
	Pool    redisconn.PoolUse `json:"pool"`
}

// springCluster is what Spring's indicator tells of a cluster, in its words.
type springCluster struct {
	Size int `json:"cluster_size"` // masters that serve slots
	Up   int `json:"slots_up"`
	Fail int `json:"slots_fail"`
}

// writeSpring writes one indicator named redis, with a part for each client where
// there are several, as Spring does with several beans of a kind.
func writeSpring(w io.Writer, _ Options, r report) error {
	all := component{Status: springStatus(r.status, r.draining())}
	if r.detailed && len(r.findings) > 0 {
		redis := component{Status: all.Status, Components: map[string]component{}}
		for _, f := range r.findings {
			redis.Components[f.name] = f.component()
		}
		if len(r.findings) == 1 {
			redis = r.findings[0].component()
		}
		all.Components = map[string]component{"redis": redis}
	}
	return json.NewEncoder(w).Encode(all)
}

func (f finding) component() component {
	h := f.health
	details := springDetails{Target: h.Target, State: h.State, Class: h.Class, Reason: h.Reason, Latency: h.Latency, Pool: h.Pool}
	if h.Server != nil {
		details.Version = h.Server.Version
	}
	if slots := h.Slots; slots != nil {
		details.springCluster = &springCluster{Up: slots.Covered, Fail: slots.Total - slots.Covered}
		for _, n := range h.Nodes {
			if n.Role == "master" && n.Slots != "" {
				details.Size++
			}
		}
	}
	return component{Status: springStatus(h.Status, h.State == redisconn.StateDraining), Details: details}
}

// draining reports whether what fails does so because it is told to end.
func (r *report) draining() bool {
	for _, f := range r.findings {
		if f.counts() == redisconn.StatusFail && f.health.State != redisconn.StateDraining {
			return false
		}
	}
	return len(r.findings) > 0
}

// springStatus has no word for a warning: it is UP.
func springStatus(s redisconn.Status, draining bool) string {
	switch {
	case s != redisconn.StatusFail:
		return "UP"
	case draining:
		return "OUT_OF_SERVICE"
	}
	return "DOWN"
}
