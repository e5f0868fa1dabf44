package contestant_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/redisconntest"
)

// nodeDir is where load.mjs is.
const nodeDir = "../../ioredis"

func contestants(t *testing.T) []contestant.Contestant {
	t.Helper()
	all := contestant.InProcess()
	ioredis, err := contestant.StartIORedis(t.Context(), nodeDir, func(text string) { t.Log(text) })
	switch {
	case errors.Is(err, contestant.ErrNoNode):
		t.Log("without ioredis:", err)
	case err != nil:
		t.Fatal(err)
	default:
		t.Cleanup(func() {
			if err := ioredis.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, ioredis.Contestants()...)
	}
	ceiling, err := contestant.FindRedisBenchmark()
	if err != nil {
		t.Log("without a ceiling:", err)
		return all
	}
	return append(all, ceiling.Contestants()...)
}

// Two packages of this module test with ioredis, and `go test ./...` runs them
// side by side. On a machine without ioredis both ran npm in the same folder, and
// one found the folder of the package there and no package in it yet.
func TestIORedisIsInstalledByManyAtOnce(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Log("without ioredis:", err)
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"load.mjs", "package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(nodeDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start := func() {
		r, err := contestant.StartIORedis(t.Context(), dir, func(string) {})
		if err != nil {
			t.Error(err)
			return
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	var starting sync.WaitGroup
	starting.Go(start)
	starting.Go(start)
	thereIs := filepath.Join(dir, "node_modules", "ioredis")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(thereIs); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there after a minute", thereIs)
		}
	}
	start() // who sees the folder must be able to use it
	starting.Wait()
	left, err := filepath.Glob(filepath.Join(dir, "node_modules*"))
	if err != nil || len(left) != 1 {
		t.Errorf("there is %v after it, %v", left, err)
	}
}

// fill stores what workloads read.
func fill(t *testing.T, server *redisconntest.Server, w load.Workload) {
	t.Helper()
	_, err := server.Client().Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for _, key := range load.ValueKeys() {
			p.Set(t.Context(), key, w.Value(), 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// commandsOf are the commands that the server must see of a workload.
func commandsOf(w load.Workload) []string {
	switch w.Operation {
	case load.Set:
		return []string{"set"}
	case load.Mixed:
		return []string{"get", "set"}
	case load.Incr:
		return []string{"incr"}
	}
	return []string{"get"}
}

// Every contestant does every workload that it says it can, on a real server,
// and the server has seen at least what the contestant claims to have done.
func TestEveryContestantDoesEveryWorkload(t *testing.T) {
	server := redisconntest.NewServer(t)
	all := contestants(t)
	for _, w := range load.Workloads {
		fill(t, server, w)
		for _, c := range all {
			if c.Can != nil && !c.Can(w) {
				continue
			}
			t.Run(w.Name+"/"+c.Name, func(t *testing.T) {
				seen := func() (n int64) {
					for _, command := range commandsOf(w) {
						n += server.CommandCalls(command)
					}
					return n
				}
				before := seen()
				l := load.Load{Workload: w, Callers: 5, Addr: server.Addr(), Warmup: 5 * time.Millisecond, Slice: 20 * time.Millisecond}
				s, err := c.Run(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				if !(s.Throughput > 0) || math.IsInf(s.Throughput, 0) || !(s.P50 > 0) || s.P99 < s.P50 || s.CPU < 0 {
					t.Errorf("measured %+v", s)
				}
				claimed := int64(s.Throughput * l.Slice.Seconds() / 2) // half: slices are not to the microsecond
				if c.Kind == contestant.Ceiling {
					claimed = 1 // it runs for a number of requests, not for a time
				}
				if got := seen() - before; got < claimed {
					t.Errorf("the server executed %d commands, which is less than half of those claimed", got)
				}
			})
		}
	}
}

// A client that gets through although the server refuses would have a fine throughput.
func TestAContestantThatTheServerRefusesFails(t *testing.T) {
	server := redisconntest.NewServer(t)
	w, err := load.FindWorkload("incr")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range load.CounterKeys() {
		if err := server.Client().Set(t.Context(), key, "no number", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range contestants(t) {
		if c.Kind == contestant.Ceiling {
			continue // it does not look at replies
		}
		t.Run(c.Name, func(t *testing.T) {
			_, err := c.Run(t.Context(), load.Load{Workload: w, Callers: 2, Addr: server.Addr(), Slice: 10 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), "not an integer") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestEveryContestantIsListedOnce(t *testing.T) {
	names := map[string]int{}
	subjects := 0
	for _, about := range contestant.All {
		names[about.Name]++
		if about.Kind == contestant.Subject {
			subjects++
		}
		if about.Title == "" || about.Setup == "" || about.Family == "" {
			t.Errorf("%s is not described", about.Name)
		}
	}
	for _, c := range contestants(t) {
		if names[c.Name] != 1 {
			t.Errorf("%s is listed %d times", c.Name, names[c.Name])
		}
	}
	if subjects != 1 {
		t.Errorf("%d contestants are the subject", subjects)
	}
}

func TestAnUnknownContestantNamesThoseThatAreThere(t *testing.T) {
	if err := contestant.Check([]string{"redisconn", "ioredis-auto"}); err != nil {
		t.Error(err)
	}
	if err := contestant.Check([]string{"hiredis"}); err == nil || !strings.Contains(err.Error(), "rueidis") {
		t.Errorf("the error is %v", err)
	}
}
