package healthhttp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

var noon = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)

// eventful is a report with everything that a client can tell.
func eventful() report {
	lag := int64(512)
	r := report{probe: "healthz", detailed: true, findings: []finding{
		{name: "cache", health: redisconn.Health{
			Status: redisconn.StatusWarn, Class: redisconn.ClassTimeout, Reason: "PING p99 60ms is above 50ms",
			CheckedAt: noon, Target: "10.0.0.7:6379", State: redisconn.StateDegraded, Since: noon.Add(-time.Minute),
			Latency:     redisconn.Latency{Last: 1420 * time.Microsecond, P50: time.Millisecond, P99: 60 * time.Millisecond, Max: 61 * time.Millisecond, Samples: 128},
			Server:      &redisconn.ServerInfo{Name: "redis", Version: "7.0.15", Mode: "cluster", Role: "master", Protocol: 3},
			Pool:        redisconn.PoolUse{Size: 20, InUse: 7, Idle: 3},
			LastSuccess: noon, LastFailure: noon.Add(-time.Hour), LastFailureClass: redisconn.ClassLost, Generation: 1,
			Nodes: []redisconn.NodeHealth{
				{Addr: "10.0.0.7:6379", Role: "master", Slots: "0-16383", Status: redisconn.StatusPass, Latency: time.Millisecond, LastSuccess: noon},
				{Addr: "10.0.0.8:6379", Role: "replica", Slots: "0-16383", Status: redisconn.StatusWarn, Class: redisconn.ClassMasterDown, Reason: "the link is down", Link: "down", Lag: &lag},
			},
			Slots: &redisconn.SlotCoverage{Covered: 16384, Total: 16384},
			Certificates: []redisconn.CertificateHealth{
				{Of: "server", Node: "10.0.0.7:6379", Subject: "CN=redis", NotAfter: time.Now().Add(61*24*time.Hour + time.Hour)},
			},
		}},
		{name: "reports", optional: true, health: redisconn.Health{
			Status: redisconn.StatusFail, Reason: "not connected", Target: "reports:6379", State: redisconn.StateIdle, Since: noon,
		}},
	}}
	r.judge()
	return r
}

func TestTheFormatsGolden(t *testing.T) {
	for name, f := range map[string]format{"health": formats[0], "spring": formats[2], "text": formats[4]} {
		var written bytes.Buffer
		if err := f.write(&written, Options{ServiceID: "orders", Description: "Redis of the orders"}, eventful()); err != nil {
			t.Fatal(err)
		}
		got := written.Bytes()
		if name != "text" {
			got = indented(t, got)
		}
		golden.Check(t, name+".golden", got)
	}
}

// indented is JSON for people. What only the calendar decides is left out.
func indented(t *testing.T, text []byte) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if checks, ok := document["checks"].(map[string]any); ok {
		delete(checks["cache:certificates"].([]any)[0].(map[string]any), "not_after")
	}
	pretty, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(pretty, '\n')
}

func TestACertificateIsJudgedByItsDays(t *testing.T) {
	for days, want := range map[int]redisconn.Status{-1: redisconn.StatusFail, 0: redisconn.StatusWarn, 13: redisconn.StatusWarn, 14: redisconn.StatusPass} {
		if got := lasting(days); got != want {
			t.Errorf("%d days: %s, want %s", days, got, want)
		}
	}
}

func TestSpringNestsOnlyWhereThereIsMoreThanOneClientGolden(t *testing.T) {
	r := eventful()
	one := report{probe: r.probe, detailed: true, findings: r.findings[:1]}
	one.judge()
	for want, r := range map[string]report{
		"one":  one,
		"none": {probe: "healthz", detailed: true, status: redisconn.StatusFail},
	} {
		var written bytes.Buffer
		if err := writeSpring(&written, Options{}, r); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "spring-"+want+".golden", indented(t, written.Bytes()))
	}
}

func TestAReportThatCannotBeWrittenIsAnError(t *testing.T) {
	r := eventful()
	r.findings[0].health.Certificates[0].NotAfter = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // RFC 3339 ends before
	answer := httptest.NewRecorder()
	New(redisconn.Named{}, Options{}).answer(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil), r, 0)
	if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "the report could not be written: ") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
