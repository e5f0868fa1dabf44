package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/redisconn/redisconn/doctor"
)

var outcomeMarks = map[doctor.Outcome]mark{
	doctor.OutcomePass: passed, doctor.OutcomeWarn: warned, doctor.OutcomeFail: failed, doctor.OutcomeSkip: skipped,
}

// doctorTable prints results for people, as they come in. What is well and
// nobody asks about, and what was skipped for a reason that is told elsewhere, is
// counted instead.
type doctorTable struct {
	a     *app
	c     *console
	layer doctor.Layer
	moot  int            // checks that have nothing to check here
	roots []string       // in the order in which they were met
	needs map[string]int // checks that were skipped because of a root
}

// print prints a result.
func (t *doctorTable) print(r doctor.Result) {
	switch {
	case r.Moot:
		t.moot++
	case r.Root != "":
		if t.needs == nil {
			t.needs = map[string]int{}
		}
		if t.needs[r.Root] == 0 {
			t.roots = append(t.roots, r.Root)
		}
		t.needs[r.Root]++
	case r.Quiet && r.Outcome == doctor.OutcomePass:
	case r.Outcome == doctor.OutcomeSkip && r.Detail == "not made offline":
		t.moot++
	default:
		t.head(r.Layer)
		t.row(r)
	}
}

// head prints the name of a layer before the first row of it.
func (t *doctorTable) head(layer doctor.Layer) {
	if layer == t.layer {
		return
	}
	if t.layer != "" {
		t.c.printf("\n")
	}
	t.layer = layer
	t.c.printf("%s\n", t.c.paint(bold, string(layer)))
}

// row prints a result that is worth one.
func (t *doctorTable) row(r doctor.Result) {
	took := ""
	if r.Took > 0 && !r.Quiet {
		took = duration(t.a.took(r.Took))
	}
	switch r.Outcome {
	case doctor.OutcomePass:
		t.c.row(2, passed, cmp.Or(r.Detail, r.Title), took)
		return
	case doctor.OutcomeSkip:
		t.c.row(2, skipped, r.Title, r.ID)
		t.c.label(4, "reason", r.Detail)
	default:
		t.c.row(2, outcomeMarks[r.Outcome], r.Title, strings.TrimSpace(took+"  "+r.ID))
		t.c.label(4, "found", r.Detail)
		t.evidence(r.Evidence)
		t.c.label(4, "likely", r.Cause)
	}
	for _, step := range r.Fix {
		t.c.step(4, step)
	}
}

// evidence prints what was seen: numbers and words in a line, texts in one each.
func (t *doctorTable) evidence(facts []doctor.Fact) {
	var words []string
	for _, fact := range facts {
		if text := fact.String(); text != "" && !strings.Contains(text, " ") {
			words = append(words, fact.Name+" "+text)
		}
	}
	if len(words) > 0 {
		t.c.label(4, "", strings.Join(words, ", "))
	}
	for _, fact := range facts {
		if text := fact.String(); strings.Contains(text, " ") {
			t.c.label(4, "", fact.Name+": "+text)
		}
	}
}

// step prints a step of a repair. A command stays in one piece: it is copied.
func (c *console) step(indent int, step doctor.Remedy) {
	c.label(indent, "fix", step.Text)
	if step.Command != "" {
		c.command(indent, "", step.Command)
	}
}

// command prints what to type under a label, in one piece.
func (c *console) command(indent int, label, command string) {
	c.printf("%s%s%s\n", strings.Repeat(" ", indent), c.paint(faint, pad(label, labelWidth)), c.paint(bold, command))
}

// end prints what was counted, and sums up.
func (t *doctorTable) end(report *doctor.Report, bundled bool) {
	t.c.printf("\n")
	for _, root := range t.roots {
		t.c.row(0, skipped, plural(t.needs[root], "check")+" skipped, because of "+root, "")
	}
	if t.moot > 0 {
		t.c.row(0, skipped, plural(t.moot, "check")+" not needed here", "")
	}
	worst := report.Worst()
	words := map[doctor.Outcome]string{
		doctor.OutcomePass: "√ all is well", doctor.OutcomeWarn: "‼ it works, with warnings",
		doctor.OutcomeFail: "× not well", doctor.OutcomeSkip: "- nothing was checked",
	}
	t.c.printf("%s: %s, in %s\n", t.c.paint(markStyles[outcomeMarks[worst]], words[worst]), report.Summary(), duration(t.a.took(report.Took)))
	for _, r := range report.Results {
		if r.Outcome == worst && (worst == doctor.OutcomeFail || worst == doctor.OutcomeWarn) {
			t.c.printf("  %s\n", t.c.paint(faint, fmt.Sprintf("redisconn doctor --explain %s says more about it", r.ID)))
			break
		}
	}
	if worst == doctor.OutcomeFail && !bundled {
		t.c.printf("  %s\n", t.c.paint(faint, "redisconn doctor --bundle doctor.zip collects what somebody needs who is asked for help"))
	}
}
