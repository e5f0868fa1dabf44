package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/link"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
	"github.com/redisconn/redisconn/benchmarks/internal/tournament"
)

// The relay's process is this program once more.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == link.Command {
		os.Exit(link.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// command runs the command with short slices.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"-slice", "20ms", "-warmup", "5ms"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestARunLeavesTablesAndFiles(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := command(t, "-out", dir, "-workloads", "get", "-callers", "1,4", "-links", "0,1ms",
		"-contestants", "redisconn,rueidis", "-repeats", "1")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, want := range []string{"GET, 64 B, 1 ms away", "rueidis", "CPU s/M", "targets: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
	if !strings.Contains(stderr, "whole: 8 slices") {
		t.Errorf("the progress is\n%s", stderr)
	}
	for _, name := range []string{"benchmarks.md", "benchmarks/results.csv", "benchmarks/throughput-get.svg", "benchmarks/p99-get-1ms.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// A page is made of a CSV as it was made of the run, so that its words can be
// changed without measuring again. Plots that no longer have their figures go.
func TestAPageIsMadeAgainOfItsCSV(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	stale := filepath.Join(second, "benchmarks", "p99-stale.svg")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "-out", first, "-workloads", "incr", "-callers", "2", "-contestants", "redisconn,redigo", "-repeats", "1"); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := command(t, "-out", second, "-render", filepath.Join(first, "benchmarks", "results.csv")); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, name := range []string{"benchmarks.md", "benchmarks/results.csv"} {
		want, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(second, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s became\n%s\nfrom\n%s", name, got, want)
		}
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the plot of another run is still there")
	}
}

// rendered makes the gate judge a CSV with the given throughputs.
func rendered(t *testing.T, own, rival float64) (code int, stdout string) {
	t.Helper()
	results := &result.Results{}
	cell := result.Cell{Workload: "pipeline", Callers: 1}
	for repeat := range gate.repeats {
		results.Add(result.Row{Cell: cell, Contestant: "redisconn", Repeat: repeat, Sample: load.Sample{Throughput: own, P99: 1}})
		results.Add(result.Row{Cell: cell, Contestant: "go-redis", Repeat: repeat, Sample: load.Sample{Throughput: rival, P99: 1}})
	}
	var table bytes.Buffer
	if err := result.WriteCSV(&table, nil, results); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "results.csv")
	if err := os.WriteFile(path, table.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "-gate", "-out", "", "-targets", "pipeline", "-render", path)
	if stderr != "" {
		t.Error(stderr)
	}
	return code, stdout
}

func TestTheGateFailsWhereATargetIsMissed(t *testing.T) {
	if code, stdout := rendered(t, 90, 100); code != exitFailed || !strings.Contains(stdout, "missed") {
		t.Errorf("exit code %d for 0.9 of the rival:\n%s", code, stdout)
	}
	if code, stdout := rendered(t, 98, 100); code != exitOK || !strings.Contains(stdout, "1 met") {
		t.Errorf("exit code %d for 0.98 of the rival:\n%s", code, stdout)
	}
}

func TestTheGateMeasuresOnlyWhatItsTargetsNeed(t *testing.T) {
	code, stdout, stderr := command(t, "-gate", "-out", "", "-targets", "many-callers-rueidis", "-callers", "128", "-workloads", "get", "-repeats", "2")
	if code != exitOK && code != exitFailed {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if !strings.Contains(stderr, "gate: 4 slices") {
		t.Errorf("the progress is\n%s", stderr)
	}
	if !strings.Contains(stdout, "get, 128 callers") || !strings.Contains(stdout, "≥ 1.50") {
		t.Errorf("the verdict is\n%s", stdout)
	}
}

func TestAnInterruptedRunReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	// The second line of progress comes when the first tenth is done.
	stderr := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), " 50 %") {
			cancel()
		}
		return len(p), nil
	})
	dir := t.TempDir()
	code := run(ctx, []string{"-slice", "20ms", "-warmup", "5ms", "-out", dir, "-workloads", "get", "-callers", "1", "-links", "0",
		"-contestants", "redisconn,redigo", "-repeats", "1"}, &out, stderr)
	if code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	table, err := os.ReadFile(filepath.Join(dir, "benchmarks", "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(table), "get,0,1,redisconn,0,") || strings.Contains(string(table), "get,0,1,redigo,0,") {
		t.Errorf("the CSV is\n%s", table)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestACommandLineThatMakesNoSenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-workloads", "gett"},
		{"-contestants", "hiredis"},
		{"-callers", "0"},
		{"-callers", "many"},
		{"-links", "-1ms"},
		{"-links", "far"},
		{"-heap", "-1"},
		{"-heap", "4097"},
		{"-targets", "p98"},
		{"-quick", "-gate"},
		{"-repeats", "-1"},
		{"get"},
		{"-no-such-flag"},
	} {
		if code, _, stderr := command(t, args...); code != exitUsage || stderr == "" {
			t.Errorf("%v: exit code %d, told %q", args, code, stderr)
		}
	}
}

