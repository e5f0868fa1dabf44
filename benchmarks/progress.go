package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/redisconn/redisconn/benchmarks/internal/report"
	"github.com/redisconn/redisconn/benchmarks/internal/tournament"
)

// progress says what is under way and how long it will take. On a terminal it is
// one line that changes; elsewhere a line for each tenth.
type progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	began time.Time
	total time.Duration // that all steps should take
	steps int
	done  int
	tenth int
	quiet bool // tell terminals only
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, terminal: isTerminal(w), now: time.Now}
}

// start begins with so many steps that take about so long.
func (p *progress) start(steps int, total time.Duration, quiet bool) {
	p.began, p.steps, p.total, p.done, p.tenth, p.quiet = p.now(), steps, total, 0, -1, quiet
}

const barWidth = 24

// step says what begins.
func (p *progress) step(s tournament.Step) {
	took := p.now().Sub(p.began)
	left := p.total
	if p.done > 0 {
		left = took * time.Duration(p.steps-p.done) / time.Duration(p.done)
	}
	share := p.done * 100 / p.steps
	p.done++
	what := fmt.Sprintf("round %d: %s: %s", s.Repeat+1, s.Cell, s.Contestant.Title)
	switch {
	case p.terminal:
		filled := share * barWidth / 100
		fmt.Fprintf(p.w, "\r\x1b[K%s%s %3d %%  %s left  %s", strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled),
			share, left.Round(time.Second), what)
	case share/10 != p.tenth && !p.quiet:
		p.tenth = share / 10
		fmt.Fprintf(p.w, "%3d %%  %s left  %s\n", share, left.Round(time.Second), what)
	}
}

// say writes a line of its own.
func (p *progress) say(text string) {
	p.clear()
	fmt.Fprintln(p.w, text)
}

// clear makes room for what comes next.
func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// styles are SGR parameters, see ECMA-48 8.3.117.
var styles = map[report.Style]string{report.Bold: "1", report.Faint: "2", report.Good: "32", report.Bad: "31"}

// paintFor colours terminals, unless people asked to be spared: https://no-color.org.
func paintFor(w io.Writer) report.Paint {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return func(_ report.Style, text string) string { return text }
	}
	return func(style report.Style, text string) string { return "\x1b[" + styles[style] + "m" + text + "\x1b[0m" }
}
