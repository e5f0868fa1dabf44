package redisconn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Outcome is what became of one command of a pipeline or transaction.
type Outcome struct {
	Index   int     // its place in the order of queueing, from 0
	Command string  // its name in lower case
	Err     error   // nil when the server executed it; redis.Nil is an answer and no failure
	Applied Applied // whether the server executed it
}

// String is the outcome in one clause: "#3 incr: WRONGTYPE …, applied: no".
func (o Outcome) String() string {
	text := "done"
	var command *CommandError
	switch {
	case errors.As(o.Err, &command):
		text = command.Class.Info().Meaning
		if command.Err != nil {
			text += ": " + peerText(command.Err)
		}
	case o.Err != nil:
		text = peerText(o.Err)
	}
	return fmt.Sprintf("#%d %s: %s, applied: %s", o.Index, o.Command, text, o.Applied)
}

// outcomeOf is the outcome of a command that was on its way.
func outcomeOf(index int, cmd redis.Cmder) Outcome {
	o := Outcome{Index: index, Command: cmd.Name(), Applied: AppliedYes}
	if err := cmd.Err(); err != nil && err != redis.Nil {
		o.Err, o.Applied = err, appliedOf(cmd)
	}
	return o
}

// appliedOf says whether a failed command was applied. An error reply stands in
// the place of the effect, but for scripts and functions, which may have written
// before they met it.
func appliedOf(cmd redis.Cmder) Applied {
	err := cmd.Err()
	var command *CommandError
	if errors.As(err, &command) {
		return command.Applied
	}
	if effectOf(cmd) == EffectUnknown && isScriptsOwn(err) && !strings.HasPrefix(err.Error(), "NOSCRIPT") {
		return AppliedMaybe
	}
	return diagnose(err).applied
}

// outcomesInText is how many outcomes the text of an error names.
const outcomesInText = 3

// listOutcomes names the first of failed outcomes.
func listOutcomes(kept []Outcome, failed int) string {
	var parts []string
	for _, o := range kept[:min(len(kept), outcomesInText)] {
		parts = append(parts, o.String())
	}
	if more := failed - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}
