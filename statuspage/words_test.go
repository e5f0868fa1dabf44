package statuspage

import (
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		span(0): "0 s", span(59 * time.Second): "59 s", span(60 * time.Second): "1 min", span(75 * time.Second): "1 min 15 s",
		span(3*time.Hour + 12*time.Minute + 5*time.Second): "3 h 12 min", span(49 * time.Hour): "2 d 1 h",
		ms(0): "–", ms(421 * time.Microsecond): "0.42 ms", ms(12345 * time.Microsecond): "12.3 ms", ms(123 * time.Millisecond): "123 ms", ms(1500 * time.Millisecond): "1.5 s",
		count(7): "7", count(999): "999", count(1000): "1\u202f000", count(1234567): "1\u202f234\u202f567",
		rate(0): "0", rate(2.54): "2.5", rate(3): "3", rate(1234.5): "1\u202f235",
		percent(100): "100 %", percent(99.9999): "99.9 %", percent(81.25): "81.2 %", percent(0): "0 %",
		lasted(1500 * time.Millisecond): "1.5 s", lasted(75 * time.Second): "1 min 15 s",
		clock(noon.In(time.FixedZone("", 3600))): "12:00:00",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEveryKindOfEventIsToldInWords(t *testing.T) {
	warning := redisconn.Warning{Code: "RC-C011", Field: "timeouts.read", Text: "too long", Fix: "lower it"}
	for _, c := range []struct {
		event redisconn.Event
		tone  string
		what  string
	}{
		{redisconn.Event{Kind: redisconn.EventStateChange, From: redisconn.StateDown, To: redisconn.StateReady}, "good", "down → ready"},
		{redisconn.Event{Kind: redisconn.EventStateChange, From: redisconn.StateReady, To: redisconn.StateDown}, "bad", "ready → down"},
		{redisconn.Event{Kind: redisconn.EventStateChange, From: redisconn.StateReady, To: redisconn.StateDegraded}, "worry", "ready → degraded"},
		{redisconn.Event{Kind: redisconn.EventStateChange, From: redisconn.StateReady, To: redisconn.StateDraining}, "plain", "ready → draining"},
		{redisconn.Event{Kind: redisconn.EventStage, Stage: redisconn.StageDial, Took: time.Millisecond}, "plain", "dial proved in 1 ms"},
		{redisconn.Event{Kind: redisconn.EventStage, Stage: redisconn.StageReady}, "plain", "ready proved"},
		{redisconn.Event{Kind: redisconn.EventAttempt, Stage: redisconn.StageTLS, Attempt: 3}, "bad", "attempt 3 to connect failed: tls"},
		{redisconn.Event{Kind: redisconn.EventWarning}, "worry", "warning"},
		{redisconn.Event{Kind: redisconn.EventWarning, Warning: &warning}, "worry", "warning RC-C011"},
		{redisconn.Event{Kind: redisconn.EventProbeFailed, Attempt: 2}, "worry", "probe failed, 2 in a row"},
		{redisconn.Event{Kind: redisconn.EventOutageBegan}, "bad", "outage began"},
		{redisconn.Event{Kind: redisconn.EventOutageEnded, Took: 12 * time.Second}, "good", "outage ended after 12 s"},
		{redisconn.Event{Kind: redisconn.EventMaybeApplied, Command: "incr"}, "worry", "INCR may have been applied"},
		{redisconn.Event{Kind: redisconn.EventDrained}, "plain", "drained"},
		{redisconn.Event{Kind: redisconn.EventGeneration, Attempt: 2}, "good", "generation 2 took over"},
		{redisconn.Event{Kind: redisconn.EventReloadFailed, Stage: redisconn.StageTLS}, "worry", "reload failed: tls"},
		{redisconn.Event{Kind: redisconn.EventTopology, Node: "10.0.0.8:6379"}, "plain", "topology changed (10.0.0.8:6379)"},
		{redisconn.Event{Kind: redisconn.EventAddressRefused}, "worry", "address refused"},
		{redisconn.Event{Kind: redisconn.EventLinkSilent}, "worry", "silent connection closed"},
		{redisconn.Event{Kind: redisconn.EventGap}, "worry", "messages may be missing"},
	} {
		if got := tell(c.event); got.Tone != c.tone || got.What != c.what {
			t.Errorf("%s: %s %q, want %s %q", c.event.Kind, got.Tone, got.What, c.tone, c.what)
		}
	}
	if got := tell(redisconn.Event{Kind: redisconn.EventWarning, Warning: &warning}).Text; got != "too long; lower it" {
		t.Errorf("a warning says %q", got)
	}
}
