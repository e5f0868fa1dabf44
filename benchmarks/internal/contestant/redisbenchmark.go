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
	"sync"

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

	mu    sync.Mutex // guards rates
	rates map[rateKey]float64
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
// before times the slice. These are for the first time, which is the warm-up
// that the others have as well: the rate of one request under way, and what no
// number of them gets above.
const (
	assumedRate = 20_000
	highestRate = 1_000_000

	// perConnection is how many batches each connection sends at least.
	perConnection = 20
)

func (b *RedisBenchmark) run(shape func(load.Load) (connections, pipeline int)) func(context.Context, load.Load) (load.Sample, error) {
	return func(ctx context.Context, l load.Load) (load.Sample, error) {
		connections, pipeline := shape(l)
		key := rateKey{l.Workload.Name, l.Callers, pipeline, l.Addr}
		b.mu.Lock()
		rate := b.rates[key]
		b.mu.Unlock()
		if rate == 0 {
			assumed := min(assumedRate*float64(pipeline), highestRate)
			warm, err := b.measure(ctx, l, connections, pipeline, assumed*l.Warmup.Seconds())
			if err != nil {
				return load.Sample{}, err
			}
			rate = warm.Throughput
		}
		s, err := b.measure(ctx, l, connections, pipeline, rate*l.Slice.Seconds())
		if err == nil {
			b.mu.Lock()
			b.rates[key] = s.Throughput
			b.mu.Unlock()
		}
		return s, err
	}
}

func (b *RedisBenchmark) measure(ctx context.Context, l load.Load, connections, pipeline int, requests float64) (load.Sample, error) {
	host, port, err := splitAddr(l.Addr)
	if err != nil {
		return load.Sample{}, err
	}
	// Its clock runs while it connects: with too few requests that is what it measures.
	count := max(int(requests), perConnection*connections*pipeline)
	args := []string{"-h", host, "-p", strconv.Itoa(port), "--csv", "--precision", "3",
		"-c", strconv.Itoa(connections), "-P", strconv.Itoa(pipeline), "-n", strconv.Itoa(count), "-r", strconv.Itoa(load.KeyCount)}
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
	s.CPU = spent.Seconds() / float64(count) * 1e6
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
	// It counts milliseconds: what took none has a throughput of "inf".
	if !(s.Throughput > 0) || math.IsInf(s.Throughput, 0) || !(s.P99 > 0) {
		return load.Sample{}, fmt.Errorf("no throughput and latency in %q", output)
	}
	return s, nil
}
