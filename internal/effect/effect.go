// Package effect knows what each Redis command does to data: by its name and its arguments.
//
// The client asks it when the outcome of a command is unknown, because the connection broke after the command was
// written: may it be sent again ([Of]), how long was the server allowed to take ([BlockingTimeout]), did it change
// the connection rather than the data ([Stateful]). What counts is whether the caller would be surprised by a second
// application. Where a judgment is debatable the table takes the more careful side.
//
// The table covers Redis 7.0 completely (a test compares it with the COMMAND reply of a live server), the additions
// known up to 8.10, and the modules for JSON, time series, probabilistic data and search. Sources are the command
// pages at https://redis.io/docs/latest/commands/ and the server's COMMAND reply. A command that is not in the table
// is [Unknown], and so is one that may do anything, such as EVAL.
package effect

// Effect tells what a second application of a command would do. Apart from Unknown, which is to be treated as the
// worst, effects are ordered from harmless to harmful.
type Effect uint8

const (
	// Unknown: the command is not in the table, or it may do anything (scripts, functions, EXEC, DEBUG).
	Unknown Effect = iota
	// Read: changes no data. Also what only looks at the server or the connection: PING, INFO, CLIENT LIST.
	Read
	// Idempotent: leaves the same state as one application. The reply may count differently (DEL, SADD), or a time
	// to live starts anew.
	Idempotent
	// Conditional: the first application may change what the second one meets, and so its reply or its success:
	// SET NX, GETDEL, RENAME. Sent again it may report failure for what it has itself done.
	Conditional
	// Accumulating: every application adds to, takes from or turns over the state: INCR, LPUSH, LPOP, PUBLISH, SWAPDB.
	Accumulating
)

// String returns the effect in lower case: "unknown", "read", "idempotent", "conditional" or "accumulating".
func (e Effect) String() string {
	switch e {
	case Read:
		return "read"
	case Idempotent:
		return "idempotent"
	case Conditional:
		return "conditional"
	case Accumulating:
		return "accumulating"
	}
	return "unknown"
}

// Of returns the effect of a command with its arguments, as the driver's Cmder.Args holds them: the name in any case,
// a subcommand next if there is one, then values of any type the driver can write.
func Of(args []any) Effect {
	row, ok := find(args)
	switch {
	case !ok:
		return Unknown
	case row.decide != nil:
		return row.decide(args)
	}
	return row.Effect
}

// Stateful reports whether the command changes the connection it travels on (SELECT, AUTH, MULTI, WATCH, SUBSCRIBE,
// CLIENT SETNAME), so that it means nothing, or harm, on a pooled connection or after a reconnect.
func Stateful(args []any) bool {
	row, _ := find(args)
	return row.Stateful
}

// KeyCount returns how many keys the command names, 0 when it names none or is not in the table.
func KeyCount(args []any) int {
	row, _ := find(args)
	return row.Keys.countIn(args)
}
