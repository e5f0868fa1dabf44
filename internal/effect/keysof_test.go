package effect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/effect"
)

// name is a key that writes itself.
type name string

func (n name) MarshalBinary() ([]byte, error) { return []byte(n), nil }

func TestTheKeysOfACommandAreFound(t *testing.T) {
	for command, want := range map[string]string{
		"GET k":                                "k",
		"MSET a 1 b 2":                         "a b",
		"MSETEX 2 a 1 b 2 EX 5":                "a b",
		"PING":                                 "",
		"DBSIZE":                               "",
		"EVAL return 2 a b c":                  "a b",
		"EVAL return 0":                        "",
		"ZUNIONSTORE to 2 a b":                 "to",
		"ZUNION 2 a b":                         "a b",
		"SORT k STORE to":                      "k",
		"XREAD COUNT 2 STREAMS a b 0 0":        "a b",
		"XREAD COUNT 2":                        "",
		"BITOP AND to a b":                     "to a b",
		"MIGRATE h 1 k 0 5":                    "k",
		"MIGRATE h 1 _ 0 5 AUTH keys KEYS a b": "a b",
		"OBJECT ENCODING k":                    "k",
		"NO.SUCH.COMMAND k v":                  "k",
		"NO.SUCH.COMMAND":                      "",
		"GEORADIUS k 1 1 1 m STORE to":         "k",
		"SORT":                                 "",
	} {
		var args []any
		for _, word := range strings.Fields(command) {
			args = append(args, word)
		}
		if got := strings.Join(slices.Collect(effect.KeysOf(args)), " "); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	if got := slices.Collect(effect.KeysOf([]any{"mget", []byte("a"), 7, name("n"), struct{}{}})); strings.Join(got, " ") != "a 7 n" {
		t.Errorf("%q", got)
	}
	for range effect.KeysOf([]any{"mget", "a", "b"}) {
		break
	}
}
