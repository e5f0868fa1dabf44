package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

// examinedDocument is what scripts read of a report.
type examinedDocument struct {
	Success  bool            `json:"success"`
	ExitCode int             `json:"exit_code"`
	Counts   map[string]int  `json:"counts"`
	Checks   []examinedCheck `json:"checks"`
}

type examinedCheck struct {
	ID     string          `json:"id"`
	Result string          `json:"result"`
	Detail string          `json:"detail"`
	Class  string          `json:"class"`
	Fix    []doctor.Remedy `json:"fix"`
}

// command is the first thing that the check says to type.
func (c examinedCheck) command() string { return doctor.Result{Fix: c.Fix}.Command() }

// root is the only check that failed.
func (d examinedDocument) root(t *testing.T) examinedCheck {
	t.Helper()
	var failed []examinedCheck
	for _, c := range d.Checks {
		if c.Result == "fail" {
			failed = append(failed, c)
		}
	}
	if len(failed) != 1 {
		t.Fatalf("these fail: %+v", failed)
	}
	return failed[0]
}

// diagnosed runs doctor -o json and returns what it says.
func diagnosed(t *testing.T, run call, args ...string) (examinedDocument, outcome) {
	t.Helper()
	o := run.run(t, append([]string{"doctor", "-o", "json"}, args...)...)
	var document examinedDocument
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil {
		t.Fatalf("%v\n%s%s", err, o.stdout, o.stderr)
	}
	return document, o
}

// of is the result of a check.
func (d examinedDocument) of(id string) string {
	for _, c := range d.Checks {
		if c.ID == id {
			return c.Result
		}
	}
	return ""
}

// tableReport is a report whose every row is known.
func tableReport() *doctor.Report {
	at := func(id string, layer doctor.Layer, title string, outcome doctor.Outcome, detail string) doctor.Result {
		return doctor.Result{ID: id, Layer: layer, Title: title, Outcome: outcome, Took: time.Millisecond, Detail: detail}
	}
	lint := at("RC-C011", doctor.LayerConfig, "timeouts.read is as it is usually meant", doctor.OutcomeWarn, "4s is longer than timeouts.operation, which is 3s")
	lint.Quiet, lint.Cause = true, "it is allowed, and seldom meant"
	lint.Evidence = []doctor.Fact{{Name: "source", Value: "env REDIS_READ_TIMEOUT"}}
	lint.Fix = []doctor.Remedy{{Text: "lower timeouts.read, or raise timeouts.operation"}}
	fine := at("RC-C012", doctor.LayerConfig, "timeouts.write is as it is usually meant", doctor.OutcomePass, "")
	fine.Quiet = true
	name := at("RC-N001", doctor.LayerDNS, "the host's name resolves", doctor.OutcomeSkip, "10.0.0.7 is an address")
	name.Moot = true
	refused := at("RC-A002", doctor.LayerAuth, "the server accepts the user and the password", doctor.OutcomeFail, "WRONGPASS invalid username-password pair or user is disabled.")
	refused.Evidence = []doctor.Fact{{Name: "address", Value: "10.0.0.7:6379"}, {Name: "user", Value: "app"}, {Name: "attempts", Value: 1}}
	refused.Class, refused.Cause = "auth", "a password that was rotated here or there, a user that does not exist or is off"
	refused.Fix = []doctor.Remedy{{Text: "see the user as an administrator", Command: "redis-cli -h 10.0.0.7 -p 6379 --user ADMIN --askpass ACL GETUSER app"}}
	welcome := at("RC-A003", doctor.LayerAuth, "the user may do what every connection begins with", doctor.OutcomeSkip, "needs RC-A002")
	welcome.Root = refused.ID
	answer := at("RC-H010", doctor.LayerHandshake, "the server answers commands", doctor.OutcomeSkip, "needs RC-H003")
	answer.Root = refused.ID
	asked := at("RC-S008", doctor.LayerServer, "protected mode is on where there is no password", doctor.OutcomeSkip, "the user may not run CONFIG GET protected-mode")
	return &doctor.Report{Target: "10.0.0.7:6379", Took: time.Second, FailOn: doctor.OutcomeFail, Results: []doctor.Result{
		at("RC-C000", doctor.LayerConfig, "the configuration is valid", doctor.OutcomePass, "the configuration is valid: 3 of 39 fields set, the rest by default"),
		lint, fine, name,
		at("RC-N010", doctor.LayerTCP, "the address takes connections", doctor.OutcomePass, "tcp connection to 10.0.0.7:6379"),
		refused, welcome, answer, asked,
	}}
}

