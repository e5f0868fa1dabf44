package target

import (
	"math"
	"slices"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// State is what became of a target in a cell.
type State string

// The states. A target is missed only where noise cannot explain it; what noise
// can explain is near, and no reason to fail.
const (
	Met        State = "met"
	Near       State = "near"
	Missed     State = "missed"
	Open       State = "open" // below, after too few repeats to be sure of anything
	Told       State = "told"
	Unmeasured State = "not measured"
)

// Verdict is a target in a cell.
type Verdict struct {
	Target  Target
	Cell    result.Cell
	Against string       // the title of the rival that comes out strongest, or what the peak is
	Ratio   result.Ratio // above 1 is better
	State   State
}

// How sure a verdict must be that says missed: the chance to be wrong. A page
// speaks of one run and has many verdicts, a gate stops people.
const (
	PageDoubt = 0.05 // five repeats, all below
	GateDoubt = 0.01 // seven repeats, all below; of eleven, ten
)

// Undecided says whether more repeats could change the state for the worse or the better.
func (v Verdict) Undecided() bool { return v.State == Near || v.State == Open }

// Judge judges every target in each of its cells that was measured, with no more doubt than that.
func Judge(targets []Target, r *result.Results, doubt float64) []Verdict {
	measured := r.Cells()
	var verdicts []Verdict
	for _, t := range targets {
		for _, cell := range t.Cells() {
			if !slices.Contains(measured, cell) {
				continue
			}
			if v := t.judge(cell, measured, r, doubt); v.State != Unmeasured || t.AtLeast > 0 {
				verdicts = append(verdicts, v)
			}
		}
	}
	return verdicts
}

func (t Target) judge(cell result.Cell, measured []result.Cell, r *result.Results, doubt float64) Verdict {
	v := Verdict{Target: t, Cell: cell, State: Unmeasured}
	if t.Against == nil {
		peak := ownPeak(cell, measured, t.Metric, r)
		v.Against = "its peak, at " + peak.String()
		v.Ratio = r.RatioAcross(contestant.SubjectName, t.Metric, cell, peak)
	} else {
		v.Against, v.Ratio = t.strongest(cell, r)
	}
	if !v.Ratio.Known() {
		return v
	}
	v.State = t.state(v.Ratio, doubt)
	return v
}

func (t Target) state(ratio result.Ratio, doubt float64) State {
	switch {
	case t.AtLeast == 0:
		return Told
	case ratio.Median >= t.AtLeast:
		return Met
	case ratio.Doubt(t.AtLeast) < doubt:
		return Missed
	case ratio.Doubt(math.Inf(1)) >= doubt: // not even a ratio that none reached
		return Open
	}
	return Near
}

// strongest finds the rival against which the ratio is lowest. The best of many
// is taken by medians and not repeat by repeat: the best of each repeat would be
// whoever was lucky in it.
func (t Target) strongest(cell result.Cell, r *result.Results) (title string, ratio result.Ratio) {
	for _, about := range contestant.All {
		if !t.Against(about) {
			continue
		}
		against := Advantage(r, cell, t.Metric, about.Name)
		if against.Known() && (!ratio.Known() || against.Median < ratio.Median) {
			title, ratio = about.Title, against
		}
	}
	return title, ratio
}

// Advantage is redisconn's ratio to a rival, turned so that above 1 is better.
func Advantage(r *result.Results, cell result.Cell, metric load.Metric, rival string) result.Ratio {
	if metric.HigherIsBetter {
		return r.Ratio(cell, metric, contestant.SubjectName, rival)
	}
	return r.Ratio(cell, metric, rival, contestant.SubjectName)
}

// ownPeak is the cell of the same workload in which redisconn is best.
func ownPeak(cell result.Cell, measured []result.Cell, metric load.Metric, r *result.Results) result.Cell {
	peak, best := cell, 0.0
	for _, other := range measured {
		if other.Workload != cell.Workload || other.Link != cell.Link {
			continue
		}
		if value, ok := r.Median(other, contestant.SubjectName, metric); ok && value > best {
			peak, best = other, value
		}
	}
	return peak
}
