package result_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

var cell = result.Cell{Workload: "get", Callers: 8}

// throughputs makes results of one figure for each repeat.
func throughputs(figures map[string][]float64) *result.Results {
	r := &result.Results{}
	for contestant, each := range figures {
		for repeat, v := range each {
			r.Add(result.Row{Cell: cell, Contestant: contestant, Repeat: repeat, Sample: load.Sample{Throughput: v}})
		}
	}
	return r
}

// A machine that was three times slower in one repeat was so for both, and the
// ratio does not see it. Medians taken first would: 200 to 90.
func TestARatioIsTakenInsideARepeat(t *testing.T) {
	r := throughputs(map[string][]float64{
		"one":   {200, 60, 66, 210, 205},
		"other": {100, 30, 33, 105, 90},
	})
	ratio := r.Ratio(cell, load.Throughput, "one", "other")
	if ratio.Median != 2 || ratio.Repeats != 5 {
		t.Errorf("the ratio is %v of %d repeats, want 2 of 5", ratio.Median, ratio.Repeats)
	}
}

func TestRepeatsThatOneSideLacksDoNotCount(t *testing.T) {
	r := throughputs(map[string][]float64{"one": {100, 300}, "other": {100}})
	if ratio := r.Ratio(cell, load.Throughput, "one", "other"); ratio.Median != 1 || ratio.Repeats != 1 {
		t.Errorf("the ratio is %v of %d repeats, want 1 of 1", ratio.Median, ratio.Repeats)
	}
	if ratio := r.Ratio(cell, load.Throughput, "one", "nobody"); ratio.Known() || !math.IsNaN(ratio.Median) {
		t.Errorf("there is a ratio to nobody: %v", ratio)
	}
}

// How many values may be left out at either end follows from the binomial
// distribution; these are from its tables, for a confidence of 92 %.
func TestTheIntervalLeavesOutWhatItsConfidenceAllows(t *testing.T) {
	for repeats, want := range map[int]struct{ low, high float64 }{
		1:  {1, 1},
		2:  {1, 2},
		5:  {1, 5},
		7:  {1, 7},
		8:  {2, 7},
		11: {3, 9},
		15: {4, 12},
	} {
		var one, other []float64
		for i := range repeats {
			one, other = append(one, float64(i+1)), append(other, 1)
		}
		ratio := throughputs(map[string][]float64{"one": one, "other": other}).Ratio(cell, load.Throughput, "one", "other")
		if ratio.Low != want.low || ratio.High != want.high {
			t.Errorf("the interval of 1 to %d is %v to %v, want %v to %v", repeats, ratio.Low, ratio.High, want.low, want.high)
		}
	}
}

// From the tables of the binomial distribution: how often as few of so many throws are heads.
func TestDoubtIsThatOfASignTest(t *testing.T) {
	for _, tt := range []struct {
		ratios []float64
		want   float64
	}{
		{[]float64{0.9, 0.9, 0.9, 0.9, 0.9}, 0.03125},
		{[]float64{0.9, 0.9, 0.9, 0.9, 1}, 0.1875},
		{[]float64{0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9}, 0.0078125},
		{[]float64{0.9, 1.1, 0.9, 1.1, 1.1}, 0.8125},
		{[]float64{1, 1, 1}, 1},
	} {
		ones := make([]float64, len(tt.ratios))
		for i := range ones {
			ones[i] = 1
		}
		ratio := throughputs(map[string][]float64{"one": tt.ratios, "other": ones}).Ratio(cell, load.Throughput, "one", "other")
		if got := ratio.Doubt(1); got != tt.want {
			t.Errorf("the doubt that %v are below 1 is %v, want %v", tt.ratios, got, tt.want)
		}
	}
}

