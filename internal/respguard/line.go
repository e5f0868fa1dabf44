package respguard

import (
	"bytes"
	"math"
)

// line follows one line across reads: its type byte, its size, and the length it may announce. It reads a length as
// the driver does (strconv.Atoi), signs and leading zeros included: a length the driver would take and the guard
// would not is a hole.
type line struct {
	kind     byte
	state    state
	negative bool
	size     int   // bytes so far
	value    int64 // saturates at the largest
}

// state is how far a line has come as the announcement of a length.
type state uint8

const (
	start    state = iota // only the type byte
	signed                // "+" or "-"
	digits                // at least one digit
	question              // "?"
	digitsCR
	questionCR
	announced // digits, CR LF
	streamed  // "?", CR LF: the length is not known in advance
	other     // no announcement
)

// readLine consumes p up to the end of the current line, or all of p when the line goes on, and returns how much.
func (g *Guard) readLine(p []byte) int {
	part := p[:min(len(p), g.limits.LineBytes-g.line.size)]
	end := bytes.IndexByte(part, '\n')
	if end >= 0 {
		part = part[:end+1]
	}
	g.line.add(part)
	switch {
	case end >= 0:
		whole := g.line
		g.line = line{}
		g.lineEnded(whole)
	case g.line.size == g.limits.LineBytes:
		g.refuse("LineBytes", int64(g.line.size)+1, int64(g.limits.LineBytes))
	}
	return len(part)
}

func (l *line) add(part []byte) {
	rest := part
	if l.size == 0 {
		l.kind, rest = part[0], part[1:]
		if !announces(l.kind) {
			l.state = other
		}
	}
	l.size += len(part)
	for _, c := range rest {
		if l.state == other {
			return
		}
		l.state = l.next(c)
	}
}

func (l *line) next(c byte) state {
	switch {
	case l.state <= digits && '0' <= c && c <= '9':
		l.value = appendDigit(l.value, c)
		return digits
	case l.state == start && (c == '-' || c == '+'):
		l.negative = c == '-'
		return signed
	case l.state == start && c == '?' && l.kind != ';':
		return question
	case l.state == digits && c == '\r':
		return digitsCR
	case l.state == question && c == '\r':
		return questionCR
	case l.state == digitsCR && c == '\n':
		return announced
	case l.state == questionCR && c == '\n':
		return streamed
	}
	return other
}

func appendDigit(value int64, c byte) int64 {
	digit := int64(c - '0')
	if value > (math.MaxInt64-digit)/10 {
		return math.MaxInt64
	}
	return value*10 + digit
}

// announces reports whether a line of this type carries a length.
func announces(kind byte) bool {
	switch kind {
	case '$', '=', '!', ';', '*', '~', '>', '%', '|':
		return true
	}
	return false
}
