package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

// noon is when the glances of these tests are taken.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// aCalmOne is a standalone server that serves.
func aCalmOne() glance {
	replicas := 1
	g := glance{
		at:   noon,
		hint: "  q quits",
		health: redisconn.Health{
			Status: redisconn.StatusPass, Target: "cache.internal:6379", State: redisconn.StateReady, Since: ago(50*time.Hour + 3*time.Minute),
			Server:       &redisconn.ServerInfo{Name: "redis", Version: "7.0.15", Mode: "standalone", Role: "master", Replicas: &replicas},
			Certificates: []redisconn.CertificateHealth{{Of: "server", Subject: "cache.internal", NotAfter: noon.AddDate(0, 0, 12)}},
		},
		stats: redisconn.Stats{
			Commands: 1_234_567, Retries: 12, Generation: 1, Pool: redisconn.PoolUse{Size: 20, InUse: 3, Idle: 2},
			Routes: redisconn.RouteStats{Lane: 1_000_000, Batches: 20_000, LaneQueued: 4, Blocking: 7, BlockingInUse: 1, BlockingMax: 16},
			Cache:  &redisconn.CacheStats{Hits: 900, Misses: 100, Invalidations: 12, Entries: 55},
		},
		events: []redisconn.Event{
			{At: ago(50 * time.Hour), Kind: redisconn.EventStateChange, From: redisconn.StateConnecting, To: redisconn.StateReady, Detail: "verified"},
			{At: ago(time.Hour), Kind: redisconn.EventGeneration, Attempt: 2, Took: 14 * time.Millisecond, Detail: "the password file changed"},
		},
	}
	for i := range 100 {
		g.trend = append(g.trend, point{
			answered: 20, p50: time.Duration(200+i%7*20) * time.Microsecond, p99: time.Duration(900+i%11*300) * time.Microsecond,
			commands: float64(20 + i%3), load: &serverLoad{operations: int64(1000 + i*20), clients: 41, memory: 3 << 28, memoryMax: 2 << 30},
		})
	}
	return g
}

// anOutage is the same server after it was killed.
func anOutage() glance {
	g := aCalmOne()
	g.health.Status, g.health.State, g.health.Since = redisconn.StatusFail, redisconn.StateDown, ago(7*time.Second)
	g.health.Class = redisconn.ClassRefused
	g.health.Reason = "nothing listens at the address: dial tcp 10.0.0.7:6379: connect: connection refused"
	g.stats.Outages, g.stats.Failures, g.stats.MaybeApplied, g.stats.Generation = 1, 3, 1, 2
	g.stats.Pool = redisconn.PoolUse{Size: 20, InUse: 20, Waiting: 5, Holders: "20 blpop for up to 3s"}
	g.events = append(g.events,
		redisconn.Event{At: ago(7 * time.Second), Kind: redisconn.EventStateChange, From: redisconn.StateReady, To: redisconn.StateDown, Detail: "nothing listens at the address"},
		redisconn.Event{At: ago(7 * time.Second), Kind: redisconn.EventOutageBegan, Class: redisconn.ClassRefused, Detail: "connect: connection refused"},
		redisconn.Event{At: ago(4 * time.Second), Kind: redisconn.EventMaybeApplied, Command: "incr", Class: redisconn.ClassLost, Took: 12 * time.Millisecond},
		redisconn.Event{At: ago(3 * time.Second), Kind: redisconn.EventWarning, Warning: &redisconn.Warning{Code: "RC-C011", Field: "timeouts.read"}, Detail: "4s is longer than timeouts.operation"},
	)
	for i := range 7 {
		g.trend = append(g.trend, point{failed: i % 2, down: true})
	}
	return g
}

