package effect

// Keys of any type.

var genericCommands = commands{
	"copy": conditional(twoKeys).decidedBy(idempotentWith("replace", 3)).
		because("without REPLACE the second application finds the copy and reports 0"),
	"del":        idempotent(everyKey).because("the same state; only the count differs"),
	"dump":       read(oneKey),
	"exists":     read(everyKey),
	"expire":     idempotent(oneKey).with(expireCondition),
	"expireat":   idempotent(oneKey).with(expireCondition),
	"expiretime": read(oneKey),
	"keys":       read(noKeys),
	"migrate": conditional(Keys{First: 3, Last: 3, Step: 1, moving: migratedKeys, start: migratedFrom}).
		because("the second application finds no key here, or a busy one there"),
	"move":        conditional(oneKey).because("the second application finds no key and reports 0"),
	"object":      container(),
	"persist":     idempotent(oneKey),
	"pexpire":     idempotent(oneKey).with(expireCondition),
	"pexpireat":   idempotent(oneKey).with(expireCondition),
	"pexpiretime": read(oneKey),
	"pttl":        read(oneKey),
	"randomkey":   read(noKeys),
	"rename":      conditional(twoKeys).because("the second application is an error: no such key"),
	"renamenx":    conditional(twoKeys).because("the second application is an error: no such key"),
	"restore": conditional(oneKey).decidedBy(idempotentWith("replace", 4)).
		because("without REPLACE the second application is an error: busy key"),
	"restore-asking": conditional(oneKey).decidedBy(idempotentWith("replace", 4)).
		because("without REPLACE the second application is an error: busy key"),
	"scan": read(noKeys),
	"sort": read(Keys{First: 1, Last: 1, Step: 1, moving: sortedKeys}).decidedBy(sortEffect).
		because("writes only with STORE"),
	"sort_ro": read(oneKey),
	"touch":   read(everyKey).because("changes only the clock of eviction"),
	"ttl":     read(oneKey),
	"type":    read(oneKey),
	"unlink":  idempotent(everyKey).because("the same state; only the count differs"),
	"wait":    read(noKeys).blocking(millisecondsAt(2)),
	"waitaof": read(noKeys).blocking(millisecondsAt(3)),

	"object|encoding": read(keyAfterSubcommand),
	"object|freq":     read(keyAfterSubcommand),
	"object|help":     read(noKeys),
	"object|idletime": read(keyAfterSubcommand),
	"object|refcount": read(keyAfterSubcommand),
}

// expireCondition: NX, XX, GT and LT compare with the time to live that the first application has set.
var expireCondition = options{from: 3, unlisted: Conditional}

// sortStore returns the argument after STORE, 0 when there is none. The operands of the other options are stepped
// over: a pattern may be called store.
func sortStore(args arguments) (at int) {
	for i := 2; i+1 < len(args); i++ {
		switch {
		case args.is(i, "store"):
			at = i + 1
			i++
		case args.is(i, "limit"):
			i += 2
		case args.is(i, "by"), args.is(i, "get"):
			i++
		}
	}
	return at
}

func sortEffect(args arguments) Effect {
	switch store := sortStore(args); {
	case store == 0:
		return Read
	case args.same(1, store):
		return Accumulating // with LIMIT every application cuts
	}
	return Idempotent
}

func sortedKeys(args arguments) int {
	if sortStore(args) > 0 {
		return 2
	}
	return min(len(args)-1, 1)
}

// migratedFrom finds the keys of MIGRATE: one in its place, or those after KEYS. Passwords are stepped over.
func migratedFrom(args arguments) int {
	for i := 6; i < len(args); i++ {
		switch {
		case args.is(i, "auth"):
			i++
		case args.is(i, "auth2"):
			i += 2
		case args.is(i, "keys"):
			return i + 1
		}
	}
	return 3
}

// migratedKeys counts the keys of MIGRATE.
func migratedKeys(args arguments) int {
	if from := migratedFrom(args); from > 3 {
		return len(args) - from
	}
	return min(max(len(args)-3, 0), 1)
}
