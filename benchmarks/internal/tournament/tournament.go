// Package tournament runs the contestants against each other.
package tournament

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// Tournament is a server with all that is run against it. Within a cell the
// contestants take turns, slice by slice, each alone in the process; the whole
// of it is repeated. So what a machine does within seconds it does to neighbours,
// and what it does within minutes to everybody.
type Tournament struct {
	Contestants []contestant.Contestant
	Warmup      time.Duration
	Slice       time.Duration

	Addr func(link time.Duration) (string, error) // of the server, that far away
	Fill func(ctx context.Context, w load.Workload) error

	// Enters says who takes part in a cell; nil when everybody does.
	Enters func(result.Cell, contestant.About) bool

	// Progress is told before every slice.
	Progress func(Step)

	Results result.Results
}

// Step is a slice that is about to begin.
type Step struct {
	Repeat     int
	Cell       result.Cell
	Contestant contestant.About
}

// farSlice is how many round trips a slice has at least: on a long link a short
// one would hold too few calls to speak of percentiles.
const farSlice = 40

// sliceIn is how long a slice takes in a cell.
func (t *Tournament) sliceIn(cell result.Cell) time.Duration {
	return max(t.Slice, farSlice*cell.Link)
}

// warmupIn lets every connection be opened and used, however far away the server is.
func (t *Tournament) warmupIn(cell result.Cell) time.Duration {
	return max(t.Warmup, 5*cell.Link)
}

// Steps are the slices of a round through these cells. Every second round goes
// backwards: a machine that slows down steadily slows down nobody more than others.
func (t *Tournament) Steps(repeat int, cells []result.Cell) ([]Step, error) {
	var steps []Step
	for _, cell := range cells {
		workload, err := load.FindWorkload(cell.Workload)
		if err != nil {
			return nil, err
		}
		for _, c := range t.Contestants {
			if (c.Can == nil || c.Can(workload)) && (t.Enters == nil || t.Enters(cell, c.About)) {
				steps = append(steps, Step{repeat, cell, c.About})
			}
		}
	}
	if repeat%2 == 1 {
		slices.Reverse(steps)
	}
	return steps, nil
}

// Time is about how long these steps take.
func (t *Tournament) Time(steps []Step) time.Duration {
	// To open and close a client, to wait for the last caller's first reply, and
	// to collect what is left.
	const around = 50 * time.Millisecond
	var total time.Duration
	for _, step := range steps {
		total += t.warmupIn(step.Cell) + t.sliceIn(step.Cell) + around
	}
	return total
}

// Run runs the steps. A contestant that fails is noted and the others go on;
// the end of ctx, and a server that does not answer, end it all.
func (t *Tournament) Run(ctx context.Context, steps []Step) error {
	for i, step := range steps {
		workload, err := load.FindWorkload(step.Cell.Workload)
		if err != nil {
			return err
		}
		addr, err := t.Addr(step.Cell.Link)
		if err != nil {
			return err
		}
		if i == 0 || steps[i-1].Cell != step.Cell {
			if err := t.Fill(ctx, workload); err != nil {
				return errors.Join(ctx.Err(), err)
			}
		}
		t.Progress(step)
		at := slices.IndexFunc(t.Contestants, func(c contestant.Contestant) bool { return c.Name == step.Contestant.Name })
		if at < 0 {
			return fmt.Errorf("%s does not take part", step.Contestant.Name)
		}
		sample, err := t.Contestants[at].Run(ctx, load.Load{
			Workload: workload, Callers: step.Cell.Callers, Addr: addr,
			Warmup: t.warmupIn(step.Cell), Slice: t.sliceIn(step.Cell),
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			t.Results.Fail(result.Failure{Cell: step.Cell, Contestant: step.Contestant.Name, Repeat: step.Repeat, Reason: err.Error()})
		default:
			t.Results.Add(result.Row{Cell: step.Cell, Contestant: step.Contestant.Name, Repeat: step.Repeat, Sample: sample})
		}
	}
	return nil
}
