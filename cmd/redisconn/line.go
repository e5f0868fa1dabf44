package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is text in one style.
type span struct {
	style style
	text  string
}

// line is one line of a screen: its width is known before it is painted.
type line []span

func (l line) width() int {
	width := 0
	for _, s := range l {
		width += utf8.RuneCountInString(s.text)
	}
	return width
}

// cut shortens l to so many characters.
func (l line) cut(width int) line {
	switch {
	case l.width() <= width:
		return l
	case width <= 0:
		return nil
	}
	var short line
	for _, s := range l {
		if letters := utf8.RuneCountInString(s.text); letters < width {
			short, width = append(short, s), width-letters
			continue
		}
		return append(short, span{s.style, cut(s.text+"…", width)}) // something follows, so that it is never whole
	}
	return short // unreachable: l is longer than that
}

// right puts l and then other at the right edge, or other nowhere when there is no room.
func (l line) right(other line, width int) line {
	gap := width - l.width() - other.width()
	if gap < 2 {
		return l
	}
	return append(append(l, span{text: strings.Repeat(" ", gap)}), other...)
}

// text is l without its styles.
func (l line) text() string { return new(console).line(l) }

// line paints l. What a peer said may be part of it, so nothing passes that
// would move the cursor.
func (c *console) line(l line) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(c.paint(s.style, strings.Map(printable, s.text)))
	}
	return b.String()
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return '·'
	}
	return r
}
