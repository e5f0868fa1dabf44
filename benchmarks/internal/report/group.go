// Package report turns results into what people read: tables for a terminal,
// plots, and the page docs/benchmarks.md. What it says of winners it computes.
package report

import (
	"slices"
	"strconv"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// group is a workload on a link: the cells that differ by their callers only.
type group struct {
	workload load.Workload
	link     time.Duration
	cells    []result.Cell
}

func groups(r *result.Results) []group {
	var all []group
	for _, cell := range r.Cells() {
		last := len(all) - 1
		if last < 0 || all[last].workload.Name != cell.Workload || all[last].link != cell.Link {
			workload, err := load.FindWorkload(cell.Workload)
			if err != nil {
				workload = load.Workload{Name: cell.Workload, Title: cell.Workload} // of an older version's file
			}
			all = append(all, group{workload: workload, link: cell.Link})
			last++
		}
		all[last].cells = append(all[last].cells, cell)
	}
	// What is near comes first, all workloads of it.
	slices.SortStableFunc(all, func(a, b group) int { return int(a.link - b.link) })
	return all
}

func (g group) title() string {
	return g.workload.Title + result.Away(g.link)
}

// file is the beginning of the names of its plots.
func (g group) file() string {
	if g.link > 0 {
		return g.workload.Name + "-" + g.link.String()
	}
	return g.workload.Name
}

// entrants are the contestants with results in any of these cells.
func entrants(r *result.Results, cells []result.Cell) []contestant.About {
	var there []contestant.About
	for _, about := range contestant.All {
		if slices.ContainsFunc(cells, func(c result.Cell) bool { return r.Has(c, about.Name) }) {
			there = append(there, about)
		}
	}
	return there
}

// matrix has the medians of one metric, a row for each contestant, a column for each number of callers.
func (g group) matrix(r *result.Results, metric load.Metric) Table {
	t := Table{Columns: []string{metric.Title + ", by callers"}}
	for _, cell := range g.cells {
		t.Columns = append(t.Columns, strconv.Itoa(cell.Callers))
	}
	for _, about := range entrants(r, g.cells) {
		row := Line{Strong: about.Kind == contestant.Subject, Cells: []Field{{Text: about.Title}}}
		for _, cell := range g.cells {
			row.Cells = append(row.Cells, field(r, cell, about, metric))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// costs has all metrics of one cell, a row for each contestant.
func costs(r *result.Results, cell result.Cell) Table {
	t := Table{Columns: []string{""}}
	for _, metric := range load.Metrics {
		t.Columns = append(t.Columns, metric.Title)
	}
	for _, about := range entrants(r, []result.Cell{cell}) {
		row := Line{Strong: about.Kind == contestant.Subject, Cells: []Field{{Text: about.Title}}}
		for _, metric := range load.Metrics {
			row.Cells = append(row.Cells, field(r, cell, about, metric))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func field(r *result.Results, cell result.Cell, about contestant.About, metric load.Metric) Field {
	value, known := r.Median(cell, about.Name, metric)
	if !known {
		return Field{}
	}
	return Field{
		Text: figure(metric.Unit, value),
		Best: about.Kind != contestant.Ceiling && isBest(r, cell, metric, value),
	}
}

// isBest compares with every contestant that a service could use.
func isBest(r *result.Results, cell result.Cell, metric load.Metric, value float64) bool {
	for _, about := range contestant.All {
		other, known := r.Median(cell, about.Name, metric)
		if !known || about.Kind == contestant.Ceiling {
			continue
		}
		if metric.HigherIsBetter && other > value || !metric.HigherIsBetter && other < value {
			return false
		}
	}
	return true
}
