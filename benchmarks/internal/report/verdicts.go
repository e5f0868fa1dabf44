package report

import (
	"fmt"
	"io"

	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// verdictTable has a row for each target in each of its cells.
func verdictTable(verdicts []target.Verdict) Table {
	t := Table{Columns: []string{"cell", "wanted", "measured", "interval", "against", "verdict"}}
	for _, v := range verdicts {
		wanted, measured, interval := "", "", ""
		if v.Target.AtLeast > 0 {
			wanted = "≥ " + digits(v.Target.AtLeast)
		}
		if v.Ratio.Known() {
			measured = digits(v.Ratio.Median)
			interval = digits(v.Ratio.Low) + " to " + digits(v.Ratio.High)
		}
		t.Rows = append(t.Rows, Line{Cells: []Field{
			{Text: v.Cell.String()}, {Text: wanted}, {Text: measured}, {Text: interval}, {Text: v.Against}, {Text: string(v.State)},
		}})
	}
	return t
}

// byTarget keeps verdicts of one target together.
func byTarget(verdicts []target.Verdict) [][]target.Verdict {
	var all [][]target.Verdict
	for i, v := range verdicts {
		if i == 0 || verdicts[i-1].Target.Name != v.Target.Name {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], v)
	}
	return all
}

// worst is the verdict on a target: met where every cell is.
func worst(verdicts []target.Verdict) target.State {
	for _, state := range []target.State{target.Missed, target.Unmeasured, target.Open, target.Near, target.Met} {
		for _, v := range verdicts {
			if v.State == state {
				return state
			}
		}
	}
	return target.Told
}

// Verdicts writes each target with what was measured, for a terminal.
func Verdicts(w io.Writer, verdicts []target.Verdict, paint Paint) {
	for _, same := range byTarget(verdicts) {
		mark, style := "√", Good
		switch worst(same) {
		case target.Missed, target.Unmeasured:
			mark, style = "×", Bad
		case target.Near, target.Open:
			mark, style = "~", Bold
		case target.Told:
			mark, style = "-", Faint
		}
		fmt.Fprintf(w, "%s %s  %s\n", paint(style, mark), same[0].Target.Claim, paint(Faint, same[0].Target.Name))
		verdictTable(same).Text(w, "    ", paint)
		fmt.Fprintln(w)
	}
}

// count says how many verdicts have each state.
func count(verdicts []target.Verdict) map[target.State]int {
	counts := map[target.State]int{}
	for _, v := range verdicts {
		counts[v.State]++
	}
	return counts
}

// Summary is the verdicts in one line.
func Summary(verdicts []target.Verdict) string {
	counts := count(verdicts)
	text := fmt.Sprintf("%d met, %d within noise of the target, %d missed", counts[target.Met], counts[target.Near], counts[target.Missed])
	if n := counts[target.Open]; n > 0 {
		text += fmt.Sprintf(", %d below it after too few repeats to be sure", n)
	}
	if n := counts[target.Unmeasured]; n > 0 {
		text += fmt.Sprintf(", %d not measured", n)
	}
	return text
}
