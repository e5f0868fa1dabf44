package otelredisconn

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	argumentsInText = 16 // of one command
	commandsInText  = 16 // of one batch
)

// queryText is a call as redis-cli would take it, with every argument hidden.
// Even a key may name a person, so keys are arguments as well.
func queryText(cmds ...redis.Cmder) string {
	var parts []string
	for _, cmd := range cmds[:min(len(cmds), commandsInText)] {
		parts = append(parts, commandText(cmd))
	}
	if len(cmds) > commandsInText {
		parts = append(parts, "…")
	}
	return strings.Join(parts, "; ")
}

func commandText(cmd redis.Cmder) string {
	name := cmd.Name()
	if !isCommandName(name) {
		return other
	}
	hidden := max(len(cmd.Args())-1, 0)
	text := strings.ToUpper(name) + strings.Repeat(" ?", min(hidden, argumentsInText))
	if hidden > argumentsInText {
		text += " …"
	}
	return text
}

// procedureOf is the function or the digest of the script that a command calls.
func procedureOf(cmd redis.Cmder) string {
	switch cmd.Name() {
	case "fcall", "fcall_ro", "evalsha", "evalsha_ro":
		if args := cmd.Args(); len(args) > 1 {
			if name, ok := args[1].(string); ok && isProcedureName(name) {
				return name
			}
		}
	}
	return ""
}

// isProcedureName reports whether text is a name that Redis accepts for a
// function; a digest is one as well.
func isProcedureName(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
