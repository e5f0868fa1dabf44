package main

import (
	"fmt"
	"time"

	"github.com/redisconn/redisconn"
)

// verdict is what check found.
type verdict struct {
	target string // empty when the configuration is too broken to name one
	proof  *proof
	exit   int
}

// printVerdict prints a verdict for people.
func (a *app) printVerdict(v verdict) {
	a.printSteps(a.stdout, 0, v.proof)
	a.stdout.printf("\n%s\n", a.result(v))
}

// printSteps prints a proof: a statement for every stage that holds, and for the
// one that does not, what is known and what to do.
func (a *app) printSteps(c *console, indent int, p *proof) {
	for _, s := range p.steps {
		switch s.result {
		case passed:
			c.row(indent, passed, s.said, duration(a.took(s.took)))
		case skipped:
			c.row(indent, skipped, string(s.stage)+": "+s.said, "")
		case failed:
			a.printFailure(c, indent, p)
		}
		if s.stage == redisconn.StageConfig {
			c.warnings(indent+2, p.warnings)
		}
	}
}

// printFailure prints the stage that broke.
func (a *app) printFailure(c *console, indent int, p *proof) {
	info := p.class.Info()
	broken := p.failure()
	right := ""
	if broken.took > 0 {
		right = duration(a.took(broken.took))
	}
	c.row(indent, failed, string(broken.stage)+": "+info.Meaning, right)
	if len(p.problems) > 0 {
		c.problems(indent+2, p.problems)
		return
	}
	c.label(indent+2, "cause", broken.said)
	c.label(indent+2, "likely", info.Causes)
	c.label(indent+2, "next", info.Next)
}

// result sums a verdict up in a line.
func (a *app) result(v verdict) string {
	p := v.proof
	took := duration(a.took(p.took))
	counts := fmt.Sprintf("%d proved", p.count(passed))
	if n := len(p.warnings); n > 0 {
		counts += ", " + plural(n, "warning")
	}
	switch v.exit {
	case exitOK:
		return a.stdout.paint(green, "√ connected") + ": " + counts + ", in " + took
	case exitDeadline:
		return a.stdout.paint(red, "× "+string(p.failure().stage)+" still fails") + " [" + string(p.class) + "] after " + took + " and " + plural(p.attempts, "attempt")
	}
	return a.stdout.paint(red, "× "+string(p.failure().stage)+" failed") + " [" + string(p.class) + "]: " + counts + ", in " + took
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
	Result string           `json:"result"` // pass, fail or skip
	Detail string           `json:"detail"`
	Took   float64          `json:"took_ms"`
	Fault  *failureDocument `json:"failure,omitempty"`
}

type failureDocument struct {
	Class   redisconn.Class `json:"class"`
	Meaning string          `json:"meaning"`
	Likely  string          `json:"likely"`
	Next    string          `json:"next"`
}

var resultWords = map[mark]string{passed: "pass", failed: "fail", skipped: "skip"}

// document is v as JSON; took is how measured times are shown.
func (v verdict) document(took func(time.Duration) time.Duration) verdictDocument {
	p := v.proof
	d := verdictDocument{
		Success: v.exit == exitOK, ExitCode: v.exit, Target: v.target, Class: p.class, Attempts: p.attempts,
		Took: milliseconds(took(p.took)), Warnings: append([]redisconn.Warning{}, p.warnings...), Problems: p.problems,
	}
	for _, s := range p.steps {
		stage := stageDocument{Stage: s.stage, Result: resultWords[s.result], Detail: s.said}
		if s.result != skipped {
			stage.Took = milliseconds(took(s.took))
		}
		if s.result == failed {
			info := p.class.Info()
			stage.Fault = &failureDocument{Class: p.class, Meaning: info.Meaning, Likely: info.Causes, Next: info.Next}
		}
		d.Stages = append(d.Stages, stage)
	}
	return d
}
