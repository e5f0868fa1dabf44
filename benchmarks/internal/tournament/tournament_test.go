package tournament_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
	"github.com/redisconn/redisconn/benchmarks/internal/tournament"
)

// stage is a tournament of contestants that only say that they ran.
type stage struct {
	tournament.Tournament
	ran    []string
	filled []string
	loads  []load.Load
	fail   map[string]error
}

func newStage(names ...string) *stage {
	s := &stage{fail: map[string]error{}}
	for _, name := range names {
		s.Contestants = append(s.Contestants, contestant.Contestant{
			About: contestant.About{Name: name, Title: name},
			Run: func(_ context.Context, l load.Load) (load.Sample, error) {
				s.ran = append(s.ran, fmt.Sprintf("%s %s %d", name, l.Workload.Name, l.Callers))
				s.loads = append(s.loads, l)
				return load.Sample{Throughput: 1}, s.fail[name]
			},
		})
	}
	s.Warmup, s.Slice = time.Millisecond, 10*time.Millisecond
	s.Addr = func(link time.Duration) (string, error) { return "server " + link.String(), nil }
	s.Fill = func(_ context.Context, w load.Workload) error {
		s.filled = append(s.filled, w.Name)
		return nil
	}
	s.Progress = func(tournament.Step) {}
	return s
}

func (s *stage) round(t *testing.T, repeat int, cells ...result.Cell) error {
	t.Helper()
	steps, err := s.Steps(repeat, cells)
	if err != nil {
		t.Fatal(err)
	}
	return s.Run(t.Context(), steps)
}

var (
	get1 = result.Cell{Workload: "get", Callers: 1}
	get8 = result.Cell{Workload: "get", Callers: 8}
)

func TestContestantsTakeTurnsAndEverySecondRoundGoesBackwards(t *testing.T) {
	s := newStage("a", "b", "c")
	for repeat := range 2 {
		if err := s.round(t, repeat, get1, get8); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"a get 1", "b get 1", "c get 1", "a get 8", "b get 8", "c get 8",
		"c get 8", "b get 8", "a get 8", "c get 1", "b get 1", "a get 1",
	}
	if !slices.Equal(s.ran, want) {
		t.Errorf("the order was %q, want %q", s.ran, want)
	}
	if !slices.Equal(s.filled, []string{"get", "get", "get", "get"}) {
		t.Errorf("values were stored for %q, want once for each cell of a round", s.filled)
	}
	if len(s.Results.Rows) != len(want) {
		t.Errorf("%d rows, want %d", len(s.Results.Rows), len(want))
	}
}

func TestAContestantThatFailsDoesNotKeepTheOthersFromRunning(t *testing.T) {
	s := newStage("a", "b")
	s.fail["a"] = errors.New("no connection")
	if err := s.round(t, 3, get1); err != nil {
		t.Fatal(err)
	}
	want := []result.Failure{{Cell: get1, Contestant: "a", Repeat: 3, Reason: "no connection"}}
	if !slices.Equal(s.Results.Failures, want) {
		t.Errorf("the failures are %v, want %v", s.Results.Failures, want)
	}
	if !s.Results.Has(get1, "b") || s.Results.Has(get1, "a") {
		t.Errorf("the rows are %v", s.Results.Rows)
	}
}

func TestWhoCannotOrNeedNotIsLeftOut(t *testing.T) {
	s := newStage("a", "b", "c")
	s.Contestants[0].Can = func(w load.Workload) bool { return w.Operation != load.Get }
	s.Enters = func(_ result.Cell, about contestant.About) bool { return about.Name != "b" }
	if err := s.round(t, 0, get1); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.ran, []string{"c get 1"}) {
		t.Errorf("ran %q, want c only", s.ran)
	}
}

func TestALongLinkHasALongSliceAndItsOwnAddress(t *testing.T) {
	s := newStage("a")
	far := result.Cell{Workload: "get", Link: 10 * time.Millisecond, Callers: 1}
	if err := s.round(t, 0, far); err != nil {
		t.Fatal(err)
	}
	if l := s.loads[0]; l.Slice < 400*time.Millisecond || l.Warmup < 50*time.Millisecond || l.Addr != "server 10ms" {
		t.Errorf("the load is %+v", l)
	}
}

func TestTheEndOfTheContextEndsTheTournament(t *testing.T) {
	s := newStage("a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(tournament.Step) { cancel() }
	steps, err := s.Steps(0, []result.Cell{get1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(ctx, steps); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
	if len(s.ran) != 1 || len(s.Results.Rows) != 0 {
		t.Errorf("ran %q and kept %d rows; a slice that was interrupted does not count", s.ran, len(s.Results.Rows))
	}
}

func TestAServerThatDoesNotTakeValuesEndsTheTournament(t *testing.T) {
	s := newStage("a")
	gone := errors.New("gone")
	s.Fill = func(context.Context, load.Workload) error { return gone }
	if err := s.round(t, 0, get1); !errors.Is(err, gone) {
		t.Errorf("the error is %v, want %v", err, gone)
	}
}
