package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// The sequences of a terminal, see xterm's ctlseqs. Those it does not know it skips.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the alternate screen, without a cursor and without wrapping
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h" // what follows appears at once
	endFrame    = "\x1b[?2026l"
	clearScreen = "\x1b[2J"
	clearRest   = "\x1b[K"
)

// screen is a terminal that shows one frame after the other. What was on it
// before is there again when it is left.
type screen struct {
	c             *console
	columns, rows int
	shown         []string
}

func (s *screen) enter() { s.c.printf(enterScreen) }
func (s *screen) leave() { s.c.printf(leaveScreen) }

// resize tells how large the terminal is now: terminals move what is on them
// about when they change.
func (s *screen) resize(columns, rows int) {
	if columns != s.columns || rows != s.rows {
		s.columns, s.rows, s.shown = columns, rows, nil
	}
}

// show draws a frame in one write, so that nobody sees half of one, and only
// those of its lines that changed.
func (s *screen) show(frame []line) {
	lines := make([]string, s.rows)
	for i := range min(len(frame), s.rows) {
		l := frame[i].cut(s.columns)
		lines[i] = s.c.line(l)
		if l.width() < s.columns { // at the edge it would clear the last character
			lines[i] += clearRest
		}
	}
	if slices.Equal(lines, s.shown) {
		return
	}
	var b strings.Builder
	b.WriteString(beginFrame)
	if s.shown == nil {
		b.WriteString(clearScreen)
	}
	for i, text := range lines {
		switch {
		case s.shown != nil && s.shown[i] == text:
		case text == "":
			fmt.Fprintf(&b, "\x1b[%d;1H%s", i+1, clearRest)
		default:
			fmt.Fprintf(&b, "\x1b[%d;1H%s", i+1, text)
		}
	}
	b.WriteString(endFrame)
	s.c.printf("%s", b.String())
	s.shown = lines
}

// size is that of the terminal now.
func (c *console) size() (columns, rows int) {
	if file, ok := c.w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return lineWidth, 24
}
