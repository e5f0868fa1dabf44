package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// The facts that the page's text needs by name. Others are listed as they are.
const (
	FactCommand = "command"
	FactRepeats = "repeats"
	FactSlice   = "slice"
)

// plotted are the metrics that every group has a picture of.
var plotted = []struct {
	metric load.Metric
	file   string
}{
	{load.Throughput, "throughput"},
	{load.P99, "p99"},
}

// Plots are the pictures of the page, by file name.
func Plots(r *result.Results) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, g := range groups(r) {
		for _, p := range plotted {
			c, drawable := newChart(r, g, p.metric)
			if !drawable {
				continue // one number of callers is no curve
			}
			var svg bytes.Buffer
			if err := c.SVG(&svg); err != nil {
				return nil, err
			}
			files[plotFile(g, p.file)] = svg.Bytes()
		}
	}
	return files, nil
}

func plotFile(g group, metric string) string { return metric + "-" + g.file() + ".svg" }

// Page writes the page. The plots and the CSV are in the folder of that name beside it.
func Page(w io.Writer, folder string, env result.Environment, r *result.Results) error {
	var b strings.Builder
	verdicts := target.Judge(target.Targets, r, target.PageDoubt)
	b.WriteString("# Benchmarks\n\n")
	fmt.Fprintf(&b, "Written by `%s`; do not edit. redisconn and its rivals in one\n", env.Get(FactCommand))
	b.WriteString("run, against one real `redis-server` on this machine, taking turns slice by slice.\n")
	b.WriteString("Absolute figures move with the machine; ratios are taken between neighbours and\n")
	fmt.Fprintf(&b, "move less. Every slice is a line of [results.csv](%s/results.csv).\n", folder)

	writeStanding(&b, r)
	writeTargets(&b, verdicts)
	writeGroups(&b, folder, r)
	writeCosts(&b, r)
	writeFailures(&b, r)
	writeMethod(&b, env, r)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeStanding(b *strings.Builder, r *result.Results) {
	b.WriteString("\n## Where a rival wins\n\n")
	if r.Repeats() < result.FewestRepeats {
		fmt.Fprintf(b, "With fewer than %d repeats this run is a first impression.\n\n", result.FewestRepeats)
	}
	b.WriteString("redisconn's ratio to its strongest rival in each cell. Above 1 it is the better one;\nbold is no more than 3 % behind.\n\n")
	judged := []struct {
		metric load.Metric
		what   string
	}{{load.Throughput, "throughput"}, {load.P99, "p99"}}
	for _, j := range judged {
		standings(r, j.metric).Markdown(b)
		b.WriteString("\n")
	}
	b.WriteString("Ahead means by more than 3 % and by more than noise: the whole interval of the\nratio says so, see [method](#method).\n")
	for _, j := range judged {
		cells, unbeaten := score(r, j.metric)
		fmt.Fprintf(b, "\nBy %s no rival is ahead in %d of %d cells", j.what, unbeaten, cells)
		all := wins(r, j.metric)
		if len(all) == 0 {
			b.WriteString(".\n")
			continue
		}
		b.WriteString(", and these are in others:\n\n")
		winTable(all).Markdown(b)
	}
}

func writeTargets(b *strings.Builder, verdicts []target.Verdict) {
	if len(verdicts) == 0 {
		return
	}
	b.WriteString("\n## Targets\n\n")
	b.WriteString("What `make bench-gate` holds redisconn to, judged by this run. " + Summary(verdicts) + ".\n")
	for _, same := range byTarget(verdicts) {
		fmt.Fprintf(b, "\n**%s** (`%s`): %s\n\n", same[0].Target.Claim, same[0].Target.Name, worst(same))
		verdictTable(same).Markdown(b)
	}
}

func writeGroups(b *strings.Builder, folder string, r *result.Results) {
	b.WriteString("\n## Throughput and latency\n\n")
	b.WriteString("Medians of the repeats. Bold is the best of the clients; redis-benchmark, which\nhands its replies to nobody, is a ceiling and no client.\n")
	for _, g := range groups(r) {
		fmt.Fprintf(b, "\n### %s\n", g.title())
		for _, p := range plotted {
			if _, drawable := newChart(r, g, p.metric); drawable {
				fmt.Fprintf(b, "\n![%s: %s by callers](%s/%s)\n", g.title(), p.metric.Title, folder, plotFile(g, p.file))
			}
		}
		for _, p := range plotted {
			b.WriteString("\n")
			g.matrix(r, p.metric).Markdown(b)
		}
	}
}

// costCallers are the numbers of callers whose costs the page shows, where they were measured.
var costCallers = []int{1, 128, 2048}

func writeCosts(b *strings.Builder, r *result.Results) {
	b.WriteString("\n## What a command costs\n\n")
	b.WriteString("CPU is processor time of the client's process, user and system, for a million\n")
	b.WriteString("commands; allocations and bytes are for one command; goroutines are beside the\n")
	b.WriteString("callers; memory is what the process grew by, for ioredis all that Node holds.\n")
	for _, cell := range r.Cells() {
		if cell.Link == 0 && slices.Contains(costCallers, cell.Callers) && slices.Contains([]string{"get", "set", "pipeline"}, cell.Workload) {
			fmt.Fprintf(b, "\n%s:\n\n", cell)
			costs(r, cell).Markdown(b)
		}
	}
}

func writeFailures(b *strings.Builder, r *result.Results) {
	if len(r.Failures) == 0 {
		return
	}
	b.WriteString("\n## Not measured\n\n")
	for _, f := range firstFailures(r) {
		fmt.Fprintf(b, "- %s, %s: %s\n", f.Contestant, f.Cell, f.Reason)
	}
}

func writeMethod(b *strings.Builder, env result.Environment, r *result.Results) {
	b.WriteString("\n## Method\n\n")
	fmt.Fprintf(b, `- Callers call in a closed loop, each in a goroutine of its own: a call, its reply,
  the next call. A reply that is not what it must be makes the slice fail.
- A slice is one contestant with one workload and one number of callers, alone in
  the process: a client is opened, warmed up, measured for %s and closed. The
  contestants take turns within a cell, the whole is repeated %s times, every
  second time backwards.
- A ratio is taken between slices of the same repeat, and is the median of these.
  Its interval comes from counting, without a model of the noise: the median is
  outside of it in less than one case of twelve, given five repeats.
- Latencies are of calls, in buckets 3 %% wide, one histogram for each caller.
- A link that is farther away is a relay, in a process of its own, that holds
  every reply back.
- Calls have contexts without an end, and every library is set up as the table says.

`, env.Get(FactSlice), env.Get(FactRepeats))
	b.WriteString("| contestant | set up |\n| --- | --- |\n")
	for _, about := range contestant.All {
		if slices.ContainsFunc(r.Rows, func(row result.Row) bool { return row.Contestant == about.Name }) {
			fmt.Fprintf(b, "| %s | %s |\n", about.Title, about.Setup)
		}
	}
	b.WriteString("\n| | |\n| --- | --- |\n")
	for _, fact := range env {
		value := fact.Value
		if fact.Name == FactCommand {
			value = "`" + value + "`"
		}
		fmt.Fprintf(b, "| %s | %s |\n", fact.Name, strings.ReplaceAll(value, "|", `\|`))
	}
}
