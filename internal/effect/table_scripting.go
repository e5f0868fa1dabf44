package effect

// Scripts, functions and transactions: commands that run other commands.

var scriptingCommands = commands{
	"eval":       unknown(countedAt(2)).because("a script may do anything"),
	"eval_ro":    read(countedAt(2)),
	"evalsha":    unknown(countedAt(2)).because("a script may do anything"),
	"evalsha_ro": read(countedAt(2)),
	"fcall":      unknown(countedAt(2)).because("a function may do anything"),
	"fcall_ro":   read(countedAt(2)),

	"script":        container(),
	"script|debug":  unknown(noKeys).stateful(),
	"script|exists": read(noKeys),
	"script|flush":  idempotent(noKeys).because("empties a cache, not data"),
	"script|help":   read(noKeys),
	"script|kill":   conditional(noKeys).because("by then another script may run"),
	"script|load":   idempotent(noKeys),

	"function":        container(),
	"function|delete": conditional(noKeys).because("an error for a library that is gone"),
	"function|dump":   read(noKeys),
	"function|flush":  conditional(noKeys).because("the same state, but what was loaded in between is lost"),
	"function|help":   read(noKeys),
	"function|kill":   conditional(noKeys).because("by then another function may run"),
	"function|list":   read(noKeys),
	"function|load": conditional(noKeys).decidedBy(functionLoadEffect).
		because("an error for a library that exists, but for REPLACE"),
	"function|restore": conditional(noKeys).decidedBy(idempotentWith("replace", 3)).
		because("an error for a library that exists, but for REPLACE"),
	"function|stats": read(noKeys),
}

var transactionCommands = commands{
	"discard": conditional(noKeys).stateful().because("an error outside of MULTI"),
	"exec":    unknown(noKeys).stateful().because("runs whatever was queued"),
	"multi":   conditional(noKeys).stateful().because("an error inside of MULTI"),
	"unwatch": idempotent(noKeys).stateful(),
	"watch": conditional(everyKey).stateful().
		because("a second watch starts later and misses what happened in between"),
}

// functionLoadEffect looks for REPLACE where it may stand: before the code, which is the last argument.
func functionLoadEffect(args arguments) Effect {
	if len(args) > 3 && args.is(2, "replace") {
		return Idempotent
	}
	return Conditional
}
