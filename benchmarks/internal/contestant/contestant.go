// Package contestant has the clients that are compared, one file each.
package contestant

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

// About is what there is to say about a contestant, whether it can run here or not.
type About struct {
	Name   string // for flags, files and rows
	Title  string // for people
	Setup  string // how it is configured
	Family string // contestants of one family are one library
	Module string // Go module whose version is told; empty for what is no Go module
	Kind   Kind
}

// Kind is a contestant's part in the comparison.
type Kind int

// The kinds.
const (
	Rival   Kind = iota
	Subject      // the one that this project makes
	Ceiling      // no client for a service: what the server can do
)

// SubjectName is the name of the only contestant of kind Subject.
const SubjectName = "redisconn"

// All are all contestants, in the order in which they are reported.
var All = []About{
	aboutRedisconn,
	aboutGoredis, aboutGoredisLarge, aboutGoredisAuto,
	aboutRueidis, aboutRedigo, aboutRadix,
	aboutIORedis, aboutIORedisAuto,
	aboutBenchmark, aboutBenchmarkPipelined,
}

// Contestant is one that can run here.
type Contestant struct {
	About

	// Run puts a load on it. There is one load at a time: it has the machine to itself.
	Run func(ctx context.Context, l load.Load) (load.Sample, error)

	// Can says whether it knows the workload; nil when it knows all.
	Can func(load.Workload) bool
}

// InProcess are the contestants that are Go libraries.
func InProcess() []Contestant {
	return []Contestant{
		inProcess(aboutRedisconn, openRedisconn),
		inProcess(aboutGoredis, openGoredis),
		inProcess(aboutGoredisLarge, openGoredisLarge),
		inProcess(aboutGoredisAuto, openGoredisAuto),
		inProcess(aboutRueidis, openRueidis),
		inProcess(aboutRedigo, openRedigo),
		inProcess(aboutRadix, openRadix),
	}
}

func inProcess(about About, open load.Open) Contestant {
	return Contestant{About: about, Run: func(ctx context.Context, l load.Load) (load.Sample, error) {
		return load.Run(ctx, open, l)
	}}
}

// pooled is the number of connections where a library wants one to be given:
// what redisconn has by default, and go-redis from two CPUs on.
func pooled() int { return max(10*runtime.GOMAXPROCS(0), 20) }

// patience bounds a call where a library has no bound of its own: far above any
// latency that is measured, so that it cuts off nothing but what hangs.
const patience = 30 * time.Second

// Check returns an error for a name that no contestant has.
func Check(names []string) error {
	known := make([]string, len(All))
	for i, about := range All {
		known[i] = about.Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no contestant %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// Version is the version of a Go module in this program, empty when it has none to tell.
func Version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module && dep.Replace == nil {
			return dep.Version
		}
	}
	return ""
}