func printedTable(report *doctor.Report, bundled bool) string {
	var out bytes.Buffer
	a := newApp(nil, nil, &out, &out)
	table := &doctorTable{a: a, c: a.stdout}
	for _, r := range report.Results {
		table.print(r)
	}
	table.end(report, bundled)
	return out.String()
}

func TestDoctorGolden(t *testing.T) {
	report := tableReport()
	golden.Check(t, "doctor.golden", printedTable(report, false))
	golden.Check(t, "doctor-explain.golden", invoke(t, "doctor", "--explain", "rc-p012").expect(t, exitOK).stdout)
	golden.Check(t, "doctor-list.golden", invoke(t, "doctor", "--list-checks").expect(t, exitOK).stdout)
	if text := printedTable(report, true); strings.Contains(text, "--bundle") {
		t.Errorf("a bundle that was written is advised:\n%s", text)
	}
	report.Results = report.Results[:1]
	if text := printedTable(report, false); !strings.Contains(text, "√ all is well: 1 passed, in 1s") {
		t.Error(text)
	}
}

// The page showed evidence that the doctor never printed, because its sample was made
// by hand.
func TestTheSampleOfDoctorIsARealRunGolden(t *testing.T) {
	guarded := redisconntest.NewServer(t, redisconntest.WithUser("app", "right"))
	run := call{env: []string{"REDIS_PASSWORD=wrong", "REDIS_READ_TIMEOUT=4s"}}
	o := run.run(t, "doctor", "--addrs", guarded.Addr(), "--username", "app", "--only", "config,auth").expect(t, exitFailed)
	golden.Check(t, "doctor-password.golden", regexp.MustCompile(`took \S+`).ReplaceAllString(anyPort(o.stdout), "took 1.5ms"))
}

func TestDoctorPrintsTheRowsOfARealServer(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := passwordServer(t, "right")
	o := call{env: []string{"REDIS_PASSWORD=right"}}.run(t, "doctor", "--addrs", server.Addr(), "--can", "get,set cache:*").expect(t, exitOK)
	for _, line := range []string{
		"config\n  √ the configuration is valid: 2 of ", "\ntcp\n  √ tcp connection to ", "\nacl\n  √ user default may do all 2 things",
		"\ntopology\n  √ the server is standalone, as configured", "\nlatency\n", "\nserver\n", "\nclock\n", "\nclient\n", " passed, ",
	} {
		if !strings.Contains(o.stdout, line) {
			t.Errorf("no %q in\n%s", line, o.stdout)
		}
	}
	if o.stderr != "" {
		t.Errorf("on standard error: %q", o.stderr)
	}
}

func TestDoctorWritesEveryFormat(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	for format, want := range map[string]struct {
		code   int
		prefix string
	}{
		"short": {exitFailed, "fail RC-N010 "}, "json": {exitFailed, "{\n  \"success\": false"}, "junit": {exitFailed, "<?xml"},
		"prometheus": {exitOK, "# HELP redisconn_doctor_success"}, "nagios": {2, "REDIS CRITICAL - " + addr}, "table": {exitFailed, "config\n"},
	} {
		if o := invoke(t, "doctor", "--addrs", addr, "-o", format).expect(t, want.code); !strings.HasPrefix(o.stdout, want.prefix) {
			t.Errorf("%s: %s", format, o.stdout)
		}
	}
}

