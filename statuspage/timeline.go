package statuspage

import (
	"time"

	"github.com/redisconn/redisconn"
)

// Span is a time that a client spent in one state.
type Span struct {
	State  redisconn.State `json:"state"`
	From   time.Time       `json:"from"`
	Until  time.Time       `json:"until"`
	Reason string          `json:"reason,omitempty"` // why it began, where that is known
}

// timeline is what the flight recorder knows of the states between two times. What
// it has forgotten, and the time before the client was made, is left out.
func timeline(history []redisconn.Event, last redisconn.StateChange, from, until time.Time) []Span {
	var spans []Span
	add := func(s Span) {
		if s.From.Before(from) {
			s.From = from
		}
		if s.State != "" && s.From.Before(s.Until) {
			spans = append(spans, s)
		}
	}
	var now Span
	for _, e := range history {
		if e.Kind != redisconn.EventStateChange {
			continue
		}
		if now.State == "" && e.From != redisconn.StateIdle { // since before the recorder's memory
			now = Span{State: e.From, From: from}
		}
		now.Until = e.At
		add(now)
		now = Span{State: e.To, From: e.At, Reason: e.Detail}
	}
	if now.State == "" {
		now = Span{State: last.To, From: last.At, Reason: last.Reason}
	}
	now.Until = until
	add(now)
	return spans
}

// works reports whether commands work in a state.
func works(s redisconn.State) bool { return s == redisconn.StateReady || s == redisconn.StateDegraded }

// Uptime is how well a client worked during the time that is shown. Before it is
// connected and after it is told to end it is neither up nor down.
type Uptime struct {
	Known   float64 `json:"known_s"` // how long it was up or down
	Percent float64 `json:"percent"` // of that, how much it was up
	Outages int     `json:"outages"` // that began in this time, or go on
	Longest float64 `json:"longest_s"`
}

// uptime sums a timeline up.
func uptime(spans []Span) Uptime {
	var known, up time.Duration
	var u Uptime
	for _, s := range spans {
		lasted := s.Until.Sub(s.From)
		switch {
		case works(s.State):
			known += lasted
			up += lasted
		case s.State == redisconn.StateDown:
			known += lasted
			u.Outages++
			u.Longest = max(u.Longest, lasted.Seconds())
		}
	}
	u.Known = known.Seconds()
	if known > 0 {
		u.Percent = 100 * float64(up) / float64(known)
	}
	return u
}
