package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// Result is one check that was made, or could not be.
type Result struct {
	ID       string
	Layer    Layer
	Title    string // what holds when it passed
	Outcome  Outcome
	Took     time.Duration   // 0 for what was skipped
	Class    redisconn.Class // of the failure, where it has one
	Detail   string          // what was found, or why it was skipped
	Evidence []Fact
	Cause    string   // with warn and fail: the likely cause
	Fix      []Remedy // with warn and fail: what to do
	DocURL   string
	Needs    []string
	Root     string // with skip: the check behind it, where it was one
	Moot     bool   // with skip: there is nothing to check here
	Quiet    bool   // worth a line of its own only when it is not well

	settled bool // what needs it can be checked
}

// Report is what an examination found.
type Report struct {
	Target   string // the address; empty when the configuration is too broken to name one
	Began    time.Time
	Took     time.Duration
	Results  []Result // in the order in which the checks were made
	FailOn   Outcome  // from which outcome on the examination has failed
	WaitOver bool     // Options.Wait passed before a connection could be made
	Err      error    // closing the connection failed; what was found holds nevertheless

	about   redisconn.Explanation // what follows is for the bundle
	events  []redisconn.Event
	stats   redisconn.Stats
	secrets secrets
}

// Exit codes of redisconn doctor, for programs that act like it.
const (
	ExitOK       = 0
	ExitFailed   = 1 // a check failed, or warned where warnings count
	ExitConfig   = 2 // the configuration is wrong
	ExitDeadline = 3 // the time to wait is over
)

// Count is how many results have the outcome.
func (r *Report) Count(outcome Outcome) int {
	n := 0
	for _, result := range r.Results {
		if result.Outcome == outcome {
			n++
		}
	}
	return n
}

// Worst is the worst outcome there is.
func (r *Report) Worst() Outcome {
	for _, outcome := range []Outcome{OutcomeFail, OutcomeWarn, OutcomePass} {
		if r.Count(outcome) > 0 {
			return outcome
		}
	}
	return OutcomeSkip
}

// Success reports whether nothing failed, nor warned where warnings count.
func (r *Report) Success() bool {
	return r.Count(OutcomeFail) == 0 && (r.FailOn != OutcomeWarn || r.Count(OutcomeWarn) == 0)
}

// ExitCode is how a command ends that made the examination.
func (r *Report) ExitCode() int {
	if r.Success() {
		return ExitOK
	}
	for _, result := range r.Results {
		if result.Outcome == OutcomeFail && result.Layer == LayerConfig {
			return ExitConfig
		}
	}
	if r.WaitOver {
		return ExitDeadline
	}
	return ExitFailed
}

// Summary sums the report up in a line: 1 failed, 2 warnings, 20 passed, 8 skipped.
func (r *Report) Summary() string {
	var parts []string
	if n := r.Count(OutcomeFail); n > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", n))
	}
	if n := r.Count(OutcomeWarn); n > 0 {
		parts = append(parts, plural(n, "warning"))
	}
	parts = append(parts, fmt.Sprintf("%d passed", r.Count(OutcomePass)))
	if n := r.Count(OutcomeSkip); n > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", n))
	}
	return strings.Join(parts, ", ")
}

// String is the value as people read it.
func (f Fact) String() string {
	switch value := f.Value.(type) {
	case time.Duration:
		return value.Round(roundTo(value)).String()
	case time.Time:
		return value.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(f.Value)
}

// roundTo leaves a duration three digits.
func roundTo(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for unit < time.Second && d.Abs() >= 1000*unit {
		unit *= 10
	}
	return unit
}

// textLimit bounds what a peer can put into a report.
const textLimit = 400

// plural counts a noun: "1 problem", "2 problems".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
