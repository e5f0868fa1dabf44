package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/report"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
	"github.com/redisconn/redisconn/internal/golden"
)

func plain(_ report.Style, text string) string { return text }

// recorded is a run as its CSV tells it.
func recorded(t *testing.T) (result.Environment, *result.Results) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env, results, err := result.ReadCSV(file)
	if err != nil {
		t.Fatal(err)
	}
	return env, results
}

func TestThePageIsAsTheGoldenFileHasIt(t *testing.T) {
	env, results := recorded(t)
	var page bytes.Buffer
	if err := report.Page(&page, "benchmarks", env, results); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "page.golden.md", page.Bytes())
}

func TestTheTerminalsTablesAreAsTheGoldenFileHasThem(t *testing.T) {
	_, results := recorded(t)
	var out bytes.Buffer
	report.Terminal(&out, results, plain)
	report.Verdicts(&out, target.Judge(target.Targets, results, target.PageDoubt), plain)
	golden.Check(t, "terminal.golden", out.Bytes())
}

func TestAPlotIsAsTheGoldenFileHasIt(t *testing.T) {
	_, results := recorded(t)
	plots, err := report.Plots(results)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "throughput-get.golden.svg", plots["throughput-get.svg"])
}

func TestThereIsAPlotOfEachCurveAndEachIsXML(t *testing.T) {
	_, results := recorded(t)
	plots, err := report.Plots(results)
	if err != nil {
		t.Fatal(err)
	}
	// The pipeline and the long link were measured with one number of callers.
	for _, name := range []string{"throughput-get.svg", "p99-get.svg"} {
		if plots[name] == nil {
			t.Errorf("no plot %s", name)
		}
	}
	if len(plots) != 2 {
		t.Errorf("%d plots, want 2", len(plots))
	}
	for name, svg := range plots {
		decoder := xml.NewDecoder(bytes.NewReader(svg))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !bytes.Contains(svg, []byte("prefers-color-scheme:dark")) {
			t.Errorf("%s has no colours for dark pages", name)
		}
	}
}

// redis-benchmark once reported a throughput of "inf" for a run that took it no
// millisecond, and the plot looked for the ticks between there and here until
// the machine had no memory left.
func TestAnInfiniteFigureIsNotPlotted(t *testing.T) {
	_, results := recorded(t)
	infinite := 1.0
	for range 2000 {
		infinite *= 10
	}
	for repeat := range 5 {
		results.Add(result.Row{
			Cell: result.Cell{Workload: "get", Callers: 2048}, Contestant: "redigo", Repeat: repeat,
			Sample: load.Sample{Throughput: infinite, P99: 1e-3},
		})
	}
	plots, err := report.Plots(results)
	if err != nil {
		t.Fatal(err)
	}
	if svg := string(plots["throughput-get.svg"]); strings.Contains(svg, "redigo, 2048") {
		t.Error("the throughput without end is in the plot")
	}
}

// The text that says who wins must not be written by hand: with the figures of
// redisconn and a rival exchanged, it says the opposite.
func TestThePageNamesTheRivalThatIsAhead(t *testing.T) {
	for _, tt := range []struct {
		name             string
		redisconn, other float64
		want             string
	}{
		{"behind", 100, 200, "By throughput no rival is ahead in 0 of 1 cells, and these are in others:\n\n| ahead | in | callers | by up to |\n| --- | ---: | ---: | ---: |\n| rueidis | GET, 64 B | 8 | 2.00× |\n"},
		{"ahead", 200, 100, "By throughput no rival is ahead in 1 of 1 cells.\n"},
		{"level", 100, 101, "By throughput no rival is ahead in 1 of 1 cells.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			results := &result.Results{}
			cell := result.Cell{Workload: "get", Callers: 8}
			for repeat := range result.FewestRepeats {
				results.Add(result.Row{Cell: cell, Contestant: "redisconn", Repeat: repeat, Sample: load.Sample{Throughput: tt.redisconn, P99: 1}})
				results.Add(result.Row{Cell: cell, Contestant: "rueidis", Repeat: repeat, Sample: load.Sample{Throughput: tt.other, P99: 1}})
			}
			var page bytes.Buffer
			if err := report.Page(&page, "benchmarks", nil, results); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(page.String(), tt.want) {
				t.Errorf("the page does not say %q:\n%s", tt.want, page.String())
			}
		})
	}
}

func TestCallersInARowAreARange(t *testing.T) {
	results := &result.Results{}
	for _, callers := range []int{1, 2, 4, 8, 32, 128, 512} {
		rival := 200.0
		if callers == 4 || callers == 128 {
			rival = 50 // redisconn is ahead
		}
		cell := result.Cell{Workload: "get", Callers: callers}
		for repeat := range result.FewestRepeats {
			results.Add(result.Row{Cell: cell, Contestant: "redisconn", Repeat: repeat, Sample: load.Sample{Throughput: 100, P99: 1}})
			results.Add(result.Row{Cell: cell, Contestant: "rueidis", Repeat: repeat, Sample: load.Sample{Throughput: rival, P99: 1}})
			if callers < 128 {
				results.Add(result.Row{Cell: cell, Contestant: "redigo", Repeat: repeat, Sample: load.Sample{Throughput: 200, P99: 1}})
			}
		}
	}
	var page bytes.Buffer
	if err := report.Page(&page, "benchmarks", nil, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| rueidis | GET, 64 B | 1, 2, 8, 32, 512 |", "| redigo | GET, 64 B | 1 to 32 |"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q:\n%s", want, page.String())
		}
	}
}
