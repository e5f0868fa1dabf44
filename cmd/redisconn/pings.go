package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// pings is what came of them.
type pings struct {
	target, server string
	answered       latencies
	failed         int
	failures       map[redisconn.Class]int
	took           time.Duration
}

func (s *pings) sent() int { return len(s.answered) + s.failed }

// line is where it stands, in one line.
func (s *pings) line(err error) string {
	if err != nil {
		return fmt.Sprintf("%d pings, %d failed: %s", s.sent(), s.failed, redisconn.ClassOf(err).Info().Meaning)
	}
	d := s.answered.distribution()
	return fmt.Sprintf("%d pings, %d failed   last %-7s min %-7s p50 %-7s p99 %-7s max %-7s", s.sent(), s.failed,
		duration(s.answered[len(s.answered)-1]), duration(d.min), duration(d.p50), duration(d.p99), duration(d.max))
}

// printPings prints the summary.
func (a *app) printPings(s *pings) {
	c := a.stdout
	c.printf("%s", c.paint(bold, s.target))
	if s.server != "" {
		c.printf(" (%s)", s.server)
	}
	outcome := fmt.Sprintf("%d failed", s.failed)
	if s.failed > 0 {
		outcome = c.paint(red, outcome)
	}
	c.printf(": %d pings, %s, in %s\n", s.sent(), outcome, duration(s.took))
	for _, class := range slices.Sorted(maps.Keys(s.failures)) {
		c.row(2, failed, fmt.Sprintf("%d: %s", s.failures[class], class.Info().Meaning), string(class))
		c.label(4, "next", class.Info().Next)
	}
	if len(s.answered) == 0 {
		return
	}
	d := s.answered.distribution()
	c.printf("\n")
	for _, column := range []string{"min", "avg", "p50", "p90", "p99", "max"} {
		c.printf("%s", c.paint(faint, fmt.Sprintf("%10s", column)))
	}
	c.printf("\n")
	for _, value := range []time.Duration{d.min, d.avg, d.p50, d.p90, d.p99, d.max} {
		c.printf("%10s", duration(value))
	}
	c.printf("\n\n")
	buckets := s.answered.histogram()
	most := slices.MaxFunc(buckets, func(a, b bucket) int { return a.count - b.count }).count
	for _, b := range buckets {
		c.printf("  %s %7s  %s%s %7d\n", c.paint(faint, "≤"), duration(b.atMost), c.paint(green, bar(b.count, most)),
			strings.Repeat(" ", barWidth-len([]rune(bar(b.count, most)))), b.count)
	}
}

// pingsDocument is the summary as JSON. Its fields are a contract, see docs/cli.md.
type pingsDocument struct {
	Target    string                  `json:"target"`
	Server    string                  `json:"server,omitempty"`
	Sent      int                     `json:"sent"`
	Failed    int                     `json:"failed"`
	Failures  map[redisconn.Class]int `json:"failures,omitempty"`
	Took      float64                 `json:"took_ms"`
	Latency   *latencyDocument        `json:"latency,omitempty"`
	Histogram []bucketDocument        `json:"histogram,omitempty"`
}

type latencyDocument struct {
	Min float64 `json:"min_ms"`
	Avg float64 `json:"avg_ms"`
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

type bucketDocument struct {
	AtMost float64 `json:"at_most_ms"`
	Count  int     `json:"count"`
}

func (s *pings) document() pingsDocument {
	doc := pingsDocument{
		Target: s.target, Server: s.server, Sent: s.sent(), Failed: s.failed, Failures: s.failures, Took: milliseconds(s.took),
	}
	if len(s.answered) > 0 {
		d := s.answered.distribution()
		doc.Latency = &latencyDocument{
			Min: milliseconds(d.min), Avg: milliseconds(d.avg), P50: milliseconds(d.p50),
			P90: milliseconds(d.p90), P99: milliseconds(d.p99), Max: milliseconds(d.max),
		}
	}
	for _, b := range s.answered.histogram() {
		doc.Histogram = append(doc.Histogram, bucketDocument{AtMost: milliseconds(b.atMost), Count: b.count})
	}
	return doc
}
