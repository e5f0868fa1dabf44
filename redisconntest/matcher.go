package redisconntest

import (
	"slices"
	"strings"
)

// Matcher says which requests a fault of the proxy strikes. The arguments are those of the request, the command's
// name first, in the client's spelling. A proxy calls its matchers one at a time; they must not call the proxy.
type Matcher func(args []string) bool

// handshake are the commands with which drivers set a connection up.
var handshake = []string{"hello", "auth", "client", "select"}

// Any matches every request that is not part of a connection's set-up (HELLO, AUTH, CLIENT, SELECT): a fault is
// meant for the caller's commands, not for whichever connection the driver happens to open next. Name one of these
// commands to strike it: Command("hello").
func Any(args []string) bool {
	return !slices.ContainsFunc(handshake, func(name string) bool { return strings.EqualFold(name, args[0]) })
}

// Command matches a command, in any case: Command("incr"). More words are more arguments:
// Command("client setinfo").
func Command(name string) Matcher {
	words := strings.Fields(name)
	return func(args []string) bool {
		if len(args) < len(words) {
			return false
		}
		for i, word := range words {
			if !strings.EqualFold(word, args[i]) {
				return false
			}
		}
		return true
	}
}

// CommandKey matches a command whose first argument is the key.
func CommandKey(name, key string) Matcher {
	command, at := Command(name), len(strings.Fields(name))
	return func(args []string) bool {
		return len(args) > at && args[at] == key && command(args)
	}
}

// Nth matches the n-th request that the other matcher matches, counting from 1, and no other. It counts, so use
// each one for one fault only.
func Nth(n int, match Matcher) Matcher {
	seen := 0
	return func(args []string) bool {
		if !match(args) {
			return false
		}
		seen++
		return seen == n
	}
}
