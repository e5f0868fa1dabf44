package load

import (
	"fmt"
	"strings"
)

// Operation is what one call of a caller does.
type Operation string

// The operations.
const (
	Get      Operation = "get"
	Set      Operation = "set"
	Mixed    Operation = "mixed" // four GET, then one SET
	Incr     Operation = "incr"
	Pipeline Operation = "pipeline" // PipelineLength times GET, sent as one
)

// PipelineLength is how many commands a pipeline has.
const PipelineLength = 100

// Workload is what the callers of a cell do.
type Workload struct {
	Name      string // for flags, files and rows
	Title     string // for people
	Operation Operation
	ValueSize int // bytes of a value that is read or written
}

// Commands is how many commands one call sends.
func (w Workload) Commands() int {
	if w.Operation == Pipeline {
		return PipelineLength
	}
	return 1
}

// Workloads are all there are, in the order in which they are reported.
var Workloads = []Workload{
	{Name: "get", Title: "GET, 64 B", Operation: Get, ValueSize: 64},
	{Name: "set", Title: "SET, 64 B", Operation: Set, ValueSize: 64},
	{Name: "mixed", Title: "80 % GET and 20 % SET, 64 B", Operation: Mixed, ValueSize: 64},
	{Name: "incr", Title: "INCR", Operation: Incr},
	{Name: "get-4k", Title: "GET, 4 KiB", Operation: Get, ValueSize: 4096},
	{Name: "set-4k", Title: "SET, 4 KiB", Operation: Set, ValueSize: 4096},
	{Name: "pipeline", Title: "pipeline of 100 GET, 64 B", Operation: Pipeline, ValueSize: 64},
}

// FindWorkload returns the workload of that name.
func FindWorkload(name string) (Workload, error) {
	names := make([]string, len(Workloads))
	for i, w := range Workloads {
		if w.Name == name {
			return w, nil
		}
		names[i] = w.Name
	}
	return Workload{}, fmt.Errorf("there is no workload %q; there are %s", name, strings.Join(names, ", "))
}

// KeyCount is how many keys there are of each kind. They spread a load over the
// server's table and fit its caches, so that the clients are compared and not
// the memory.
const KeyCount = 1000

// The names of the keys are those that redis-benchmark makes of __rand_int__.
const (
	ValuePrefix   = "bench:value:"
	CounterPrefix = "bench:counter:"
)

// The keys are made once: to build them while measuring would count as the client's work.
var (
	values   = keys(ValuePrefix)
	counters = keys(CounterPrefix)
)

func keys(prefix string) []string {
	all := make([]string, KeyCount)
	for i := range all {
		all[i] = fmt.Sprintf("%s%012d", prefix, i)
	}
	return all
}

// Value is what is stored under a key of values.
func (w Workload) Value() string { return strings.Repeat("x", w.ValueSize) }

// ValueKeys are those that GET and SET use.
func ValueKeys() []string { return values }

// CounterKeys are those that INCR counts in.
func CounterKeys() []string { return counters }
