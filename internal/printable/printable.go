// Package printable makes text that a peer chose safe to show.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes a text safe for one line of a log or a terminal: at most limit bytes
// of it, and quoted when they hold anything that does not print as itself, such as
// control characters or marks that turn the direction of text.
func Line(text string, limit int) string {
	more := ""
	if len(text) > limit {
		text, more = strings.TrimSuffix(strings.ToValidUTF8(text[:limit], ""), " "), "…"
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	return text + more
}
