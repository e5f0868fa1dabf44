package main

import (
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// A profile is what is measured when nothing else is said, and for how long.
type profile struct {
	name    string
	blocks  []block
	repeats int
	most    int // repeats, where those before leave a verdict open
	warmup  time.Duration
	slice   time.Duration
}

// block is workloads that are measured with the same callers at the same distance.
type block struct {
	workloads []string
	link      time.Duration
	callers   []int
}

var allCallers = []int{1, 2, 4, 8, 32, 128, 512, 2048}

// whole takes ten to twelve minutes on two cores, with every contestant.
var whole = profile{
	name: "whole",
	blocks: []block{
		{workloads: []string{"get", "set", "mixed"}, callers: allCallers},
		{workloads: []string{"incr", "get-4k", "set-4k"}, callers: []int{1, 8, 128, 2048}},
		{workloads: []string{"pipeline"}, callers: []int{1, 8, 32, 128}},
		{workloads: []string{"get"}, link: time.Millisecond, callers: []int{1, 8, 128, 2048}},
		{workloads: []string{"get"}, link: 10 * time.Millisecond, callers: []int{1, 8, 128, 512}},
	},
	repeats: result.FewestRepeats, warmup: 50 * time.Millisecond, slice: 130 * time.Millisecond,
}

// quick takes about a minute, and is too short for a verdict.
var quick = profile{
	name: "quick",
	blocks: []block{
		{workloads: []string{"get"}, callers: []int{1, 8, 128, 2048}},
		{workloads: []string{"mixed"}, callers: []int{1, 128, 2048}},
		{workloads: []string{"pipeline"}, callers: []int{1, 32}},
		{workloads: []string{"get"}, link: time.Millisecond, callers: []int{1, 128}},
	},
	repeats: 2, warmup: 50 * time.Millisecond, slice: 100 * time.Millisecond,
}

// gate measures what the targets are about. What is below its target after seven
// repeats, and may be so by noise, is measured again until it is not, or fifteen times.
var gate = profile{
	name: "gate",
	blocks: []block{
		{workloads: []string{"get", "set"}, callers: []int{1, 8, 32, 128, 512, 2048}},
		{workloads: []string{"pipeline"}, callers: []int{1, 32}},
	},
	repeats: 7, most: 15, warmup: 60 * time.Millisecond, slice: 130 * time.Millisecond,
}

// cells are all cells of the profile, restricted to what the settings ask for.
// Callers and links that are asked for replace those of the profile.
func (p profile) cells(s settings) []result.Cell {
	var cells []result.Cell
	seen := map[result.Cell]bool{}
	add := func(cell result.Cell) {
		if !seen[cell] {
			seen[cell] = true
			cells = append(cells, cell)
		}
	}
	for _, workload := range s.workloadsOf(p) {
		for _, b := range p.blocksOf(workload) {
			links := []time.Duration{b.link}
			if s.links != nil {
				links = s.links
			}
			callers := b.callers
			if s.callers != nil {
				callers = s.callers
			}
			for _, link := range links {
				for _, n := range callers {
					add(result.Cell{Workload: workload, Link: link, Callers: n})
				}
			}
		}
	}
	return cells
}

// blocksOf are the blocks with a workload; one that no block has, because it
// was asked for by name, is measured as the first.
func (p profile) blocksOf(workload string) []block {
	var blocks []block
	for _, b := range p.blocks {
		for _, w := range b.workloads {
			if w == workload {
				blocks = append(blocks, b)
			}
		}
	}
	if blocks == nil {
		blocks = p.blocks[:1]
	}
	return blocks
}

// open are the cells that have to be measured again for verdicts that are not decided.
func open(verdicts []target.Verdict, cells []result.Cell) (again []result.Cell, undecided []target.Target) {
	wanted := map[result.Cell]bool{}
	for _, v := range verdicts {
		if !v.Undecided() {
			continue
		}
		if len(undecided) == 0 || undecided[len(undecided)-1].Name != v.Target.Name {
			undecided = append(undecided, v.Target)
		}
		for _, cell := range cells {
			peaks := v.Target.Against == nil && cell.Workload == v.Cell.Workload
			if cell == v.Cell || peaks {
				wanted[cell] = true
			}
		}
	}
	for _, cell := range cells {
		if wanted[cell] {
			again = append(again, cell)
		}
	}
	return again, undecided
}
