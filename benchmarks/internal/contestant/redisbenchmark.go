package contestant

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutBenchmark = About{
	Name: "redis-benchmark", Title: "redis-benchmark", Setup: "`-c` callers: a connection for each; `-P 100` for the pipeline",
	Family: "redis-benchmark", Kind: Ceiling,
}

var aboutBenchmarkPipelined = About{
	Name: "redis-benchmark-P", Title: "redis-benchmark -P", Setup: "`-c 4 -P` callers/4: 4 connections that carry the requests of all callers",
	Family: "redis-benchmark", Kind: Ceiling,
}

// RedisBenchmark is the program that comes with Redis. It parses no replies and
// hands no values to anybody: what it reaches is a ceiling for clients that keep
// as many requests under way.
type RedisBenchmark struct {
	program string
	rates   map[rateKey]float64 // requests per second, as seen last
}

type rateKey struct {
	workload          string
	callers, pipeline int
	addr              string
}

// FindRedisBenchmark looks for the program.
func FindRedisBenchmark() (*RedisBenchmark, error) {
	program, err := exec.LookPath("redis-benchmark")
	if err != nil {
		return nil, errors.New("redis-benchmark is not installed")
	}
	return &RedisBenchmark{program: program, rates: map[rateKey]float64{}}, nil
}

// pipelinedConnections is how many connections carry the requests of all
// callers in the second ceiling: with one, server and client would take turns.
const pipelinedConnections = 4

// Contestants are two ceilings, with as many requests under way as there are callers.
func (b *RedisBenchmark) Contestants() []Contestant {
	connections := func(l load.Load) (connections, pipeline int) { return l.Callers, l.Workload.Commands() }
	pipelined := func(l load.Load) (connections, pipeline int) {
		connections = min(l.Callers, pipelinedConnections)
		return connections, l.Callers / connections
	}
	return []Contestant{
		{
			About: aboutBenchmark,
			Can:   func(w load.Workload) bool { return w.Operation != load.Mixed },
			Run:   b.run(connections),
		},
		{
			About: aboutBenchmarkPipelined,
			Can:   func(w load.Workload) bool { return w.Operation != load.Mixed && w.Operation != load.Pipeline },
			Run:   b.run(pipelined),
		},
	}
}

// It takes a number of requests and no time, so the number is the rate seen
// before times the slice. It counts milliseconds, so what it did in a few of them
// is no rate yet, and what it did in none has the throughput "inf".
const (
	firstRequests = 50 // half a second, 10 ms away
	countable     = 10 * time.Millisecond
	attempts      = 6 // with ten times the requests of the one before

	// perConnection is how many batches each connection sends at least: its
	// clock runs while it connects, and with too few that is what it measures.
	perConnection = 20
)

var errTooShort = errors.New("it took no time that it could count")

func (b *RedisBenchmark) run(shape func(load.Load) (connections, pipeline int)) func(context.Context, load.Load) (load.Sample, error) {
	return func(ctx context.Context, l load.Load) (load.Sample, error) {
		connections, pipeline := shape(l)
		key := rateKey{l.Workload.Name, l.Callers, pipeline, l.Addr}
		rate := b.rates[key]
		if rate == 0 {
			var err error
			if rate, err = b.findRate(ctx, l, connections, pipeline); err != nil {
				return load.Sample{}, err
			}
		}
		requests := max(int(rate*l.Slice.Seconds()), perConnection*connections*pipeline)
		s, err := b.measure(ctx, l, connections, pipeline, requests)
		if err == nil {
			b.rates[key] = s.Throughput
		}
		return s, err
	}
}

// findRate is the warm-up that the others have as well.
func (b *RedisBenchmark) findRate(ctx context.Context, l load.Load, connections, pipeline int) (rate float64, err error) {
	requests := max(firstRequests, perConnection*connections*pipeline)
	for range attempts {
		s, err := b.measure(ctx, l, connections, pipeline, requests)
		switch {
		case err == nil && float64(requests)/s.Throughput >= countable.Seconds():
			return s.Throughput, nil
		case err != nil && !errors.Is(err, errTooShort):
			return 0, err
		}
		requests *= 10
	}
	return 0, errTooShort
}

func (b *RedisBenchmark) measure(ctx context.Context, l load.Load, connections, pipeline, requests int) (load.Sample, error) {
	host, port, err := splitAddr(l.Addr)
	if err != nil {
		return load.Sample{}, err
	}
	args := []string{"-h", host, "-p", strconv.Itoa(port), "--csv", "--precision", "3",
		"-c", strconv.Itoa(connections), "-P", strconv.Itoa(pipeline), "-n", strconv.Itoa(requests), "-r", strconv.Itoa(load.KeyCount)}
	cmd := exec.CommandContext(ctx, b.program, append(args, benchmarkCommand(l.Workload)...)...)
	output, err := cmd.Output()
	if err != nil {
		return load.Sample{}, errors.Join(ctx.Err(), fmt.Errorf("redis-benchmark: %w", err))
	}
	s, err := parseBenchmark(string(output))
	if err != nil {
		return load.Sample{}, fmt.Errorf("redis-benchmark: %w", err)
	}
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.CPU = spent.Seconds() / float64(requests) * 1e6
	return s, nil
}

// benchmarkCommand is what it sends, on the keys that everybody uses.
func benchmarkCommand(w load.Workload) []string {
	switch w.Operation {
	case load.Set:
		return []string{"SET", load.ValuePrefix + "__rand_int__", w.Value()}
	case load.Incr:
		return []string{"INCR", load.CounterPrefix + "__rand_int__"}
	}
	return []string{"GET", load.ValuePrefix + "__rand_int__"}
}

// parseBenchmark reads what --csv writes: a line of names and a line of values, times in milliseconds.
func parseBenchmark(output string) (load.Sample, error) {
	rows, err := csv.NewReader(strings.NewReader(output)).ReadAll()
	if err != nil {
		return load.Sample{}, err
	}
	if len(rows) < 2 {
		return load.Sample{}, fmt.Errorf("no figures in %q", output)
	}
	figures := map[string]float64{}
	for i, name := range rows[0] {
		if figures[name], err = strconv.ParseFloat(rows[1][i], 64); err != nil {
			figures[name] = math.NaN() // the name of the test, for one
		}
	}
	unknown := load.Unknown
	s := load.Sample{
		Throughput: figures["rps"], P50: figures["p50_latency_ms"] / 1e3, P99: figures["p99_latency_ms"] / 1e3,
		P999: unknown, CPU: unknown, Allocs: unknown, Bytes: unknown, Goroutines: unknown, Memory: unknown,
	}
	if math.IsInf(s.Throughput, 1) {
		return load.Sample{}, errTooShort
	}
	if !(s.Throughput > 0) || !(s.P99 > 0) {
		return load.Sample{}, fmt.Errorf("no throughput and latency in %q", output)
	}
	return s, nil
}
