package otelredisconn_test

import (
	"os"
	"strings"
	"testing"

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

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