func TestDoctorEndsAsItsContractSays(t *testing.T) {
	server := redisconntest.NewServer(t)
	refusing := redisconntest.ReserveAddr(t)
	warned := call{env: []string{"REDIS_READ_TIMEOUT=4s"}}
	for name, row := range map[string]struct {
		run  call
		args []string
		code int
	}{
		"well":                  {call{}, []string{"--addrs", server.Addr()}, exitOK},
		"warnings":              {warned, []string{"--addrs", server.Addr(), "--only", "config"}, exitOK},
		"warnings that count":   {warned, []string{"--addrs", server.Addr(), "--only", "config", "--fail-on", "warn"}, exitFailed},
		"nobody there":          {call{}, []string{"--addrs", refusing}, exitFailed},
		"nobody there in time":  {call{}, []string{"--addrs", refusing, "--wait", "300ms"}, exitDeadline},
		"not asked":             {call{}, []string{"--addrs", refusing, "--offline"}, exitOK},
		"invalid configuration": {call{}, []string{"--pool-size", "0"}, exitUsage},
		"no such format":        {call{}, []string{"-o", "yaml"}, exitUsage},
		"no such layer":         {call{}, []string{"--only", "tsl"}, exitUsage},
		"no such check":         {call{}, []string{"--explain", "RC-X999"}, exitUsage},
		"no such outcome":       {call{}, []string{"--fail-on", "skip"}, exitUsage},
		"no permission":         {call{}, []string{"--can", ","}, exitUsage},
		"no instances":          {call{}, []string{"--instances", "0"}, exitUsage},
		"too many instances":    {call{}, []string{"--addrs", server.Addr(), "--instances", "90000", "--only", "RC-S003"}, exitFailed},
		"no time":               {call{}, []string{"--per-check", "0s"}, exitUsage},
		"too much time":         {call{}, []string{"--wait", "100h"}, exitUsage},
		"two passwords":         {call{}, []string{"--password", "a", "--password-file", "b"}, exitUsage},
	} {
		o := row.run.run(t, append([]string{"doctor"}, row.args...)...)
		if o.code != row.code {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, o.code, row.code, o.stdout, o.stderr)
		}
	}
}

func TestDoctorMakesTheChecksThatAreAskedFor(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~cache:*", "+@all"))
	inEnv := call{env: []string{"REDIS_PASSWORD=secret"}}
	document, o := diagnosed(t, inEnv, "--addrs", server.Addr(), "--username", "app", "--only", "acl,RC-K001", "--can", "get cache:*", "--can", "get session:*", "--per-check", "20s")
	o.expect(t, exitFailed)
	if document.of("RC-L001") != "fail" || document.of("RC-K001") != "pass" || document.of("RC-S002") != "" || document.Counts["fail"] != 1 || document.ExitCode != exitFailed {
		t.Errorf("%+v", document)
	}
}

func TestDoctorWaitsForAServerThatComesLate(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	waiting := make(chan struct{})
	told := &signalWriter{prefix: "waiting: nothing listens", seen: waiting}
	ended := make(chan outcome)
	go func() {
		watched := call{setup: func(a *app) { a.stderr = newConsole(told, nil) }}
		ended <- watched.run(t, "doctor", "--addrs", addr, "--wait", "30s", "--only", "handshake")
	}()
	<-waiting
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	(<-ended).expect(t, exitOK)
}

func TestDoctorWritesABundleForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doctor.zip")
	server := passwordServer(t, "cAnaRy/7x")
	o := call{env: []string{"REDIS_PASSWORD=cAnaRy/7x"}}.run(t, "doctor", "--addrs", server.Addr(), "--bundle", path).expect(t, exitOK)
	if !strings.Contains(o.stderr, "written to "+path) {
		t.Errorf("%q", o.stderr)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) < 5 || archive.Close() != nil {
		t.Errorf("%d files", len(archive.File))
	}
	o = invoke(t, "doctor", "--addrs", server.Addr(), "--offline", "--bundle", filepath.Join(path, "in", "a", "file")).expect(t, exitFailed)
	if !strings.Contains(o.stderr, "not a directory") {
		t.Errorf("%q", o.stderr)
	}
}

// /dev/full takes nothing, as a disk that is full.
func TestDoctorSaysWhereItsBundleFoundNoRoom(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	o := invoke(t, "doctor", "--offline", "--bundle", "/dev/full").expect(t, exitFailed)
	if !strings.Contains(o.stderr, "no space left") {
		t.Errorf("%q", o.stderr)
	}
}

func TestDoctorThatIsInterruptedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	a := newApp(nil, strings.NewReader(""), &stdout, &stderr)
	cancel()
	if code := a.run(ctx, []string{"redisconn", "doctor", "--addrs", redisconntest.ReserveAddr(t)}); code != exitInterrupted {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
	if strings.Contains(stdout.String(), "√") || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("%s%s", stdout.String(), stderr.String())
	}
}

// What goes on is for a terminal; elsewhere it would be sixty lines.
func TestDoctorShowsOnATerminalWhatItChecks(t *testing.T) {
	var progress bytes.Buffer
	onTerminal := call{setup: func(a *app) { a.stderr = &console{w: &progress, terminal: true} }}
	onTerminal.run(t, "doctor", "--offline").expect(t, exitOK)
	if text := progress.String(); !strings.Contains(text, "checking that the configuration is valid") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("%q", text)
	}
}
