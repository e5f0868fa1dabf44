package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/report"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
	"github.com/redisconn/redisconn/benchmarks/internal/tournament"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // a target is missed, or nothing could be measured
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// benchmark is one run of the command.
type benchmark struct {
	settings
	args     []string
	stdout   io.Writer
	paint    report.Paint
	progress *progress

	env     result.Environment
	results *result.Results
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parseSettings(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "benchmarks:", err)
		return exitUsage
	}
	b := &benchmark{settings: s, args: args, stdout: stdout, paint: paintFor(stdout), progress: newProgress(stderr)}
	code, err := b.run(ctx)
	if err != nil {
		b.progress.say("benchmarks: " + err.Error())
	}
	return code
}

func (b *benchmark) run(ctx context.Context) (code int, err error) {
	if b.render != "" {
		return b.renderAgain()
	}
	err = atVenue(func(v *venue) error { return b.measure(ctx, v) })
	b.progress.clear()
	switch {
	case b.results == nil:
		return exitFailed, err
	case ctx.Err() != nil:
		err = errors.New("interrupted; what was measured until then is reported")
		return exitInterrupted, errors.Join(err, b.report())
	case err != nil:
		return exitFailed, errors.Join(err, b.report())
	}
	if err := b.report(); err != nil {
		return exitFailed, err
	}
	return b.verdict(), nil
}

// measure runs the tournament of the profile.
func (b *benchmark) measure(ctx context.Context, v *venue) (err error) {
	contestants, ioredis, err := b.gather(ctx)
	if err != nil {
		return err
	}
	if ioredis != nil {
		defer func() { err = errors.Join(err, ioredis.Close()) }()
	}
	redis, err := v.version(ctx)
	if err != nil {
		return err
	}
	b.env = describe(b.args, b.settings, redis, ioredis)
	if warning := busy(b.env); warning != "" {
		b.progress.say(warning)
	}
	defer holdHeap(b.heap)()
	t := &tournament.Tournament{
		Contestants: contestants, Warmup: b.profile.warmup, Slice: b.profile.slice,
		Addr: v.addr, Fill: v.fill, Progress: b.progress.step,
	}
	b.results = &t.Results
	stop, err := startProfile(b.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	cells := b.profile.cells(b.settings)
	if b.isGate {
		t.Enters = func(cell result.Cell, about contestant.About) bool { return target.Needs(b.targets, cell, about) }
	}
	if err := b.rounds(ctx, t, 0, b.profile.repeats, cells); err != nil {
		return err
	}
	return b.settle(ctx, t, cells)
}

// rounds runs all cells once for each repeat.
func (b *benchmark) rounds(ctx context.Context, t *tournament.Tournament, from, to int, cells []result.Cell) error {
	var steps []tournament.Step
	for repeat := from; repeat < to; repeat++ {
		round, err := t.Steps(repeat, cells)
		if err != nil {
			return err
		}
		steps = append(steps, round...)
	}
	if len(steps) == 0 {
		return errors.New("nothing to measure: no contestant takes part in any cell")
	}
	total := t.Time(steps)
	again := from > 0 // settle has told of it
	if !again {
		b.progress.say(fmt.Sprintf("%s: %d slices, about %s", b.profile.name, len(steps), total.Round(time.Second)))
	}
	b.progress.start(len(steps), total, again)
	return t.Run(ctx, steps)
}

// settle measures again what is too near to a target to be judged.
func (b *benchmark) settle(ctx context.Context, t *tournament.Tournament, cells []result.Cell) error {
	for repeat := b.profile.repeats; repeat < b.profile.most; repeat++ {
		again, undecided := open(target.Judge(b.targets, b.results, target.GateDoubt), cells)
		if len(again) == 0 {
			return nil
		}
		b.progress.say(fmt.Sprintf("near to a target: %d of %d cells once more (%d of %d)", len(again), len(cells), repeat+1, b.profile.most))
		t.Enters = func(cell result.Cell, about contestant.About) bool { return target.Needs(undecided, cell, about) }
		if err := b.rounds(ctx, t, repeat, repeat+1, again); err != nil {
			return err
		}
	}
	return nil
}

// gather finds who can take part here.
func (b *benchmark) gather(ctx context.Context) ([]contestant.Contestant, *contestant.IORedis, error) {
	wanted := func(about contestant.About) bool {
		return len(b.contestants) == 0 || slices.Contains(b.contestants, about.Name)
	}
	all := contestant.InProcess()
	var ioredis *contestant.IORedis
	if slices.ContainsFunc(contestant.All, func(a contestant.About) bool { return a.Family == "ioredis" && wanted(a) }) {
		started, err := contestant.StartIORedis(ctx, b.node, b.progress.say)
		switch {
		case errors.Is(err, contestant.ErrNoNode):
			b.progress.say("without ioredis: " + err.Error())
		case err != nil:
			return nil, nil, err
		default:
			ioredis = started
			all = append(all, ioredis.Contestants()...)
		}
	}
	if ceiling, err := contestant.FindRedisBenchmark(); err != nil {
		b.progress.say("without a ceiling: " + err.Error())
	} else {
		all = append(all, ceiling.Contestants()...)
	}
	return slices.DeleteFunc(all, func(c contestant.Contestant) bool { return !wanted(c.About) }), ioredis, nil
}

// verdict says what became of the targets. Only the gate fails.
func (b *benchmark) verdict() int {
	if !b.isGate {
		if verdicts := target.Judge(b.targets, b.results, target.PageDoubt); len(verdicts) > 0 {
			fmt.Fprintf(b.stdout, "targets: %s; make bench-gate judges them\n", report.Summary(verdicts))
		}
		return exitOK
	}
	verdicts := target.Judge(b.targets, b.results, target.GateDoubt)
	report.Failures(b.stdout, b.results, b.paint)
	fmt.Fprintln(b.stdout)
	report.Verdicts(b.stdout, verdicts, b.paint)
	fmt.Fprintln(b.stdout, report.Summary(verdicts))
	failed := slices.ContainsFunc(verdicts, func(v target.Verdict) bool {
		return v.State == target.Missed || v.State == target.Unmeasured
	})
	if failed || len(verdicts) == 0 {
		return exitFailed
	}
	return exitOK
}

// report prints the tables and writes the files.
func (b *benchmark) report() error {
	if !b.isGate {
		report.Terminal(b.stdout, b.results, b.paint)
	}
	if b.out == "" {
		return nil
	}
	written, err := writeFiles(b.out, b.env, b.results)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.stdout, "\nwritten: %s\n", strings.Join(written, ", "))
	return nil
}
