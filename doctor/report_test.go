package doctor_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/internal/golden"
)

// sample is a report with every outcome, evidence of every kind and texts that
// each format has to escape.
func sample() *doctor.Report {
	return &doctor.Report{
		Target: "cache.internal:6379", Began: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), Took: 1234567 * time.Microsecond, FailOn: doctor.OutcomeFail,
		Results: []doctor.Result{
			{ID: "RC-C000", Layer: doctor.LayerConfig, Title: "the configuration is valid", Outcome: doctor.OutcomePass, Took: 12 * time.Microsecond, Detail: "the configuration is valid: 2 of 39 fields set, the rest by default", Evidence: []doctor.Fact{{Name: "set", Value: "connection.addrs pool.size"}}, DocURL: "https://example.org/checks.md#rc-c000"},
			{ID: "RC-C011", Layer: doctor.LayerConfig, Title: "timeouts.read is as it is usually meant", Outcome: doctor.OutcomeWarn, Took: time.Microsecond, Detail: "4s is longer than timeouts.operation, which is 3s", Evidence: []doctor.Fact{{Name: "source", Value: "env REDIS_READ_TIMEOUT"}}, Cause: "it is allowed, and seldom meant", Fix: []doctor.Remedy{{Text: "lower timeouts.read, or raise timeouts.operation"}}, DocURL: "https://example.org/checks.md#rc-c011", Needs: nil, Quiet: true},
			{ID: "RC-N001", Layer: doctor.LayerDNS, Title: "the host's name resolves", Outcome: doctor.OutcomeSkip, Detail: "10.0.0.7 is an address", Moot: true, DocURL: "https://example.org/checks.md#rc-n001", Needs: []string{"RC-C000"}},
			{ID: "RC-Y003", Layer: doctor.LayerLatency, Title: "PING is answered quickly", Outcome: doctor.OutcomePass, Took: 20 * time.Millisecond, Detail: "PING takes 210µs, 1.3ms at the 99th percentile", Evidence: []doctor.Fact{{Name: "ping_p50", Value: 210 * time.Microsecond}, {Name: "ping_p99", Value: 1300 * time.Microsecond}, {Name: "pings", Value: 50}}, DocURL: "https://example.org/checks.md#rc-y003"},
			{ID: "RC-S004", Layer: doctor.LayerServer, Title: "the server can write its data to disk", Outcome: doctor.OutcomeFail, Took: 300 * time.Microsecond, Class: redisconn.ClassReply, Detail: `the last snapshot failed: "<no> & | room`, Evidence: []doctor.Fact{{Name: "since", Value: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}, {Name: "aof", Value: false}}, Cause: "a full disk", Fix: []doctor.Remedy{{Text: "see what failed", Command: "redis-cli -h cache.internal -p 6379 INFO persistence"}, {Text: "make room"}}, DocURL: "https://example.org/checks.md#rc-s004", Needs: []string{"RC-H010"}},
			{ID: "RC-K001", Layer: doctor.LayerClock, Title: "this machine and the server agree on the time", Outcome: doctor.OutcomeSkip, Detail: "needs RC-H010", Root: "RC-N010", DocURL: "https://example.org/checks.md#rc-k001", Needs: []string{"RC-H010"}},
		},
	}
}

// formats are the ways of writing a report.
var formats = map[string]func(*doctor.Report, io.Writer) error{
	"short": (*doctor.Report).WriteShort, "json": (*doctor.Report).WriteJSON, "junit": (*doctor.Report).WriteJUnit,
	"prometheus": (*doctor.Report).WritePrometheus, "nagios": (*doctor.Report).WriteNagios,
}

