package target_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// measured makes results: for each contestant a throughput for each repeat; p99
// is the thousandth part of its inverse.
func measured(cell result.Cell, figures map[string][]float64) *result.Results {
	r := &result.Results{}
	add(r, cell, figures)
	return r
}

func add(r *result.Results, cell result.Cell, figures map[string][]float64) {
	for name, each := range figures {
		for repeat, v := range each {
			r.Add(result.Row{Cell: cell, Contestant: name, Repeat: repeat, Sample: load.Sample{Throughput: v, P99: 1e-3 / v}})
		}
	}
}

func find(t *testing.T, name string) []target.Target {
	t.Helper()
	found, err := target.Find([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// only judges one target in the only cell there is.
func only(t *testing.T, name string, r *result.Results) target.Verdict {
	t.Helper()
	verdicts := target.Judge(find(t, name), r, target.PageDoubt)
	if len(verdicts) != 1 {
		t.Fatalf("%d verdicts, want one", len(verdicts))
	}
	return verdicts[0]
}

func TestATargetIsMissedOnlyWhereNoiseCannotExplainIt(t *testing.T) {
	rival := []float64{100, 100, 100, 100, 100, 100, 100}
	for _, tt := range []struct {
		name       string
		own        []float64
		page, gate target.State
	}{
		{"far above", []float64{110, 111, 112, 113, 114}, target.Met, target.Met},
		{"above, and twice below", []float64{90, 90, 112, 113, 114}, target.Met, target.Met},
		{"below, and once above", []float64{90, 91, 92, 93, 98}, target.Near, target.Open},
		{"five times below", []float64{90, 91, 92, 93, 94}, target.Missed, target.Open},
		{"seven times below", []float64{90, 91, 92, 93, 94, 95, 96}, target.Missed, target.Missed},
		{"seven times, and once above", []float64{90, 91, 92, 93, 94, 95, 98}, target.Near, target.Near},
		{"too seldom measured", []float64{90, 91, 92, 93}, target.Open, target.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := measured(result.Cell{Workload: "get", Callers: 1}, map[string][]float64{"redisconn": tt.own, "rueidis": rival})
			for doubt, want := range map[float64]target.State{target.PageDoubt: tt.page, target.GateDoubt: tt.gate} {
				v := target.Judge(find(t, "few-callers"), r, doubt)[0]
				if v.State != want {
					t.Errorf("with a doubt of %v it is %s, want %s (%+v)", doubt, v.State, want, v.Ratio)
				}
				if v.Undecided() != (want == target.Near || want == target.Open) {
					t.Errorf("with a doubt of %v, %s is undecided: %v", doubt, v.State, v.Undecided())
				}
			}
		})
	}
}

// With the best of each repeat for a rival, two rivals that are as fast as
// redisconn on average would beat it by being lucky in turns.
func TestTheBestRivalIsOneOfThem(t *testing.T) {
	r := measured(result.Cell{Workload: "get", Callers: 1}, map[string][]float64{
		"redisconn": {100, 100, 100, 100, 100},
		"rueidis":   {90, 120, 90, 120, 100},
		"radix":     {120, 90, 120, 90, 100},
	})
	if v := only(t, "few-callers", r); v.State != target.Met || v.Ratio.Median != 1 {
		t.Errorf("%s with %v against %s", v.State, v.Ratio.Median, v.Against)
	}
}

func TestTheStrongestRivalIsNamed(t *testing.T) {
	r := measured(result.Cell{Workload: "get", Callers: 8}, map[string][]float64{
		"redisconn":     {100, 100, 100, 100, 100},
		"rueidis":       {200, 200, 200, 200, 200},
		"redigo":        {150, 150, 150, 150, 150},
		"go-redis-auto": {400, 400, 400, 400, 400}, // has a target of its own
	})
	v := only(t, "some-callers", r)
	if v.Against != "rueidis" || v.Ratio.Median != 0.5 || v.State != target.Missed {
		t.Errorf("%s with %v against %s; want missed with 0.5 against rueidis", v.State, v.Ratio.Median, v.Against)
	}
}

func TestALowerP99IsBetter(t *testing.T) {
	r := measured(result.Cell{Workload: "set", Callers: 128}, map[string][]float64{
		"redisconn": {200, 200, 200, 200, 200},
		"rueidis":   {100, 100, 100, 100, 100},
	})
	if v := only(t, "p99", r); v.State != target.Met || v.Ratio.Median != 2 {
		t.Errorf("%s with %v for half the latency; want met with 2", v.State, v.Ratio.Median)
	}
}

func TestACollapseIsMeasuredFromTheOwnPeak(t *testing.T) {
	r := measured(result.Cell{Workload: "get", Callers: 2048}, map[string][]float64{"redisconn": {50, 50, 50, 50, 50}})
	add(r, result.Cell{Workload: "get", Callers: 128}, map[string][]float64{"redisconn": {100, 100, 100, 100, 100}})
	add(r, result.Cell{Workload: "get", Callers: 8}, map[string][]float64{"redisconn": {70, 70, 70, 70, 70}})
	add(r, result.Cell{Workload: "set", Callers: 8}, map[string][]float64{"redisconn": {900, 900, 900, 900, 900}})
	v := only(t, "no-collapse", r)
	if v.State != target.Missed || v.Ratio.Median != 0.5 || !strings.Contains(v.Against, "128") {
		t.Errorf("%s with %v against %s; want missed with 0.5 against 128 callers", v.State, v.Ratio.Median, v.Against)
	}
}

func TestATargetWithoutItsRivalIsNotMet(t *testing.T) {
	r := measured(result.Cell{Workload: "get", Callers: 1}, map[string][]float64{"redisconn": {100, 100, 100, 100, 100}})
	if v := only(t, "few-callers", r); v.State != target.Unmeasured {
		t.Errorf("%s without any rival", v.State)
	}
}

func TestAShareIsToldAndNotJudged(t *testing.T) {
	r := measured(result.Cell{Workload: "pipeline", Callers: 1}, map[string][]float64{"redisconn": {1}, "redis-benchmark": {10}})
	if v := only(t, "pipeline-share", r); v.State != target.Told || v.Ratio.Median != 0.1 || v.Undecided() {
		t.Errorf("%s with %v, undecided: %v", v.State, v.Ratio.Median, v.Undecided())
	}
}

func TestEveryTargetNamesContestantsAndWorkloadsThatExist(t *testing.T) {
	for _, target := range target.Targets {
		for _, name := range target.Workloads {
			if _, err := load.FindWorkload(name); err != nil {
				t.Errorf("%s: %v", target.Name, err)
			}
		}
		if target.Against != nil && !slices.ContainsFunc(contestant.All, target.Against) {
			t.Errorf("%s is about no contestant", target.Name)
		}
	}
}

func TestOnlyWhoIsNeededRuns(t *testing.T) {
	rueidis := target.Target{}
	for _, known := range target.Targets {
		if known.Name == "many-callers-rueidis" {
			rueidis = known
		}
	}
	judged := []target.Target{rueidis}
	var needed []string
	for _, about := range contestant.All {
		if target.Needs(judged, result.Cell{Workload: "get", Callers: 512}, about) {
			needed = append(needed, about.Name)
		}
		if target.Needs(judged, result.Cell{Workload: "pipeline", Callers: 1}, about) {
			t.Errorf("%s is needed in a cell that no target is about", about.Name)
		}
	}
	if !slices.Equal(needed, []string{"redisconn", "rueidis"}) {
		t.Errorf("needed are %v", needed)
	}
	subject := contestant.About{Name: contestant.SubjectName, Kind: contestant.Subject}
	elsewhere := result.Cell{Workload: "get", Callers: 8}
	if target.Needs(judged, elsewhere, subject) {
		t.Errorf("redisconn is needed in %s, which no target is about", elsewhere)
	}
	if !target.Needs(find(t, "no-collapse"), elsewhere, subject) {
		t.Errorf("redisconn is not needed in %s, which may be its peak", elsewhere)
	}
}

func TestAnUnknownTargetNamesThoseThatAreThere(t *testing.T) {
	if _, err := target.Find([]string{"p98"}); err == nil || !strings.Contains(err.Error(), "p99") {
		t.Errorf("the error is %v", err)
	}
}
