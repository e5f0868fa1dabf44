package load_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

// memory is a client without a server.
type memory struct {
	value      string
	gets, sets atomic.Int64
	incrs      atomic.Int64
	pipelines  atomic.Int64
	closed     atomic.Bool
	fail       func(call int64) error // of GET
	pause      time.Duration
}

func (m *memory) Get(context.Context, string) (string, error) {
	call := m.gets.Add(1)
	if m.fail != nil {
		if err := m.fail(call); err != nil {
			return "", err
		}
	}
	time.Sleep(m.pause)
	return m.value, nil
}

func (m *memory) Set(context.Context, string, string) error {
	m.sets.Add(1)
	return nil
}

func (m *memory) Incr(context.Context, string) (int64, error) { return m.incrs.Add(1), nil }

func (m *memory) GetAll(_ context.Context, keys []string) (int, error) {
	m.pipelines.Add(1)
	return len(keys) * len(m.value), nil
}

func (m *memory) Close() error {
	m.closed.Store(true)
	return nil
}

func (m *memory) open(context.Context, string, int) (load.Client, error) { return m, nil }

func workload(t *testing.T, name string) load.Workload {
	t.Helper()
	w, err := load.FindWorkload(name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tiny(w load.Workload, callers int) load.Load {
	return load.Load{Workload: w, Callers: callers, Warmup: time.Millisecond, Slice: 10 * time.Millisecond}
}

func TestEveryWorkloadCallsWhatItSays(t *testing.T) {
	for _, w := range load.Workloads {
		t.Run(w.Name, func(t *testing.T) {
			m := &memory{value: w.Value()}
			s, err := load.Run(t.Context(), m.open, tiny(w, 3))
			if err != nil {
				t.Fatal(err)
			}
			if s.Throughput <= 0 || s.P50 <= 0 || s.P99 < s.P50 || s.P999 < s.P99 || math.IsNaN(s.Allocs) || s.Memory < 0 {
				t.Errorf("measured %+v", s)
			}
			called := map[load.Operation]bool{
				load.Get: m.gets.Load() > 0, load.Set: m.sets.Load() > 0,
				load.Incr: m.incrs.Load() > 0, load.Pipeline: m.pipelines.Load() > 0,
			}
			for operation, was := range called {
				want := operation == w.Operation || w.Operation == load.Mixed && (operation == load.Get || operation == load.Set)
				if was != want {
					t.Errorf("%s was called: %v, want %v", operation, was, want)
				}
			}
			if !m.closed.Load() {
				t.Error("the client is still open")
			}
		})
	}
}

func TestOneInFiveMixedCallsIsAWrite(t *testing.T) {
	w := workload(t, "mixed")
	m := &memory{value: w.Value()}
	if _, err := load.Run(t.Context(), m.open, tiny(w, 5)); err != nil {
		t.Fatal(err)
	}
	share := float64(m.sets.Load()) / float64(m.sets.Load()+m.gets.Load())
	if share < 0.19 || share > 0.21 {
		t.Errorf("the share of writes is %.3f, want 0.2", share)
	}
}

// Throughput and percentiles must be those of the slice: a client that answers
// each of its two callers once a millisecond has at most two thousand calls a second.
func TestThroughputIsWhatCameBackWithinTheSlice(t *testing.T) {
	w := workload(t, "get")
	m := &memory{value: w.Value(), pause: time.Millisecond}
	l := tiny(w, 2)
	l.Slice = 100 * time.Millisecond
	s, err := load.Run(t.Context(), m.open, l)
	if err != nil {
		t.Fatal(err)
	}
	if s.Throughput > 2050 || s.Throughput < 20 {
		t.Errorf("%.0f calls per second of two callers that wait a millisecond", s.Throughput)
	}
	if s.P50 < 0.98e-3 {
		t.Errorf("the median of calls that wait a millisecond is %vs", s.P50)
	}
}

func TestACallThatFailsMakesTheSliceFail(t *testing.T) {
	w := workload(t, "get")
	broken := errors.New("broken")
	m := &memory{value: w.Value(), fail: func(call int64) error {
		if call == 50 {
			return broken
		}
		return nil
	}}
	if _, err := load.Run(t.Context(), m.open, tiny(w, 4)); !errors.Is(err, broken) {
		t.Errorf("the error is %v, want %v", err, broken)
	}
	if !m.closed.Load() {
		t.Error("the client is still open")
	}
}

func TestAReplyOfAnotherLengthMakesTheSliceFail(t *testing.T) {
	for _, name := range []string{"get", "pipeline"} {
		m := &memory{value: "short"}
		_, err := load.Run(t.Context(), m.open, tiny(workload(t, name), 1))
		if err == nil || !strings.Contains(err.Error(), "bytes instead of") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestAClientThatDoesNotOpenMakesTheSliceFail(t *testing.T) {
	refused := errors.New("refused")
	_, err := load.Run(t.Context(), func(context.Context, string, int) (load.Client, error) { return nil, refused }, tiny(workload(t, "get"), 1))
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v, want %v", err, refused)
	}
}

func TestTheEndOfTheContextEndsTheSlice(t *testing.T) {
	w := workload(t, "get")
	m := &memory{value: w.Value(), pause: time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	l := tiny(w, 2)
	l.Slice = time.Hour
	m.fail = func(call int64) error {
		if call == 20 {
			cancel()
		}
		return nil
	}
	if _, err := load.Run(ctx, m.open, l); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
}

// What a client allocates is counted for each command; the callers' loop adds nothing.
func TestTheLoopItselfAllocatesNothing(t *testing.T) {
	w := workload(t, "set")
	m := &memory{}
	l := tiny(w, 2)
	l.Slice = 50 * time.Millisecond
	s, err := load.Run(t.Context(), m.open, l)
	if err != nil {
		t.Fatal(err)
	}
	if s.Allocs > 0.01 {
		t.Errorf("%v allocations per command of a client that makes none", s.Allocs)
	}
}

func TestAnUnknownWorkloadNamesThoseThatAreThere(t *testing.T) {
	_, err := load.FindWorkload("gett")
	if err == nil || !strings.Contains(err.Error(), "get-4k") {
		t.Errorf("the error is %v", err)
	}
}
