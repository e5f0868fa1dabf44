package load

import "math"

// Sample is what one slice of time with one client told.
type Sample struct {
	Throughput float64 // commands per second
	P50        float64 // seconds that a call took; so the next
	P99        float64
	P999       float64
	CPU        float64 // processor seconds of the client's process per million commands, user and system
	Allocs     float64 // heap allocations per command
	Bytes      float64 // bytes of these
	Goroutines float64 // that the client ran beside the callers, at most
	Memory     float64 // bytes that the process grew by, at most: heap, stacks, runtime
}

// Unknown stands for what cannot be measured in a contestant.
var Unknown = math.NaN()

// Metric is a column: one figure of a sample.
type Metric struct {
	Name  string // for files
	Title string // for people, with the unit in which Show writes
	Of    func(*Sample) *float64
	Unit  Unit

	HigherIsBetter bool
}

// Unit is what a figure counts, which decides how it is written.
type Unit int

// The units.
const (
	Rate Unit = iota
	Seconds
	CPUSeconds
	Count
	Bytes
	Memory
)

// Metrics are all figures of a sample, in the order in which they are reported.
var Metrics = []Metric{
	{Name: "throughput_per_s", Title: "commands/s", Unit: Rate, HigherIsBetter: true, Of: func(s *Sample) *float64 { return &s.Throughput }},
	{Name: "p50_s", Title: "p50", Unit: Seconds, Of: func(s *Sample) *float64 { return &s.P50 }},
	{Name: "p99_s", Title: "p99", Unit: Seconds, Of: func(s *Sample) *float64 { return &s.P99 }},
	{Name: "p999_s", Title: "p99.9", Unit: Seconds, Of: func(s *Sample) *float64 { return &s.P999 }},
	{Name: "cpu_s_per_million", Title: "CPU s/M", Unit: CPUSeconds, Of: func(s *Sample) *float64 { return &s.CPU }},
	{Name: "allocs_per_command", Title: "allocs", Unit: Count, Of: func(s *Sample) *float64 { return &s.Allocs }},
	{Name: "bytes_per_command", Title: "B", Unit: Bytes, Of: func(s *Sample) *float64 { return &s.Bytes }},
	{Name: "goroutines", Title: "goroutines", Unit: Count, Of: func(s *Sample) *float64 { return &s.Goroutines }},
	{Name: "memory_bytes", Title: "memory", Unit: Memory, Of: func(s *Sample) *float64 { return &s.Memory }},
}

// The metrics that targets and plots are about.
var (
	Throughput = Metrics[0]
	P99        = Metrics[2]
)
