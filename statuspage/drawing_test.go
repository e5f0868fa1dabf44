package statuspage

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

var noon = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func change(seconds int, from, to redisconn.State) redisconn.Event {
	return redisconn.Event{At: at(seconds), Kind: redisconn.EventStateChange, From: from, To: to, Detail: "told"}
}

func TestATimelineIsWhatTheRecorderKnows(t *testing.T) {
	const idle, connecting, ready, down = redisconn.StateIdle, redisconn.StateConnecting, redisconn.StateReady, redisconn.StateDown
	probe := redisconn.Event{At: at(5), Kind: redisconn.EventProbeFailed}
	for name, c := range map[string]struct {
		history []redisconn.Event
		last    redisconn.StateChange
		want    string
	}{
		"from the client's beginning": {
			history: []redisconn.Event{change(10, idle, connecting), probe, change(12, connecting, ready), change(40, ready, down), change(50, down, ready)},
			want:    "connecting 10-12, ready 12-40, down 40-50, ready 50-60",
		},
		"longer than the recorder remembers": {
			history: []redisconn.Event{change(30, ready, down)},
			want:    "ready 0-30, down 30-60",
		},
		"longer than is shown": {
			history: []redisconn.Event{change(-50, idle, connecting), change(-40, connecting, ready), change(-30, ready, down), change(-20, down, ready)},
			want:    "ready 0-60",
		},
		"without a change": {
			history: []redisconn.Event{probe},
			last:    redisconn.StateChange{To: idle, At: at(20)},
			want:    "idle 20-60",
		},
	} {
		var told []string
		for _, s := range timeline(c.history, c.last, noon, at(60)) {
			told = append(told, fmt.Sprintf("%s %.0f-%.0f", s.State, s.From.Sub(noon).Seconds(), s.Until.Sub(noon).Seconds()))
		}
		if got := strings.Join(told, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestUptimeIsOfTheTimeThatIsKnown(t *testing.T) {
	got := uptime([]Span{
		{State: redisconn.StateConnecting, From: at(-60), Until: at(0)},
		{State: redisconn.StateReady, From: at(0), Until: at(60)}, {State: redisconn.StateDown, From: at(60), Until: at(70)},
		{State: redisconn.StateDegraded, From: at(70), Until: at(75)}, {State: redisconn.StateDown, From: at(75), Until: at(80)},
	})
	if want := (Uptime{Known: 80, Percent: 81.25, Outages: 2, Longest: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := uptime(nil); got != (Uptime{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// unhinted is what a page without a doctor knows.
func unhinted(redisconn.Class) Hint { return Hint{} }

func TestTroublesAreGroupedByTheirClass(t *testing.T) {
	got := troubles([]redisconn.Event{
		{At: at(1), Class: redisconn.ClassRefused, Detail: "first"}, {At: at(2), Kind: redisconn.EventStateChange},
		{At: at(3), Class: redisconn.ClassAuth, Detail: "denied"}, {At: at(4), Class: redisconn.ClassRefused, Detail: "last"},
	}, unhinted)
	if len(got) != 2 || got[0].Class != redisconn.ClassRefused || got[0].Times != 2 || got[0].Detail != "last" || !got[0].Last.Equal(at(4)) ||
		got[1].Class != redisconn.ClassAuth || got[1].Next != redisconn.ClassAuth.Info().Next {
		t.Errorf("%+v", got)
	}
}

func TestALineIsInterruptedWhereSamplesAreMissing(t *testing.T) {
	a := axis{noon, at(100)}
	samples := []Sample{
		{At: at(-5), Latency: 1}, {At: at(10), Latency: 5}, {At: at(11), Latency: 10}, {At: at(12)}, {At: at(13), Latency: 5}, {At: at(30), Latency: 10},
	}
	latency := func(s Sample) (float64, bool) { return s.Latency, s.Latency > 0 }
	line, area := a.curve(samples, latency, scale{0, 10}, 2*time.Second)
	if want := "M100 50L100 50L110 0M130 50L130 50M300 0L300 0"; line != want {
		t.Errorf("the line is %s, want %s", line, want)
	}
	if want := "M100 50L100 50L110 0L110 100L100 100ZM130 50L130 50L130 100L130 100ZM300 0L300 0L300 100L300 100Z"; area != want {
		t.Errorf("the area is %s, want %s", area, want)
	}
}

func TestAPlotHasNoMorePointsThanPixels(t *testing.T) {
	var samples []Sample
	for i := range Samples {
		samples = append(samples, Sample{At: at(i), Seconds: 1, Commands: 10, Failures: 1, Latency: float64(i), InUse: i % 7, Waiting: i % 3})
	}
	few, step := condense(samples[:maxPoints], time.Second)
	if len(few) != maxPoints || step != time.Second {
		t.Errorf("few samples become %d of %s", len(few), step)
	}
	got, step := condense(samples, time.Second)
	if len(got) != maxPoints || step != 3*time.Second {
		t.Fatalf("%d samples of %s", len(got), step)
	}
	want := Sample{At: at(897), Seconds: 3, Commands: 30, Failures: 3, Latency: 899, InUse: 3, Waiting: 2}
	if last := got[len(got)-1]; last != want {
		t.Errorf("the last is %+v, want %+v", last, want)
	}
	if samples[897].Commands != 10 {
		t.Error("the samples themselves are changed")
	}
}

func TestScalesHaveRoundEdges(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.3: 0.5, 1: 1, 1.1: 2, 4: 5, 7: 10, 20: 20, 510: 1000} {
		if got := ceiling(v); got != want {
			t.Errorf("the edge above %v is %v, want %v", v, got, want)
		}
	}
	for _, c := range []struct {
		least, most float64
		want        scale
	}{{0, 0, scale{0.1, 10}}, {0.09, 54.8, scale{0.01, 100}}, {2, 3, scale{1, 10}}, {1, 1, scale{1, 10}}} {
		if got := logarithmic(c.least, c.most); got != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.least, c.most, got, c.want)
		}
	}
	s := logarithmic(0.09, 54.8)
	for v, want := range map[float64]float64{0.001: 0, 0.01: 0, 1: 0.5, 100: 1, 1000: 1} {
		if got := s.share(v); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%v is at %v, want %v", v, got, want)
		}
	}
	if got := (scale{0, 4}).share(5); got != 1 {
		t.Errorf("beyond the edge: %v", got)
	}
}

func TestMarksAreSeenHoweverFew(t *testing.T) {
	a := axis{noon, at(100)}
	failures := func(s Sample) (int64, string) { return s.Failures, "failed" }
	got := a.marks([]Sample{{At: at(-1), Failures: 3}, {At: at(10), Failures: 1}, {At: at(20)}, {At: at(30), Failures: 100}}, failures)
	want := []bar{
		{"mark", "100", "88", "4", "12", "12:00:10: failed"},
		{"mark", "300", "50", "4", "50", "12:00:30: failed"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStatesAreDrawnOverTheirTime(t *testing.T) {
	a := axis{noon, at(100)}
	spans := []Span{
		{State: redisconn.StateReady, From: at(0), Until: at(50)},
		{State: redisconn.StateDown, From: at(50), Until: at(60), Reason: "gone"},
		{State: redisconn.StateDegraded, From: at(60), Until: at(60).Add(time.Millisecond)},
	}
	strip := a.strip(spans)
	if len(strip) != 3 || strip[1] != (bar{"down", "500", "0", "100", "100", "down for 10 s, from 12:00:50: gone"}) || strip[2].Width != "1.5" {
		t.Errorf("the strip is %+v", strip)
	}
	if shades := a.shades(spans); len(shades) != 2 || shades[0].Kind != "down" || shades[1].Kind != "degraded" {
		t.Errorf("the shades are %+v", shades)
	}
	if got := strings.Join(a.labels(), "|"); got != "−1 min 40 s|−1 min 15 s|−50 s|−25 s|now" {
		t.Errorf("the labels are %s", got)
	}
}

func TestThePlotsBeginWhereSomethingIsKnown(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{
		time.Second: 2 * time.Minute, 2 * time.Minute: 2 * time.Minute, 3 * time.Minute: 5 * time.Minute, time.Hour: 15 * time.Minute,
	} {
		s := Snapshot{Now: noon, Clients: []ClientSnapshot{
			{Health: redisconn.Health{Since: noon}, Events: []redisconn.Event{{At: noon.Add(-age)}}},
			{Health: redisconn.Health{Since: noon.Add(-age / 2)}},
		}}
		if got := noon.Sub(s.from(time.Second)); got != want {
			t.Errorf("known for %s: %s, want %s", age, got, want)
		}
	}
}

func TestTheVerdictIsThatOfAll(t *testing.T) {
	const pass, warn, fail = redisconn.StatusPass, redisconn.StatusWarn, redisconn.StatusFail
	for want, statuses := range map[string][]redisconn.Status{
		"no client": nil, "all well": {pass, pass}, "warning": {pass, warn}, "down": {fail}, "1 of 2 down": {pass, fail},
	} {
		s := Snapshot{}
		for _, status := range statuses {
			s.Clients = append(s.Clients, ClientSnapshot{Health: redisconn.Health{Status: status}})
			if severity[status] > severity[s.Status] {
				s.Status = status
			}
		}
		if got := s.verdict(); got != want {
			t.Errorf("%v: %s, want %s", statuses, got, want)
		}
	}
}

// A service whose Redis was never there used to be told "not connected" and had to
// find the reason among the events.
func TestAClientThatNeverConnectedTellsWhyItsLastAttemptFailed(t *testing.T) {
	c := ClientSnapshot{Health: redisconn.Health{Status: redisconn.StatusFail, Reason: "not connected"}}
	if info, found := c.trouble(); info.Meaning != "" || found != "" {
		t.Errorf("before any attempt: %v, %s", info, found)
	}
	c.Troubles = troubles([]redisconn.Event{{At: noon, Kind: redisconn.EventAttempt, Class: redisconn.ClassAuth, Detail: "WRONGPASS"}}, unhinted)
	if info, found := c.trouble(); info.Class != redisconn.ClassAuth || found != "WRONGPASS" {
		t.Errorf("after an attempt: %v, %s", info, found)
	}
}

// A page with everything that a client can tell is drawn without an error and
// without a part left out.
func TestEverythingAClientTellsIsDrawn(t *testing.T) {
	lag := int64(512)
	c := ClientSnapshot{
		Name: "cache", Username: "app",
		Health: redisconn.Health{
			Status: redisconn.StatusWarn, Class: redisconn.ClassTimeout, Reason: "PING p99 60ms is above 50ms",
			Target: "cache:6379", State: redisconn.StateDegraded, Since: at(-90),
			Server: &redisconn.ServerInfo{Name: "redis", Version: "7.0.15", Mode: "cluster", Role: "master", Note: "embedded server"},
			Pool:   redisconn.PoolUse{Size: 4, InUse: 2, Idle: 1, Waiting: 3, Holders: "1 blpop"},
			Nodes: []redisconn.NodeHealth{
				{Addr: "10.0.0.8:6379", Role: "replica", Slots: "0-5460", Status: redisconn.StatusWarn, Class: redisconn.ClassMasterDown, Reason: "behind", Link: "down", Lag: &lag},
			},
			Slots:        &redisconn.SlotCoverage{Covered: 16000, Total: 16384, Uncovered: []string{"0-99", "200-300"}},
			Quorum:       &redisconn.Quorum{Master: "mymaster", Sentinels: 3, Answering: 2, Needed: 2},
			Certificates: []redisconn.CertificateHealth{{Of: "server", Node: "10.0.0.8:6379", Subject: "CN=redis", NotAfter: noon}},
			Generation:   2,
		},
		Figures:  Figures{Commands: 1000, Failures: 1, MaybeApplied: 1, Outages: 2, Reloads: 3, Failovers: 4},
		Routes:   redisconn.RouteStats{Lane: 300, Batches: 40, Blocking: 10, LaneQueued: 5, BlockingInUse: 6, BlockingMax: 8},
		Cache:    &redisconn.CacheStats{Hits: 12345, Misses: 6, Invalidations: 7, Entries: 8},
		Uptime:   Uptime{Known: 100, Percent: 90, Outages: 2, Longest: 6},
		Timeline: []Span{{State: redisconn.StateDegraded, From: at(-90), Until: noon}},
		Samples:  []Sample{{At: at(-2), Seconds: 1, Latency: 1, Commands: 5}, {At: at(-1), Seconds: 1, Failures: 2, Waiting: 3}},
		Troubles: troubles([]redisconn.Event{{At: noon, Class: redisconn.ClassTimeout, Detail: "i/o timeout"}}, unhinted),
		Config: redisconn.Explanation{
			Fields: []redisconn.FieldExplanation{
				{Path: "pool.size", Value: "4", Source: "env REDIS_POOL_SIZE", Overrides: []string{"config"}, Doc: "most connections"},
				{Path: "pool.min_idle", Default: true, Source: "default"},
			},
			Warnings: []redisconn.Warning{{Code: "RC-C011", Field: "timeouts.read", Text: "too long", Fix: "lower it"}},
		},
	}
	for range eventsShown + 3 {
		c.Events = append(c.Events, redisconn.Event{At: noon, Kind: redisconn.EventProbeFailed})
	}
	a := axis{at(-120), noon}
	v := view{Snapshot: Snapshot{Title: "Redis", Now: noon, Status: redisconn.StatusWarn}, Labels: a.labels(), Clients: []clientView{a.draw("client-1", c, time.Second)}}
	var drawn strings.Builder
	if err := templates.ExecuteTemplate(&drawn, "page.html", v); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"! </span>", "degraded", "for 1 min 30 s", "user app", "generation 2", "PING p99 60ms is above 50ms", "embedded server",
		"up 90 % of 1 min 40 s; 2 outages, the longest 6.0 s", "2</b> of 4 in use, 1 idle, 3 waiting; held by 1 blpop",
		"690", "5 queued, 7.5 per round trip", "6 of 8 connections", "12\u202f345", "8 entries",
		"16000 of 16384 slots are served; nobody serves 0-99, 200-300", "2 of 3 sentinels answer, 2 must agree", "512 bytes behind", "until",
		"i/o timeout", "3 older ones are in status.json", "1 set, 1 default, 1 warning", "overrides config", "RC-C011", "too long. lower it",
	} {
		if text := strings.ReplaceAll(drawn.String(), "<span aria-hidden=\"true\">!</span>", "! </span>"); !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// What an update of the live page costs: drawn once a second, however many read it.
func BenchmarkAnUpdateOfOneClient(b *testing.B) {
	c := ClientSnapshot{Name: "cache", Config: redisconn.DefaultConfig().Explain(), Health: redisconn.Health{State: redisconn.StateReady, Since: at(-3600)}}
	for i := range Samples {
		c.Samples = append(c.Samples, Sample{At: at(i - Samples), Seconds: 1, Commands: int64(i % 97), Latency: float64(1 + i%13), InUse: i % 7})
	}
	for i := range eventsShown {
		c.Events = append(c.Events, redisconn.Event{At: at(-i), Kind: redisconn.EventProbeFailed, Class: redisconn.ClassTimeout, Detail: "i/o timeout"})
	}
	a := axis{at(-Samples), noon}
	var drawn strings.Builder
	for b.Loop() {
		drawn.Reset()
		v := view{Snapshot: Snapshot{Now: noon}, Labels: a.labels(), Clients: []clientView{a.draw("client-1", c, time.Second)}}
		if err := templates.ExecuteTemplate(&drawn, "content", v); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(drawn.Len()), "B/update")
}
