package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// clock is a time of day, in UTC as everything on the page.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// span is a duration in the two largest units that it has: 3 h 12 min.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours := d/(24*time.Hour), d/time.Hour%24
	minutes, seconds := d/time.Minute%60, d/time.Second%60
	pair := func(large time.Duration, unit string, small time.Duration, subunit string) string {
		if small == 0 {
			return fmt.Sprintf("%d %s", large, unit)
		}
		return fmt.Sprintf("%d %s %d %s", large, unit, small, subunit)
	}
	switch {
	case days > 0:
		return pair(days, "d", hours, "h")
	case hours > 0:
		return pair(hours, "h", minutes, "min")
	case minutes > 0:
		return pair(minutes, "min", seconds, "s")
	}
	return fmt.Sprintf("%d s", seconds)
}

// ms is a latency with three digits that count; a dash when there is none.
func ms(d time.Duration) string { return msOf(milliseconds(d)) }

func msOf(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 1000:
		return digits(v) + " ms"
	}
	return digits(v/1000) + " s"
}

// digits writes v with two decimals below ten, one below a hundred, none above.
func digits(v float64) string {
	decimals := 0
	switch {
	case v < 10:
		decimals = 2
	case v < 100:
		decimals = 1
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// count writes a number with a narrow space before every three digits.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// rate writes how many a second: decimals only where they say something.
func rate(v float64) string {
	if v < 10 {
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return count(int64(v + 0.5))
}

// percent never rounds up to 100: an outage of a second is not nothing.
func percent(v float64) string {
	if v < 100 {
		v = min(v, 99.9)
	}
	return digits(v) + " %"
}

// stateMarks tell states apart for those who do not see colours.
var stateMarks = map[redisconn.State]string{
	redisconn.StateIdle:       "○",
	redisconn.StateConnecting: "…",
	redisconn.StateReady:      "✓",
	redisconn.StateDegraded:   "!",
	redisconn.StateDown:       "✕",
	redisconn.StateDraining:   "↓",
	redisconn.StateClosed:     "■",
}

// told is an event in words.
type told struct {
	At    time.Time
	Tone  string // good, bad, worry or plain
	What  string
	Class redisconn.Class
	Text  string
}

// tell puts an event into words.
func tell(e redisconn.Event) told {
	t := told{At: e.At, Tone: "plain", What: string(e.Kind), Class: e.Class, Text: e.Detail}
	switch e.Kind {
	case redisconn.EventStateChange:
		t.What = fmt.Sprintf("%s → %s", e.From, e.To)
		switch e.To {
		case redisconn.StateReady:
			t.Tone = "good"
		case redisconn.StateDown:
			t.Tone = "bad"
		case redisconn.StateDegraded:
			t.Tone = "worry"
		}
	case redisconn.EventStage:
		t.What = fmt.Sprintf("%s proved", e.Stage)
		if e.Took >= time.Microsecond {
			t.What += " in " + ms(e.Took)
		}
	case redisconn.EventAttempt:
		t.Tone, t.What = "bad", fmt.Sprintf("attempt %d to connect failed: %s", e.Attempt, e.Stage)
	case redisconn.EventWarning:
		t.Tone, t.What = "worry", "warning"
		if e.Warning != nil {
			t.What, t.Text = "warning "+e.Warning.Code, e.Warning.Text+"; "+e.Warning.Fix
		}
	case redisconn.EventProbeFailed:
		t.Tone, t.What = "worry", fmt.Sprintf("probe failed, %d in a row", e.Attempt)
	case redisconn.EventOutageBegan:
		t.Tone, t.What = "bad", "outage began"
	case redisconn.EventOutageEnded:
		t.Tone, t.What = "good", "outage ended after "+lasted(e.Took)
	case redisconn.EventMaybeApplied:
		t.Tone, t.What = "worry", strings.ToUpper(e.Command)+" may have been applied"
	case redisconn.EventGeneration:
		t.Tone, t.What = "good", fmt.Sprintf("generation %d took over", e.Attempt)
	case redisconn.EventReloadFailed:
		t.Tone, t.What = "worry", fmt.Sprintf("reload failed: %s", e.Stage)
	case redisconn.EventTopology:
		t.What = "topology changed"
	case redisconn.EventAddressRefused:
		t.Tone, t.What = "worry", "address refused"
	case redisconn.EventLinkSilent:
		t.Tone, t.What = "worry", "silent connection closed"
	case redisconn.EventGap:
		t.Tone, t.What = "worry", "messages may be missing"
	}
	if e.Node != "" {
		t.What += " (" + e.Node + ")"
	}
	return t
}

// lasted is a duration that may be short.
func lasted(d time.Duration) string {
	if d < 10*time.Second {
		return ms(d)
	}
	return span(d)
}
