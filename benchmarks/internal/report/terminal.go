package report

import (
	"fmt"
	"io"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// Terminal writes the tables of a run.
func Terminal(w io.Writer, r *result.Results, paint Paint) {
	for _, g := range groups(r) {
		fmt.Fprintf(w, "\n%s\n", paint(Bold, g.title()))
		for _, metric := range []load.Metric{load.Throughput, load.P99} {
			fmt.Fprintln(w)
			g.matrix(r, metric).Text(w, "  ", paint)
		}
		last := g.cells[len(g.cells)-1]
		fmt.Fprintf(w, "\n  %s\n", paint(Faint, last.String()+":"))
		costs(r, last).Text(w, "  ", paint)
	}
	Failures(w, r, paint)
	fmt.Fprintf(w, "\n%s\n", paint(Faint, "* best of the clients; medians of the repeats"))
}

// Failures writes what could not be measured, once for each contestant and cell.
func Failures(w io.Writer, r *result.Results, paint Paint) {
	if len(r.Failures) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", paint(Bad, "Not measured"))
	for _, f := range firstFailures(r) {
		fmt.Fprintf(w, "  %s: %s: %s\n", f.Contestant, f.Cell, f.Reason)
	}
}

// firstFailures has the first failure of each contestant in each cell.
func firstFailures(r *result.Results) []result.Failure {
	type where struct {
		cell       result.Cell
		contestant string
	}
	seen := map[where]bool{}
	var first []result.Failure
	for _, f := range r.Failures {
		if !seen[where{f.Cell, f.Contestant}] {
			seen[where{f.Cell, f.Contestant}] = true
			first = append(first, f)
		}
	}
	return first
}
