package printable_test

import (
	"testing"

	"github.com/redisconn/redisconn/internal/printable"
)

func TestALineIsBoundedAndPrintsAsItself(t *testing.T) {
	for text, want := range map[string]string{
		"":               "",
		"ERR no":         "ERR no",
		"ERR no such":    "ERR no su…",
		"ERR this is it": "ERR this…",
		"ERR nonü":       "ERR nonü",
		"ERR nonsü":      "ERR nons…",
		"a\nb":           `"a\nb"`,
		"\x1b[2J":        `"\x1b[2J"`,
		"a\u202eb":       `"a\u202eb"`,
		"\xff":           `"\xff"`,
		"a\tb 123456789": `"a\tb 12345"…`,
	} {
		if got := printable.Line(text, 9); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
