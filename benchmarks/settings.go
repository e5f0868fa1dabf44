package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/target"
)

// settings is the command line.
type settings struct {
	profile profile
	isGate  bool

	workloads   []string
	callers     []int
	links       []time.Duration
	contestants []string
	targets     []target.Target

	out    string // folder for the page, or empty
	render string // CSV to make the page of, or empty
	node   string // folder with load.mjs

	heap       int    // MiB to keep alive
	cpuProfile string // file, or empty
}

const usage = `Runs redisconn and its rivals side by side against a redis-server of its own.

  go run .                          everything, about twelve minutes
  go run . -quick                   a first impression, about a minute
  go run . -gate                    judges the targets; exit code 1 where one is missed
  go run . -callers 64 -workloads get,set -contestants redisconn,rueidis
  go run . -contestants redisconn -workloads get -callers 128 -links 0 -slice 5s -repeats 1 -cpuprofile cpu.prof
  go run . -render out/benchmarks/results.csv    the page and plots once more

`

// maxCallers bounds what the machine's file descriptors and memory bear.
const maxCallers = 4096

func parseSettings(args []string, stderr io.Writer) (settings, error) {
	s := settings{profile: whole}
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	asQuick := flags.Bool("quick", false, "the short profile")
	flags.BoolVar(&s.isGate, "gate", false, "judge the targets, and measure only what they need")
	workloads := flags.String("workloads", "", "only these, by comma: "+names(load.Workloads, func(w load.Workload) string { return w.Name }))
	contestants := flags.String("contestants", "", "only these, by comma: "+names(contestant.All, func(a contestant.About) string { return a.Name }))
	callers := flags.String("callers", "", "these numbers of callers, by comma, instead of the profile's")
	links := flags.String("links", "", "these additions to a round trip, by comma, as in 0,1ms, instead of the profile's")
	targets := flags.String("targets", "", "judge only these, by comma: "+names(target.Targets, func(t target.Target) string { return t.Name }))
	repeats := flags.Int("repeats", 0, "how often everything is measured, instead of the profile's")
	slice := flags.Duration("slice", 0, "how long a slice is, instead of the profile's")
	warmup := flags.Duration("warmup", 0, "how long a client is warmed up, instead of the profile's")
	flags.StringVar(&s.out, "out", "out", "write the page, the CSV and the plots into this folder; empty for none")
	flags.StringVar(&s.render, "render", "", "measure nothing; make the page of this CSV")
	flags.IntVar(&s.heap, "heap", 0, "MiB to keep alive beside the clients, as a service's data is: it sets the garbage collector's pace")
	flags.StringVar(&s.cpuProfile, "cpuprofile", "", "write a CPU profile of this process into this file; with one contestant it is its own")
	flags.StringVar(&s.node, "ioredis", "ioredis", "the folder with the Node program")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("%q is no flag; see -help", flags.Arg(0))
	}
	switch {
	case *asQuick && s.isGate:
		return settings{}, errors.New("-quick is too short for -gate: a verdict takes seven repeats")
	case *asQuick:
		s.profile = quick
	case s.isGate:
		s.profile = gate
	}
	if *repeats < 0 || *slice < 0 || *warmup < 0 {
		return settings{}, errors.New("-repeats, -slice and -warmup take what is above 0")
	}
	if s.heap < 0 || s.heap > mostHeap {
		return settings{}, fmt.Errorf("-heap takes MiB from 0 to %d, not %d", mostHeap, s.heap)
	}
	if *repeats > 0 {
		s.profile.repeats = *repeats
		s.profile.most = max(s.profile.most, *repeats)
	}
	if *slice > 0 {
		s.profile.slice = *slice
	}
	if *warmup > 0 {
		s.profile.warmup = *warmup
	}
	s.workloads, s.contestants = list(*workloads), list(*contestants)
	for _, name := range s.workloads {
		if _, err := load.FindWorkload(name); err != nil {
			return settings{}, err
		}
	}
	if err := contestant.Check(s.contestants); err != nil {
		return settings{}, err
	}
	var err error
	if s.targets, err = target.Find(list(*targets)); err != nil {
		return settings{}, err
	}
	for _, text := range list(*callers) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCallers {
			return settings{}, fmt.Errorf("-callers takes numbers from 1 to %d, not %q", maxCallers, text)
		}
		s.callers = append(s.callers, n)
	}
	for _, text := range list(*links) {
		if text == "0" {
			text = "0s"
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > time.Second {
			return settings{}, fmt.Errorf("-links takes times from 0 to 1s, not %q", text)
		}
		s.links = append(s.links, d)
	}
	return s, nil
}

// workloadsOf are the workloads to measure.
func (s settings) workloadsOf(p profile) []string {
	if s.workloads != nil {
		return s.workloads
	}
	var all []string
	for _, w := range load.Workloads {
		for _, b := range p.blocks {
			for _, name := range b.workloads {
				if name == w.Name {
					all = append(all, name)
				}
			}
		}
	}
	return all
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func names[T any](all []T, name func(T) string) string {
	var each []string
	for _, one := range all {
		each = append(each, name(one))
	}
	return strings.Join(each, ", ")
}