func TestAMedianLeavesOutWhatIsNotKnown(t *testing.T) {
	r := throughputs(map[string][]float64{"one": {3, load.Unknown, 1, 2, load.Unknown, 4}})
	if median, known := r.Median(cell, "one", load.Throughput); median != 2.5 || !known {
		t.Errorf("the median is %v, %v; want 2.5", median, known)
	}
	if _, known := r.Median(cell, "nobody", load.Throughput); known {
		t.Error("nobody has a median")
	}
}

func TestAPeakIsComparedInsideARepeat(t *testing.T) {
	far := result.Cell{Workload: "get", Callers: 2048}
	r := throughputs(map[string][]float64{"one": {100, 50}})
	for repeat, v := range []float64{80, 40} {
		r.Add(result.Row{Cell: far, Contestant: "one", Repeat: repeat, Sample: load.Sample{Throughput: v}})
	}
	if ratio := r.RatioAcross("one", load.Throughput, far, cell); ratio.Low != 0.8 || ratio.High != 0.8 {
		t.Errorf("the ratio is %v, want 0.8 in both repeats", ratio)
	}
}

func TestCellsComeInTheOrderOfWorkloadsLinksAndCallers(t *testing.T) {
	want := []result.Cell{
		{Workload: "get", Callers: 2}, {Workload: "get", Callers: 10},
		{Workload: "get", Link: time.Millisecond, Callers: 1},
		{Workload: "pipeline", Callers: 1},
	}
	r := &result.Results{}
	for _, i := range []int{3, 1, 2, 0, 1} {
		r.Add(result.Row{Cell: want[i], Contestant: "one"})
	}
	if got := r.Cells(); !reflect.DeepEqual(got, want) {
		t.Errorf("the cells are %v, want %v", got, want)
	}
}

func TestACSVIsReadAsItWasWritten(t *testing.T) {
	env := result.Environment{{Name: "command", Value: "go run . -links 0,1ms"}, {Name: "cores", Value: "2"}}
	want := &result.Results{}
	want.Add(result.Row{
		Cell: result.Cell{Workload: "get", Link: 1500 * time.Microsecond, Callers: 8}, Contestant: "redisconn", Repeat: 3,
		Sample: load.Sample{Throughput: 12345.6, P50: 1e-5, P99: 2e-5, P999: 0.0123, CPU: 9.5, Allocs: 7, Bytes: 300, Goroutines: 2, Memory: 4e6},
	})
	want.Fail(result.Failure{Cell: cell, Contestant: "radix", Repeat: 1, Reason: "GET: it said:\nno, never"})
	var file bytes.Buffer
	if err := result.WriteCSV(&file, env, want); err != nil {
		t.Fatal(err)
	}
	gotEnv, got, err := result.ReadCSV(&file)
	if err != nil {
		t.Fatal(err)
	}
	want.Failures[0].Reason = "GET: it said: no, never" // a comment is one line
	if !reflect.DeepEqual(gotEnv, env) || !reflect.DeepEqual(got.Rows, want.Rows) || !reflect.DeepEqual(got.Failures, want.Failures) {
		t.Errorf("read %v %v %v", gotEnv, got.Rows, got.Failures)
	}
}

func TestWhatIsNotKnownIsEmptyInTheCSV(t *testing.T) {
	r := throughputs(map[string][]float64{"one": {1}})
	r.Rows[0].Sample.Allocs = load.Unknown
	var file bytes.Buffer
	if err := result.WriteCSV(&file, nil, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(file.String(), "get,0,8,one,0,1,0,0,0,0,,0,0,0\n") {
		t.Errorf("wrote %s", file.String())
	}
	_, got, err := result.ReadCSV(&file)
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(got.Rows[0].Sample.Allocs) {
		t.Errorf("read %v allocations", got.Rows[0].Sample.Allocs)
	}
}

func TestABrokenCSVIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"other columns":     "a,b\n1,2\n",
		"a fact without :":  "# nothing\n",
		"a failure of less": "# failed: get,0: no\n",
	} {
		if _, _, err := result.ReadCSV(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}