func TestProfilesMeasureWhatTheyName(t *testing.T) {
	for _, p := range []profile{whole, quick, gate} {
		cells := p.cells(settings{})
		if len(cells) == 0 {
			t.Errorf("%s measures nothing", p.name)
		}
		for _, cell := range cells {
			if _, err := load.FindWorkload(cell.Workload); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
	if most := gate.most; most < gate.repeats {
		t.Errorf("the gate repeats %d times and %d at most", gate.repeats, most)
	}
}

// On a terminal progress is one line: it is cleared, drawn anew, and gone before something else is said.
func TestOnATerminalProgressIsOneLine(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.terminal, p.now = true, func() time.Time { return time.Unix(0, 0) }
	p.start(2, time.Minute, true)
	p.step(tournament.Step{Cell: result.Cell{Workload: "get", Callers: 8}, Contestant: contestant.About{Title: "redigo"}})
	p.say("done")
	want := "\r\x1b[K" + strings.Repeat("░", barWidth) + "   0 %  1m0s left  round 1: get, 8 callers: redigo" + "\r\x1b[Kdone\n"
	if out.String() != want {
		t.Errorf("told %q, want %q", out.String(), want)
	}
}

func TestACPUProfileIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.prof")
	code, _, stderr := command(t, "-out", "", "-workloads", "get", "-callers", "1", "-links", "0",
		"-contestants", "redisconn", "-repeats", "1", "-cpuprofile", path)
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the profile is %v, %v", info, err)
	}
}

func TestABusyMachineIsTold(t *testing.T) {
	for average, want := range map[string]bool{"": false, "0.00": false, "1000.5": true} {
		env := result.Environment{{Name: factLoad, Value: average}}
		if told := busy(env); (told != "") != want {
			t.Errorf("with a load of %q it is told %q", average, told)
		}
	}
}

// A target that no cell of the gate is about would be met by never being looked at.
func TestTheGateMeasuresACellOfEveryTarget(t *testing.T) {
	cells := gate.cells(settings{})
	for _, goal := range target.Targets {
		if !slices.ContainsFunc(goal.Cells(), func(cell result.Cell) bool { return slices.Contains(cells, cell) }) {
			t.Errorf("no cell of the gate is about %s", goal.Name)
		}
	}
}

// A cell is measured again when its verdict is open, and with a peak every cell that could be the peak.
func TestWhatIsUndecidedIsMeasuredAgain(t *testing.T) {
	cells := gate.cells(settings{})
	verdict := func(name string, cell result.Cell, state target.State) target.Verdict {
		found, err := target.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		return target.Verdict{Target: found[0], Cell: cell, State: state}
	}
	get8, set8 := result.Cell{Workload: "get", Callers: 8}, result.Cell{Workload: "set", Callers: 8}
	get2048 := result.Cell{Workload: "get", Callers: 2048}
	for _, tt := range []struct {
		name     string
		verdicts []target.Verdict
		cells    int
		targets  int
	}{
		{"all met or missed", []target.Verdict{verdict("p99", get8, target.Missed), verdict("p99", set8, target.Met)}, 0, 0},
		{"one is near", []target.Verdict{verdict("some-callers", get8, target.Near), verdict("some-callers", set8, target.Met)}, 1, 1},
		{"two of one target", []target.Verdict{verdict("some-callers", get8, target.Near), verdict("some-callers", set8, target.Open)}, 2, 1},
		{"a peak", []target.Verdict{verdict("no-collapse", get2048, target.Near)}, 6, 1},
	} {
		again, undecided := open(tt.verdicts, cells)
		if len(again) != tt.cells || len(undecided) != tt.targets {
			t.Errorf("%s: %v again for %d targets; want %d cells and %d targets", tt.name, again, len(undecided), tt.cells, tt.targets)
		}
	}
}

func TestFlagsRestrictAProfile(t *testing.T) {
	cells := whole.cells(settings{workloads: []string{"set"}, callers: []int{3}, links: []time.Duration{time.Millisecond}})
	want := []result.Cell{{Workload: "set", Link: time.Millisecond, Callers: 3}}
	if !slices.Equal(cells, want) {
		t.Errorf("the cells are %v, want %v", cells, want)
	}
	if got := quick.cells(settings{workloads: []string{"incr"}}); len(got) != len(quick.blocks[0].callers) {
		t.Errorf("a workload that the profile lacks has the cells %v", got)
	}
}

func TestProgressGuessesTheRestFromWhatWasDone(t *testing.T) {
	now := time.Unix(0, 0)
	var out bytes.Buffer
	p := newProgress(&out)
	p.now = func() time.Time { return now }
	p.start(4, time.Minute, false)
	step := tournament.Step{Cell: result.Cell{Workload: "get", Callers: 1}, Contestant: contestant.About{Title: "redigo"}}
	for range 4 {
		p.step(step)
		now = now.Add(10 * time.Second)
	}
	want := "  0 %  1m0s left  round 1: get, 1 caller: redigo\n" +
		" 25 %  30s left  round 1: get, 1 caller: redigo\n" +
		" 50 %  20s left  round 1: get, 1 caller: redigo\n" +
		" 75 %  10s left  round 1: get, 1 caller: redigo\n"
	if out.String() != want {
		t.Errorf("told\n%s\nwant\n%s", out.String(), want)
	}
}
