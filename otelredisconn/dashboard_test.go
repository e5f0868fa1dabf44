package otelredisconn_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// prometheusName is what OpenTelemetry's exporters make of a histogram's name.
// See https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/.
func prometheusName(name, unit string) string {
	return strings.ReplaceAll(name, ".", "_") + "_" + map[string]string{"s": "seconds"}[unit] + "_bucket"
}

// The dashboard shows the duration of commands to those who have this package.
func TestTheDashboardUsesTheNamesOfTheConventions(t *testing.T) {
	b := newBench(t)
	b.client.Ping(t.Context())
	const instrument = "db.client.operation.duration"
	m := b.collect()[instrument]
	durations(t, m) // it is a histogram

	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(readFile(t, "../dashboards/redisconn.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`\bdb_client_\w+`)
	attribute := regexp.MustCompile(`\bdb_(?:system|operation)\w+`)
	found := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, used := range name.FindAllString(target.Expr, -1) {
				found++
				if want := prometheusName(instrument, m.Unit); used != want {
					t.Errorf("panel %s uses %s, want %s", p.Title, used, want)
				}
			}
			for _, used := range attribute.FindAllString(target.Expr, -1) {
				if used != "db_system_name" && used != "db_operation_name" {
					t.Errorf("panel %s uses the label %s, which the duration has not", p.Title, used)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no panel shows the duration of commands")
	}
}