func written(t *testing.T, format string, r *doctor.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := formats[format](r, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormatsGolden(t *testing.T) {
	for format := range formats {
		golden.Check(t, "report."+format+".golden", written(t, format, sample()))
	}
}

func TestTheFormatsOfMachinesAreWellFormed(t *testing.T) {
	if text := written(t, "json", sample()); !json.Valid([]byte(text)) {
		t.Error(text)
	}
	decoder := xml.NewDecoder(strings.NewReader(written(t, "junit", sample())))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	series := regexp.MustCompile(`^[a-z_]+\{([a-z]+="([^"\\\n]|\\.)*",?)+\} [0-9.]+$`)
	r := sample()
	r.Target = "odd\\ \"name\"\n"
	for line := range strings.Lines(written(t, "prometheus", r)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") && !series.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
	if first, _, _ := strings.Cut(written(t, "nagios", sample()), "\n"); strings.Count(first, "|") != 1 {
		t.Errorf("%q: performance data begins after the only |", first)
	}
}

func TestWarningsCountWhereTheyAreToldTo(t *testing.T) {
	passing := doctor.Result{ID: "RC-H010", Layer: doctor.LayerHandshake, Outcome: doctor.OutcomePass}
	warning := doctor.Result{ID: "RC-S006", Layer: doctor.LayerServer, Outcome: doctor.OutcomeWarn}
	failing := doctor.Result{ID: "RC-N010", Layer: doctor.LayerTCP, Outcome: doctor.OutcomeFail}
	invalid := doctor.Result{ID: "RC-C000", Layer: doctor.LayerConfig, Outcome: doctor.OutcomeFail}
	for name, row := range map[string]struct {
		results      []doctor.Result
		failOn       doctor.Outcome
		waitOver     bool
		exit, nagios int
	}{
		"all is well":              {[]doctor.Result{passing}, doctor.OutcomeFail, false, doctor.ExitOK, 0},
		"a warning":                {[]doctor.Result{passing, warning}, doctor.OutcomeFail, false, doctor.ExitOK, 1},
		"a warning that counts":    {[]doctor.Result{passing, warning}, doctor.OutcomeWarn, false, doctor.ExitFailed, 2},
		"a failure":                {[]doctor.Result{failing, warning}, doctor.OutcomeFail, false, doctor.ExitFailed, 2},
		"after the time to wait":   {[]doctor.Result{failing}, doctor.OutcomeFail, true, doctor.ExitDeadline, 2},
		"an invalid configuration": {[]doctor.Result{invalid}, doctor.OutcomeFail, true, doctor.ExitConfig, 2},
		"nothing":                  {nil, doctor.OutcomeFail, false, doctor.ExitOK, 3},
	} {
		r := &doctor.Report{Results: row.results, FailOn: row.failOn, WaitOver: row.waitOver}
		if r.ExitCode() != row.exit || r.NagiosCode() != row.nagios || r.Success() != (row.exit == doctor.ExitOK) {
			t.Errorf("%s: exit code %d, nagios %d, success %t", name, r.ExitCode(), r.NagiosCode(), r.Success())
		}
	}
	r := sample()
	r.FailOn = doctor.OutcomeWarn
	if text := written(t, "junit", r); strings.Count(text, "<failure") != 2 {
		t.Error(text)
	}
}

// full is a writer with room for so many bytes.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAFullDiskIsReported(t *testing.T) {
	for format, write := range formats {
		size := len(written(t, format, sample()))
		for _, room := range []int{0, 40, size - 1} {
			if err := write(sample(), &full{room}); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d of %d bytes: %v", format, room, size, err)
			}
		}
	}
}

func TestEvidenceThatIsNoJSONIsReported(t *testing.T) {
	r := sample()
	r.Results[0].Evidence = []doctor.Fact{{Name: "odd", Value: func() {}}}
	if err := r.WriteJSON(io.Discard); err == nil {
		t.Error("a function was written as JSON")
	}
}

func TestTheContractNamesEveryFieldOfAReport(t *testing.T) {
	contract := readFile(t, "../docs/cli.md")
	for _, name := range doctor.DocumentFields() {
		if !regexp.MustCompile("`(checks\\[\\]\\.)?" + name + "`").MatchString(contract) {
			t.Errorf("docs/cli.md has no `%s`", name)
		}
	}
}
