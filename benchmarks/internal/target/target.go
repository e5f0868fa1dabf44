// Package target has what redisconn promises of its speed, as ratios to rivals
// in the same run, and judges it.
package target

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// Target is one promise. It is judged in every cell of its workloads and callers, on loopback.
type Target struct {
	Name      string
	Claim     string
	Workloads []string
	Callers   []int
	Metric    load.Metric
	Against   func(contestant.About) bool // the rivals that it is about; nil for redisconn's own peak
	AtLeast   float64                     // the ratio to each of them, where better is above 1; 0 only reports
}

var singleCommands = []string{"get", "set"}

// Targets are all there are.
var Targets = []Target{
	{
		Name: "few-callers", Claim: "GET and SET with 1 and 2 callers: as fast as the best rival",
		Workloads: singleCommands, Callers: []int{1, 2}, Metric: load.Throughput,
		Against: rivals, AtLeast: 0.97,
	},
	{
		Name: "some-callers", Claim: "GET and SET with 4 to 32 callers: ahead of every rival but go-redis AutoPipeline",
		Workloads: singleCommands, Callers: []int{4, 8, 32}, Metric: load.Throughput,
		Against: except("go-redis-auto"), AtLeast: 1.0,
	},
	{
		Name: "some-callers-auto", Claim: "GET and SET with 4 to 32 callers: as fast as go-redis AutoPipeline",
		Workloads: singleCommands, Callers: []int{4, 8, 32}, Metric: load.Throughput,
		Against: only("go-redis-auto"), AtLeast: 0.97,
	},
	{
		Name: "many-callers-plain", Claim: "GET and SET with 128 to 2048 callers: five times plain go-redis, with either pool",
		Workloads: singleCommands, Callers: []int{128, 512, 2048}, Metric: load.Throughput,
		Against: only("go-redis", "go-redis-large"), AtLeast: 5,
	},
	{
		Name: "many-callers-rueidis", Claim: "GET and SET with 128 to 2048 callers: one and a half times rueidis",
		Workloads: singleCommands, Callers: []int{128, 512, 2048}, Metric: load.Throughput,
		Against: only("rueidis"), AtLeast: 1.5,
	},
	{
		Name: "many-callers-auto", Claim: "GET and SET with 128 to 2048 callers: as fast as go-redis AutoPipeline",
		Workloads: singleCommands, Callers: []int{128, 512, 2048}, Metric: load.Throughput,
		Against: only("go-redis-auto"), AtLeast: 0.97,
	},
	{
		Name: "no-collapse", Claim: "GET and SET with 2048 callers: at least 60 % of the own peak",
		Workloads: singleCommands, Callers: []int{2048}, Metric: load.Throughput,
		AtLeast: 0.6,
	},
	{
		Name: "p99", Claim: "GET and SET with 128 and 512 callers: p99 not above the best rival's",
		Workloads: singleCommands, Callers: []int{128, 512}, Metric: load.P99,
		Against: rivals, AtLeast: 1,
	},
	{
		Name: "pipeline", Claim: "RunPipeline with 100 commands: as fast as go-redis's Pipelined",
		Workloads: []string{"pipeline"}, Callers: []int{1, 8, 32}, Metric: load.Throughput,
		Against: only("go-redis"), AtLeast: 0.97,
	},
	{
		Name: "pipeline-share", Claim: "RunPipeline with 100 commands: share of what redis-benchmark -P 100 reaches (told, not judged)",
		Workloads: []string{"pipeline"}, Callers: []int{1, 8, 32}, Metric: load.Throughput,
		Against: only("redis-benchmark"),
	},
}

// Find returns the targets of these names; all of them when there are none.
func Find(names []string) ([]Target, error) {
	if len(names) == 0 {
		return Targets, nil
	}
	var known []string
	var found []Target
	for _, t := range Targets {
		known = append(known, t.Name)
		if slices.Contains(names, t.Name) {
			found = append(found, t)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no target %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return found, nil
}

func rivals(about contestant.About) bool { return about.Kind == contestant.Rival }

func except(name string) func(contestant.About) bool {
	return func(about contestant.About) bool { return rivals(about) && about.Name != name }
}

func only(names ...string) func(contestant.About) bool {
	return func(about contestant.About) bool { return slices.Contains(names, about.Name) }
}

// Cells are the cells that the target is judged in.
func (t Target) Cells() []result.Cell {
	var cells []result.Cell
	for _, workload := range t.Workloads {
		for _, callers := range t.Callers {
			cells = append(cells, result.Cell{Workload: workload, Callers: callers})
		}
	}
	return cells
}

// Needs says whether a contestant must run in a cell for these targets to be
// judged. A peak is a peak over all cells that are there.
func Needs(targets []Target, cell result.Cell, about contestant.About) bool {
	return slices.ContainsFunc(targets, func(t Target) bool {
		subject := about.Kind == contestant.Subject
		if t.Against == nil {
			return subject && slices.Contains(t.Workloads, cell.Workload)
		}
		return slices.Contains(t.Cells(), cell) && (subject || t.Against(about))
	})
}
