// Package result holds what was measured, and says what can be said about it:
// medians, ratios inside a repeat, and how sure they are.
package result

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

// Cell is what all contestants are put through, one after the other.
type Cell struct {
	Workload string        // by name
	Link     time.Duration // that is added to a round trip
	Callers  int
}

func (c Cell) String() string {
	text := fmt.Sprintf("%s, %d callers", c.Workload, c.Callers)
	if c.Callers == 1 {
		text = c.Workload + ", 1 caller"
	}
	return text + Away(c.Link)
}

// Away says how far a server is, in the words that follow a comma; nothing for loopback.
func Away(link time.Duration) string {
	if link == 0 {
		return ""
	}
	return ", " + strconv.FormatFloat(float64(link)/float64(time.Millisecond), 'g', -1, 64) + " ms away"
}

// Row is one slice of one contestant.
type Row struct {
	Cell       Cell
	Contestant string // by name
	Repeat     int    // from 0; what has the same number was measured one after the other
	Sample     load.Sample
}

// Failure is a contestant that did not get through a slice.
type Failure struct {
	Cell       Cell
	Contestant string
	Repeat     int
	Reason     string
}

// Results are all rows of a run.
type Results struct {
	Rows     []Row
	Failures []Failure

	index map[series]map[int]load.Sample // by repeat
}

type series struct {
	cell       Cell
	contestant string
}

// Add adds a row.
func (r *Results) Add(row Row) {
	if r.index == nil {
		r.index = map[series]map[int]load.Sample{}
	}
	key := series{row.Cell, row.Contestant}
	if r.index[key] == nil {
		r.index[key] = map[int]load.Sample{}
	}
	r.index[key][row.Repeat] = row.Sample
	r.Rows = append(r.Rows, row)
}

// Fail adds a failure.
func (r *Results) Fail(f Failure) { r.Failures = append(r.Failures, f) }

// Cells are all cells with a row, in the order of workloads, links and callers.
func (r *Results) Cells() []Cell {
	place := map[string]int{}
	for i, w := range load.Workloads {
		place[w.Name] = i
	}
	seen := map[Cell]bool{}
	var cells []Cell
	for _, row := range r.Rows {
		if !seen[row.Cell] {
			seen[row.Cell] = true
			cells = append(cells, row.Cell)
		}
	}
	slices.SortFunc(cells, func(a, b Cell) int {
		return cmp.Or(
			cmp.Compare(place[a.Workload], place[b.Workload]),
			cmp.Compare(a.Link, b.Link),
			cmp.Compare(a.Callers, b.Callers))
	})
	return cells
}

// Has says whether a contestant got through any slice in a cell.
func (r *Results) Has(cell Cell, contestant string) bool {
	return len(r.index[series{cell, contestant}]) > 0
}

// Repeats is how often what was measured most often was measured.
func (r *Results) Repeats() int {
	most := 0
	for _, samples := range r.index {
		most = max(most, len(samples))
	}
	return most
}

// Median is the median of a figure over the repeats; false where there is none.
func (r *Results) Median(cell Cell, contestant string, metric load.Metric) (float64, bool) {
	var values []float64
	for _, s := range r.index[series{cell, contestant}] {
		if v := *metric.Of(&s); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return load.Unknown, false
	}
	return median(values), true
}

// Ratio divides a figure of one contestant by that of another, repeat by
// repeat: what the machine did meanwhile it did to both. Repeats that only one
// of them has are left out.
func (r *Results) Ratio(cell Cell, metric load.Metric, one, other string) Ratio {
	return r.ratio(metric, series{cell, one}, series{cell, other})
}

// RatioAcross divides a figure of a contestant in one cell by its figure in another.
func (r *Results) RatioAcross(contestant string, metric load.Metric, one, other Cell) Ratio {
	return r.ratio(metric, series{one, contestant}, series{other, contestant})
}

func (r *Results) ratio(metric load.Metric, one, other series) Ratio {
	var ratios []float64
	for repeat, a := range r.index[one] {
		b, ok := r.index[other][repeat]
		if !ok {
			continue
		}
		if ratio := *metric.Of(&a) / *metric.Of(&b); !math.IsNaN(ratio) {
			ratios = append(ratios, ratio)
		}
	}
	return newRatio(ratios)
}
