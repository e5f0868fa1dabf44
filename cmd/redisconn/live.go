package main

import (
	"os"

	"golang.org/x/term"
)

// live is a line that says what is under way. On a terminal it changes in place;
// elsewhere it is written once for each news.
type live struct {
	c    *console
	told string
}

// show replaces the line. The details are for terminals only.
func (l *live) show(news, details string) {
	switch {
	case l.c.terminal:
		l.c.printf("\r\x1b[K%s", l.c.paint(faint, cut(news+details, l.c.columns()-1)))
	case news != l.told:
		l.c.printf("%s\n", news)
	}
	l.told = news
}

// clear makes room for what comes next.
func (l *live) clear() {
	if l.c.terminal && l.told != "" {
		l.c.printf("\r\x1b[K")
	}
}

// columns is the width of the terminal now: windows change.
func (c *console) columns() int {
	if file, ok := c.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return lineWidth
}

// cut shortens text to so many characters, so that a line stays one line.
func cut(text string, width int) string {
	if letters := []rune(text); len(letters) > width {
		return string(letters[:max(width-1, 0)]) + "…"
	}
	return text
}
