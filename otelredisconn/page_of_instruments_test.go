package otelredisconn_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/otelredisconn"
)

func TestThePageOfOpenTelemetryInstrumentsIsUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString("| instrument | type | unit | what it tells |\n| --- | --- | --- | --- |\n")
	for _, row := range append([]otelredisconn.Row{
		{Name: "db.client.operation.duration", Type: "histogram", Unit: "s", Help: "How long calls took, with all their attempts; a pipeline or transaction is one record."},
		{Name: "db.client.connection.create_time", Type: "histogram", Unit: "s", Help: "How long connections took to open: name, TCP and TLS, without the handshake of the protocol."},
	}, otelredisconn.Rows()...) {
		b.WriteString("| `" + row.Name + "` | " + row.Type + " | " + row.Unit + " | " + row.Help + " |\n")
	}
	for _, row := range otelredisconn.Rows() {
		// A program may have both packages: what one exports to Prometheus must not be
		// added to what the other does.
		if name := strings.ReplaceAll(row.Name, ".", "_"); strings.Contains(string(readFile(t, "../docs/observability.md")), "`"+name) {
			t.Errorf("%s would be exported under the name %s of promredisconn", row.Name, name)
		}
		if row.Unit == "1" {
			t.Errorf("%s: exporters to Prometheus take the unit 1 for a ratio", row.Name)
		}
	}
	golden.CheckPart(t, "../docs/observability.md", golden.Begin+": otelredisconn", b.String())
}

// The page is made from the table, so the two agree on a wrong name as well. What the
// conventions call an instrument, only their own types know.
func TestTheInstrumentsOfThePoolAreThoseOfTheConventions(t *testing.T) {
	type conventional interface {
		Name() string
		Unit() string
	}
	known := map[string]conventional{}
	for _, c := range []conventional{
		dbconv.ClientConnectionCountObservable{}, dbconv.ClientConnectionMaxObservable{},
		dbconv.ClientConnectionIdleMaxObservable{}, dbconv.ClientConnectionIdleMinObservable{},
		dbconv.ClientConnectionPendingRequestsObservable{}, dbconv.ClientConnectionTimeoutsObservable{},
	} {
		known[c.Name()] = c
	}
	for _, row := range otelredisconn.Rows() {
		if !strings.HasPrefix(row.Name, "db.") {
			continue
		}
		c := known[row.Name]
		if c == nil {
			t.Errorf("%s is no name of the conventions, or stands twice", row.Name)
			continue
		}
		delete(known, row.Name)
		if row.Unit != c.Unit() {
			t.Errorf("%s is in %s, the conventions have %s", row.Name, row.Unit, c.Unit())
		}
		instrument := reflect.TypeOf(c).Field(0).Name // Int64ObservableUpDownCounter, embedded
		if kind := strings.ToLower(strings.TrimPrefix(instrument, "Int64Observable")); row.Type != kind {
			t.Errorf("%s is a %s, the conventions have a %s", row.Name, row.Type, kind)
		}
	}
	for name := range known {
		t.Errorf("%s is missing", name)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