// aCluster has a shard without a master.
func aCluster() glance {
	g := aCalmOne()
	behind := int64(4096)
	h := &g.health
	h.Target, h.Server.Mode, h.Server.Replicas, h.Certificates = "10.0.0.1:6379 and 2 more", "cluster", nil, nil
	h.Status, h.Class, h.Reason = redisconn.StatusFail, redisconn.ClassClusterDown, "10.0.0.3:6379 serves 10923-16383 and does not answer"
	h.Slots = &redisconn.SlotCoverage{Covered: 10923, Total: 16384, Uncovered: []string{"10923-16383"}}
	for i, slots := range []string{"0-5460", "5461-10922", "10923-16383"} {
		master := redisconn.NodeHealth{Addr: fmt.Sprintf("10.0.0.%d:6379", i+1), Role: "master", Slots: slots, Status: redisconn.StatusPass, Latency: 300 * time.Microsecond}
		replica := redisconn.NodeHealth{Addr: fmt.Sprintf("10.0.0.1%d:6379", i+1), Role: "replica", Status: redisconn.StatusPass, Latency: time.Millisecond, Link: "up", Lag: &behind}
		if i == 2 {
			master.Status, master.Reason = redisconn.StatusFail, "nothing listens at the address"
			replica.Status, replica.Reason, replica.Link = redisconn.StatusWarn, "its master is gone", "down"
		}
		h.Nodes = append(h.Nodes, master, replica)
	}
	return g
}

// aSentinel is a deployment of which one sentinel is gone.
func aSentinel() glance {
	g := aCalmOne()
	g.health.Quorum = &redisconn.Quorum{Master: "mymaster", Sentinels: 3, Answering: 2, Needed: 2}
	g.health.Nodes = []redisconn.NodeHealth{
		{Addr: "10.0.0.1:6379", Role: "master", Status: redisconn.StatusPass, Latency: 300 * time.Microsecond},
		{Addr: "10.0.0.9:26379", Role: "sentinel", Status: redisconn.StatusWarn, Reason: "nothing listens at the address"},
	}
	return g
}

// notYet is a client that never reached its server.
func notYet() glance {
	return glance{
		at: noon,
		health: redisconn.Health{Status: redisconn.StatusFail, Reason: "not connected", Target: "cache.internal:6379",
			State: redisconn.StateConnecting, Since: ago(3 * time.Second)},
		events: []redisconn.Event{{At: ago(3 * time.Second), Kind: redisconn.EventAttempt, Stage: redisconn.StageHandshake,
			Class: redisconn.ClassAuth, Attempt: 1, Detail: "WRONGPASS invalid username-password pair or user is disabled."}},
		trend: []point{{down: true}},
	}
}

var glances = map[string]glance{
	"calm": aCalmOne(), "outage": anOutage(), "cluster": aCluster(), "sentinel": aSentinel(), "not-yet": notYet(),
}

func text(frame []line) string {
	var b strings.Builder
	for _, l := range frame {
		b.WriteString(strings.TrimRight(l.text(), " ") + "\n")
	}
	return b.String()
}

func TestThePanelGolden(t *testing.T) {
	for name, g := range glances {
		for _, size := range []struct{ width, height int }{{80, 24}, {40, 12}, {120, 40}} {
			golden.Check(t, fmt.Sprintf("watch-%s-%dx%d.golden", name, size.width, size.height), text(g.frame(size.width, size.height)))
		}
	}
}

func TestThePanelFitsEveryScreen(t *testing.T) {
	for name, g := range glances {
		for width := range 130 {
			for height := range 45 {
				frame := g.frame(width, height)
				if len(frame) > height {
					t.Fatalf("%s at %dx%d has %d lines", name, width, height, len(frame))
				}
				for _, l := range frame {
					if l.width() > width {
						t.Fatalf("%s at %dx%d: %q", name, width, height, l.text())
					}
				}
			}
		}
	}
}

func TestTheStateIsOnTheSmallestScreenAndTroubleBeforeAllElse(t *testing.T) {
	frame := text(anOutage().frame(40, 2))
	if !strings.HasPrefix(strings.Split(frame, "\n")[1], "● down for 7s  fail") {
		t.Error(frame)
	}
	if frame = text(anOutage().frame(40, 10)); !strings.Contains(frame, "reason  nothing listens") || !strings.Contains(frame, "events") {
		t.Error(frame)
	}
}

func TestACertificateThatExpiredSaysSo(t *testing.T) {
	g := aCalmOne()
	g.health.Certificates = []redisconn.CertificateHealth{{Of: "server", Node: "10.0.0.3:6379", Subject: "shard-3", NotAfter: ago(time.Second)}}
	if frame := text(g.frame(100, 40)); !strings.Contains(frame, "tls     server certificate of 10.0.0.3:6379, shard-3, has expired") {
		t.Error(frame)
	}
}

