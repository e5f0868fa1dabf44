package doctor_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// configFor leads to a server.
func configFor(addr string, changes ...func(*redisconn.Config)) redisconn.Config {
	var cfg redisconn.Config
	cfg.Connection.Addrs = []string{addr}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// ids are the ids of the results with an outcome, with spaces between them.
func ids(r *doctor.Report, outcome doctor.Outcome) string {
	var found []string
	for _, result := range r.Results {
		if result.Outcome == outcome {
			found = append(found, result.ID)
		}
	}
	return strings.Join(found, " ")
}

// result is that of a check; the test ends where it was not made.
func result(t *testing.T, r *doctor.Report, id string) doctor.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.ID == id {
			return result
		}
	}
	t.Fatalf("%s was not made", id)
	return doctor.Result{}
}

// only makes these checks and those that they need.
func only(t *testing.T, names ...string) doctor.Options {
	t.Helper()
	checks, err := doctor.Select(names...)
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Options{Checks: checks}
}

// examined makes one check, with those that it needs, and returns its result.
func examined(t *testing.T, cfg redisconn.Config, id string) doctor.Result {
	t.Helper()
	return result(t, doctor.Run(t.Context(), cfg, only(t, id)), id)
}

// expect compares what came of a check, and looks for a text in its detail.
func expect(t *testing.T, r doctor.Result, outcome doctor.Outcome, detail string) {
	t.Helper()
	if r.Outcome != outcome || !strings.Contains(r.Detail, detail) {
		t.Errorf("%s: %s %q, want %s and %q", r.ID, r.Outcome, r.Detail, outcome, detail)
	}
}

// sound asserts that whatever is not well is told with what was seen, why it may
// be, and a command to type in which no place was left open that is known.
func sound(t *testing.T, r *doctor.Report) {
	t.Helper()
	for _, result := range r.Results {
		if result.Outcome != doctor.OutcomeFail && result.Outcome != doctor.OutcomeWarn {
			continue
		}
		if result.Detail == "" || result.Cause == "" || len(result.Evidence) == 0 {
			t.Errorf("%s: detail %q, cause %q, evidence %v", result.ID, result.Detail, result.Cause, result.Evidence)
		}
		commands := 0
		for _, step := range result.Fix {
			if step.Command != "" {
				commands++
			}
			if openPlace.MatchString(step.Command) {
				t.Errorf("%s: a place is left open in %q", result.ID, step.Command)
			}
		}
		if commands == 0 {
			t.Errorf("%s: there is nothing to type in %+v", result.ID, result.Fix)
		}
	}
}

// openPlace is a word that stands for an address, or a place that was not filled.
var openPlace = regexp.MustCompile(`\b(HOST|PORT|SENTINEL -p|USER|MASTER|NODE-ID)\b|[{}]`)

// command runs a command at a server, behind the doctor's back.
func command(t *testing.T, s *redisconntest.Server, args ...any) {
	t.Helper()
	if err := s.Client().Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// infoOf is INFO of a server, behind the doctor's back.
func infoOf(t *testing.T, s *redisconntest.Server) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for line := range strings.Lines(s.Client().Info(t.Context()).Val()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[key] = value
	}
	return fields
}
