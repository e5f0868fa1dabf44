package effect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
	"github.com/redisconn/redisconn/internal/everycommand"
)

// A driver that learns a new command fails this test until the table knows it too.
func TestEveryCommandOfTheDriverHasARow(t *testing.T) {
	caught := map[string]bool{}
	panicked := everycommand.Make(t, func(cmd redis.Cmder) {
		if row, name := rowOf(cmd.Args()); row == nil {
			t.Errorf("%s is not in the table: %v", name, cmd.Args())
		} else {
			caught[name] = true
		}
	})

	// They panic: not implemented, no function given, no mode given.
	if want := []string{"JSONDebugMemory", "JSONSetMode", "Pipelined", "Quit", "TxPipelined"}; !slices.Equal(panicked, want) {
		t.Errorf("methods that could not be called: %v, want %v", panicked, want)
	}
	if len(caught) < 380 {
		t.Errorf("only %d commands were caught", len(caught))
	}
}

// rowOf finds the row of a command by the public names, without going through the lookup under test.
func rowOf(args []any) (_ *effect.Row, name string) {
	name = strings.ToLower(args[0].(string))
	if hasSubcommands(name) && len(args) > 1 {
		name += "|" + strings.ToLower(args[1].(string))
	}
	row, ok := effect.Lookup(name)
	if !ok {
		return nil, name
	}
	return &row, name
}

func hasSubcommands(command string) bool {
	for name := range effect.Rows() {
		if strings.HasPrefix(name, command+"|") {
			return true
		}
	}
	return false
}
