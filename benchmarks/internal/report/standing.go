package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// even is how near two contestants must be to count as level: 3 %, the measure of the targets.
const even = 0.97

// standing is redisconn beside its strongest rival in a cell.
type standing struct {
	rival contestant.About
	ratio result.Ratio // above 1: redisconn is better
}

// ahead says whether the rival is ahead by more than noise and more than 3 %:
// the whole interval of the ratio says so.
func (s standing) ahead() bool { return s.ratio.Known() && s.ratio.High < even }

// standingIn compares with the rival against which redisconn looks worst.
func standingIn(r *result.Results, cell result.Cell, metric load.Metric) standing {
	var worst standing
	for _, about := range contestant.All {
		if about.Kind != contestant.Rival {
			continue
		}
		ratio := target.Advantage(r, cell, metric, about.Name)
		if ratio.Known() && (!worst.ratio.Known() || ratio.Median < worst.ratio.Median) {
			worst = standing{about, ratio}
		}
	}
	return worst
}

// standings has a row for each workload and a column for each number of
// callers: the ratio to the strongest rival, and who that is.
func standings(r *result.Results, metric load.Metric) Table {
	callers := callersOf(r)
	t := Table{Columns: []string{metric.Title + ", by callers"}}
	for _, n := range callers {
		t.Columns = append(t.Columns, strconv.Itoa(n))
	}
	for _, g := range groups(r) {
		row := Line{Cells: []Field{{Text: g.title()}}}
		for _, n := range callers {
			cell := result.Cell{Workload: g.workload.Name, Link: g.link, Callers: n}
			field := Field{}
			if s := standingIn(r, cell, metric); s.ratio.Known() {
				field = Field{Text: times(s.ratio.Median) + " " + s.rival.Title, Best: s.ratio.Median >= even}
			}
			row.Cells = append(row.Cells, field)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func callersOf(r *result.Results) []int {
	var all []int
	for _, cell := range r.Cells() {
		all = append(all, cell.Callers)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// win is the cells of one group in which a rival is ahead.
type win struct {
	rival   contestant.About
	group   group
	callers []int
	most    float64 // by how much at most, as a factor above 1
}

// wins are all cells in which a rival is ahead of redisconn, rival by rival.
func wins(r *result.Results, metric load.Metric) []win {
	var all []win
	for _, rival := range contestant.All {
		if rival.Kind != contestant.Rival {
			continue
		}
		for _, g := range groups(r) {
			w := win{rival: rival, group: g}
			for _, cell := range g.cells {
				ratio := target.Advantage(r, cell, metric, rival.Name)
				if (standing{rival, ratio}).ahead() {
					w.callers = append(w.callers, cell.Callers)
					w.most = max(w.most, 1/ratio.Median)
				}
			}
			if len(w.callers) > 0 {
				all = append(all, w)
			}
		}
	}
	return all
}

// score counts the cells with a rival, and those in which none is ahead.
func score(r *result.Results, metric load.Metric) (cells, unbeaten int) {
	for _, cell := range r.Cells() {
		if !standingIn(r, cell, metric).ratio.Known() {
			continue
		}
		cells++
		beaten := slices.ContainsFunc(contestant.All, func(rival contestant.About) bool {
			return rival.Kind == contestant.Rival &&
				(standing{rival, target.Advantage(r, cell, metric, rival.Name)}).ahead()
		})
		if !beaten {
			unbeaten++
		}
	}
	return cells, unbeaten
}

// winTable has a row for each workload in which a rival is ahead.
func winTable(all []win) Table {
	t := Table{Columns: []string{"ahead", "in", "callers", "by up to"}}
	for i, w := range all {
		rival := w.rival.Title
		if i > 0 && all[i-1].rival.Name == w.rival.Name {
			rival = ""
		}
		t.Rows = append(t.Rows, Line{Cells: []Field{{Text: rival}, {Text: w.group.title()}, {Text: w.span()}, {Text: times(w.most)}}})
	}
	return t
}

// span writes the numbers of callers, and three or more that were measured one
// after the other as a range.
func (w win) span() string {
	var parts []string
	for begin := 0; begin < len(w.callers); {
		at := slices.IndexFunc(w.group.cells, func(c result.Cell) bool { return c.Callers == w.callers[begin] })
		end := begin + 1
		for end < len(w.callers) && at+end-begin < len(w.group.cells) && w.group.cells[at+end-begin].Callers == w.callers[end] {
			end++
		}
		if end-begin < 3 {
			end = begin + 1
			parts = append(parts, strconv.Itoa(w.callers[begin]))
		} else {
			parts = append(parts, fmt.Sprintf("%d to %d", w.callers[begin], w.callers[end-1]))
		}
		begin = end
	}
	return strings.Join(parts, ", ")
}
