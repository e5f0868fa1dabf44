package effect_test

import (
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/effect"
)

// The manner is asked for every command, so it is a switch and no look into the table. A command that the table calls
// stateful and the switch does not would change a connection that others share.
func TestTheMannerOfACommandIsWhatTheTableSays(t *testing.T) {
	waits, binds := map[string]bool{}, map[string]bool{}
	for name, row := range effect.Rows() {
		command, _, _ := strings.Cut(name, "|")
		waits[command] = waits[command] || row.Blocking()
		binds[command] = binds[command] || row.Stateful
	}
	for command := range waits {
		manner := effect.MannerOf(command)
		if got := manner == effect.Waits; got != waits[command] {
			t.Errorf("%s waits: %v, the table says %v", command, got, waits[command])
		}
		if got := manner == effect.Binds; got != binds[command] {
			t.Errorf("%s binds: %v, the table says %v", command, got, binds[command])
		}
	}
	for _, command := range []string{"keys", "sort", "migrate", "debug", "save", "flushall", "memory", "function", "ft.search"} {
		if effect.MannerOf(command) != effect.Hogs {
			t.Errorf("%s: %v, want it to keep others waiting", command, effect.MannerOf(command))
		}
	}
	if effect.MannerOf("nosuch") != effect.Shares || effect.MannerOf("get") != effect.Shares {
		t.Error("GET does not share its connection")
	}
}
