package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
)

// verdict is what check found.
type verdict struct {
	target string // empty when the configuration is too broken to name one
	proof  *doctor.Proof
	broken doctor.Result // the check that the failure belongs to
	exit   int
}

// printVerdict prints a verdict for people.
func (a *app) printVerdict(v verdict) {
	a.printSteps(a.stdout, 0, v.proof, v.broken)
	a.stdout.printf("\n%s\n", a.result(v))
}

// printSteps prints a proof: a statement for every stage that holds, and for the
// one that does not, what is known and what to do: check is the one that it belongs to.
func (a *app) printSteps(c *console, indent int, p *doctor.Proof, check doctor.Result) {
	for _, s := range p.Steps {
		switch s.Outcome {
		case doctor.OutcomePass:
			c.row(indent, passed, s.Said, duration(a.took(s.Took)))
		case doctor.OutcomeSkip:
			c.row(indent, skipped, string(s.Stage)+": "+s.Said, "")
		case doctor.OutcomeFail:
			a.printFailure(c, indent, p, check)
		}
		if s.Stage == redisconn.StageConfig {
			c.warnings(indent+2, p.Warnings)
		}
	}
}

// printFailure prints the stage that broke.
func (a *app) printFailure(c *console, indent int, p *doctor.Proof, check doctor.Result) {
	info := p.Class.Info()
	broken := p.Failure()
	right := ""
	if broken.Took > 0 {
		right = duration(a.took(broken.Took))
	}
	c.row(indent, failed, string(broken.Stage)+": "+info.Meaning, strings.TrimSpace(right+"  "+check.ID))
	if len(p.Problems) > 0 {
		c.problems(indent+2, p.Problems)
	} else {
		c.label(indent+2, "cause", broken.Said)
		c.label(indent+2, "likely", info.Causes)
		c.label(indent+2, "next", info.Next)
	}
	if command := check.Command(); command != "" {
		c.command(indent+2, "type", command)
	}
}

// result sums a verdict up in a line.
func (a *app) result(v verdict) string {
	p := v.proof
	took := duration(a.took(p.Took))
	counts := fmt.Sprintf("%d proved", p.Count(doctor.OutcomePass))
	if n := len(p.Warnings); n > 0 {
		counts += ", " + plural(n, "warning")
	}
	switch v.exit {
	case exitOK:
		return a.stdout.paint(green, "√ connected") + ": " + counts + ", in " + took
	case exitDeadline:
		return a.stdout.paint(red, "× "+string(p.Failure().Stage)+" still fails") + " [" + string(p.Class) + "] after " + took + " and " + plural(p.Attempts, "attempt")
	}
	return a.stdout.paint(red, "× "+string(p.Failure().Stage)+" failed") + " [" + string(p.Class) + "]: " + counts + ", in " + took
}

// verdictDocument is a verdict as JSON. Its fields are a contract, see docs/cli.md.
type verdictDocument struct {
	Success  bool                    `json:"success"`
	ExitCode int                     `json:"exit_code"`
	Target   string                  `json:"target,omitempty"`
	Class    redisconn.Class         `json:"class,omitempty"`
	Attempts int                     `json:"attempts,omitempty"`
	Took     float64                 `json:"took_ms"`
	Stages   []stageDocument         `json:"stages"`
	Warnings []redisconn.Warning     `json:"warnings"`
	Problems []*redisconn.FieldError `json:"problems,omitempty"`
}

type stageDocument struct {
	Stage  redisconn.Stage  `json:"stage"`
	Result doctor.Outcome   `json:"result"` // pass, fail or skip
	Detail string           `json:"detail"`
	Took   float64          `json:"took_ms"`
	Fault  *failureDocument `json:"failure,omitempty"`
}

type failureDocument struct {
	Check   string          `json:"check,omitempty"`
	Class   redisconn.Class `json:"class"`
	Meaning string          `json:"meaning"`
	Likely  string          `json:"likely"`
	Next    string          `json:"next"`
	Command string          `json:"command,omitempty"`
}

// document is v as JSON; took is how measured times are shown.
func (v verdict) document(took func(time.Duration) time.Duration) verdictDocument {
	p := v.proof
	d := verdictDocument{
		Success: v.exit == exitOK, ExitCode: v.exit, Target: v.target, Class: p.Class, Attempts: p.Attempts,
		Took: milliseconds(took(p.Took)), Warnings: append([]redisconn.Warning{}, p.Warnings...), Problems: p.Problems,
	}
	for _, s := range p.Steps {
		stage := stageDocument{Stage: s.Stage, Result: s.Outcome, Detail: s.Said}
		if s.Outcome != doctor.OutcomeSkip {
			stage.Took = milliseconds(took(s.Took))
		}
		if s.Outcome == doctor.OutcomeFail {
			info := p.Class.Info()
			stage.Fault = &failureDocument{
				Check: v.broken.ID, Class: p.Class, Meaning: info.Meaning, Likely: info.Causes, Next: info.Next, Command: v.broken.Command(),
			}
		}
		d.Stages = append(d.Stages, stage)
	}
	return d
}
