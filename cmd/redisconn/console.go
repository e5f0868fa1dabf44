package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/redisconn/redisconn"
)

// lineWidth is how wide lines are laid out, on terminals and off them, so that
// what is copied out of one looks the same in the other.
const lineWidth = 88

// console is a stream that people read, or programs. It remembers the first
// error of writing, so that printing needs no check at every line.
type console struct {
	w        io.Writer
	terminal bool
	colour   bool
	err      error
}

// newConsole finds out what w is. Colours are for terminals, and for people who
// did not ask to be spared them: https://no-color.org.
func newConsole(w io.Writer, env []string) *console {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	plain := slices.Contains(env, "TERM=dumb") || slices.ContainsFunc(env, func(entry string) bool {
		value, set := strings.CutPrefix(entry, "NO_COLOR=")
		return set && value != ""
	})
	return &console{w: w, terminal: terminal, colour: terminal && !plain}
}

// Write passes p on until the first error.
func (c *console) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.err = err
	return n, err
}

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c, format, args...) }

// json prints a document, indented.
func (c *console) json(document any) error {
	encoder := json.NewEncoder(c)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// style is an SGR sequence's parameter, see ECMA-48 8.3.117.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (c *console) paint(s style, text string) string {
	if !c.colour || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// mark begins a line and says what it is.
type mark string

const (
	passed  mark = "√"
	failed  mark = "×"
	skipped mark = "-"
	warned  mark = "‼"
)

var markStyles = map[mark]style{passed: green, failed: red, skipped: faint, warned: yellow}

// row prints a mark, a statement and, at the right edge, how long it took.
func (c *console) row(indent int, m mark, statement, right string) {
	text := statement
	switch m {
	case failed:
		text = c.paint(bold, statement)
	case skipped:
		text = c.paint(faint, statement)
	}
	line := strings.Repeat(" ", indent) + c.paint(markStyles[m], string(m)) + " " + text
	if right != "" {
		gap := lineWidth - indent - 2 - utf8.RuneCountInString(statement) - utf8.RuneCountInString(right)
		line += strings.Repeat(" ", max(gap, 2)) + c.paint(faint, right)
	}
	c.printf("%s\n", line)
}

// labelWidth is the column in which what is labelled begins.
const labelWidth = 8

// label prints text under a label, wrapped and indented.
func (c *console) label(indent int, label, text string) {
	lead := strings.Repeat(" ", indent)
	for i, line := range wrap(text, lineWidth-indent-labelWidth) {
		if i > 0 {
			label = ""
		}
		c.printf("%s%s%s\n", lead, c.paint(faint, pad(label, labelWidth)), line)
	}
}

// warnings prints lints with their codes and fixes.
func (c *console) warnings(indent int, warnings []redisconn.Warning) {
	for _, w := range warnings {
		c.row(indent, warned, w.Field, w.Code)
		c.label(indent+2, "found", w.Text)
		c.label(indent+2, "fix", w.Fix)
	}
}

// problems prints what is wrong with a configuration, each with what to do.
func (c *console) problems(indent int, problems []*redisconn.FieldError) {
	for _, p := range problems {
		text := p.Field
		if p.Value != "" {
			text += " = " + p.Value
		}
		c.row(indent, failed, text, p.Source)
		c.label(indent+2, "reason", p.Reason)
		if p.Fix != "" {
			c.label(indent+2, "fix", p.Fix)
		}
	}
}

// wrap breaks text between words so that lines have at most that many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// pad fills text up with spaces; fmt's %-8s counts bytes of colours too.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// duration is d with three digits, from a microsecond on: 421µs, 12.3ms, 1.23s.
func duration(d time.Duration) string {
	if d > 0 && d < time.Microsecond {
		return "<1µs"
	}
	for unit := time.Nanosecond; unit <= time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Second).String()
}

// milliseconds is d as JSON has it, to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// plural counts a noun: "1 warning", "2 warnings".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