func TestWhatAPeerSaysCannotMoveTheCursor(t *testing.T) {
	g := anOutage()
	g.health.Reason = "-ERR \x1b[2J\x1b]0;owned\x07\r\n"
	g.health.Target = "\u202ecache"
	for _, l := range g.frame(80, 24) {
		if painted := (&console{}).line(l); strings.ContainsFunc(painted, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("%q", painted)
		}
	}
}

func TestASparklineIsRelativeToItsLargestValue(t *testing.T) {
	for _, c := range []struct {
		values []float64
		width  int
		want   string
		most   float64
	}{
		{[]float64{0, 1, 2, 4, 7, 8}, 6, "▁▂▃▅██", 8},
		{[]float64{8, 1, 2}, 2, "▅█", 2},
		{[]float64{1}, 3, "  █", 1},
		{[]float64{refused, 0, unknown, 3}, 4, "×▁ █", 3},
		{[]float64{0, 0}, 2, "▁▁", 0},
		{nil, 2, "  ", 0},
		{[]float64{1}, 0, "", 0},
		{[]float64{1}, -3, "", 0},
	} {
		if spans, most := sparkline(c.values, c.width); spans.text() != c.want || most != c.most {
			t.Errorf("%v in %d: %q, %v", c.values, c.width, spans.text(), most)
		}
	}
}

func TestALineIsCutWhereItsWidthEnds(t *testing.T) {
	l := line{{red, "four"}, {green, "five5"}, {"", "six"}}
	for width, want := range map[int]string{20: "fourfive5six", 12: "fourfive5six", 11: "fourfive5s…", 9: "fourfive…", 4: "fou…", 1: "…", 0: ""} {
		if got := l.cut(width); got.text() != want {
			t.Errorf("%d: %q, want %q", width, got.text(), want)
		}
	}
	if got := (line{{"", "left"}}).right(line{{"", "right"}}, 11).text(); got != "left  right" {
		t.Errorf("%q", got)
	}
	if got := (line{{"", "left"}}).right(line{{"", "right"}}, 10).text(); got != "left" {
		t.Errorf("%q", got)
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999: "999", 999.5: "1k", 12345: "12.3k", 4_560_000: "4.56M", 7e9: "7G", 2e12: "2T"} {
		if got := amount(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1536: "1.5 KB", 2 << 30: "2 GB", 5 << 40: "5.0 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0s", 1999 * time.Millisecond: "1s", 25*time.Hour + time.Minute: "1d1h", 23 * time.Hour: "23h0m0s"} {
		if got := age(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestAnEventOfAnyKindSaysWhatItHolds(t *testing.T) {
	kinds := []redisconn.EventKind{
		redisconn.EventStateChange, redisconn.EventStage, redisconn.EventAttempt, redisconn.EventWarning, redisconn.EventProbeFailed,
		redisconn.EventOutageBegan, redisconn.EventOutageEnded, redisconn.EventMaybeApplied, redisconn.EventDrained, redisconn.EventGeneration,
		redisconn.EventReloadFailed, redisconn.EventTopology, redisconn.EventAddressRefused, redisconn.EventLinkSilent, redisconn.EventGap, "new",
	}
	for _, kind := range kinds {
		e := redisconn.Event{Kind: kind, Stage: redisconn.StageDial, Class: redisconn.ClassLost, Command: "get", Node: "10.0.0.1:6379", Attempt: 3, Took: time.Second, Detail: "why"}
		if got, want := eventText(e).text(), string(kind)+"  dial 10.0.0.1:6379 get [connection-lost] number 3 1s: why"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	states := []redisconn.State{redisconn.StateReady, redisconn.StateDegraded, redisconn.StateDown, redisconn.StateClosed}
	var styles []style
	for _, s := range states {
		styles = append(styles, eventText(redisconn.Event{Kind: redisconn.EventStateChange, To: s})[0].style)
	}
	if !slices.Equal(styles, []style{green, yellow, red, faint}) {
		t.Errorf("%v", styles)
	}
}
