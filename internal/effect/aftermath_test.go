package effect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/effect"
)

// Each command below may be repeated by itself. A pipeline of them whose replies were lost was repeated as far as
// that, and SUNIONSTORE all new, DEL new came out as an empty all: the second SUNIONSTORE found what DEL had left.
func TestASequenceIsRepeatedOnlyAsFarBackAsNothingLooksAtALaterWrite(t *testing.T) {
	for sequence, repeated := range map[string]int{
		"":                                              0,
		"get a; set a 1":                                1,
		"get a; set b 1":                                2,
		"set a 1; get a":                                2,
		"set a 1; set a 2; del a; set a 3":              4,
		"set a 1; get a; set b 1; get b":                4,
		"get a; set a 1; get a; set a 2":                1,
		"sunionstore all new; del new":                  1,
		"sunionstore all new; del other":                2,
		"del new; sunionstore all new":                  2,
		"mget a b c; mset x 1 b 2":                      1,
		"mget a b c; mset x 1 y 2 z a":                  2,
		"hset h f 1; hset h g 2; expire h 60; hdel h x": 1,
		"hset h f 1; hset h g 2; expire h 60":           3,
		"expire h 60; hset h f 1":                       1,
		"persist a; get b; set c 1":                     3,
		"ping; get a; set b 1":                          2,
		"ping; get a":                                   2,
		"config set a b; set a 1; get a":                2,
		"get a; config set a b":                         1,
		"zunionstore d 1 s; set x 1":                    1,
		"set x 1; zunionstore d 1 s; get x":             3,
		"get x; zunionstore d 1 s":                      1,
		"nosuchcommand a; set b 1":                      1,
	} {
		var commands [][]any
		for line := range strings.SplitSeq(sequence, "; ") {
			if line != "" {
				commands = append(commands, words(line))
			}
		}
		var later effect.Aftermath
		n := 0
		for _, args := range slices.Backward(commands) {
			if later.Disturbs(args) {
				break
			}
			later.Add(args)
			n++
		}
		if n != repeated {
			t.Errorf("%q: the last %d may be repeated, want %d", sequence, n, repeated)
		}
	}
}

func TestAKeyThatOnlyItsMarshalerCanTellCountsAsAnyKey(t *testing.T) {
	var later effect.Aftermath
	later.Add([]any{"set", marshaled{}, 1})
	if !later.Disturbs([]any{"get", "a"}) {
		t.Error("a write to a key that cannot be told does not disturb GET a")
	}
}

type marshaled struct{}

func (marshaled) MarshalBinary() ([]byte, error) { return []byte("a"), nil }
