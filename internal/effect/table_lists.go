package effect

// Lists.

var listCommands = commands{
	"blmove":     accumulating(twoKeys).blocking(secondsAt(5)),
	"blmovem":    accumulating(twoKeys).blocking(secondsAt(5)),
	"blmpop":     accumulating(countedAt(2)).blocking(secondsAt(1)),
	"blpop":      accumulating(everyButLast).blocking(secondsAt(-1)),
	"brpop":      accumulating(everyButLast).blocking(secondsAt(-1)),
	"brpoplpush": accumulating(twoKeys).blocking(secondsAt(3)),
	"lindex":     read(oneKey),
	"linsert":    accumulating(oneKey),
	"llen":       read(oneKey),
	"lmove":      accumulating(twoKeys).because("every application moves another element"),
	"lmovem":     accumulating(twoKeys).because("every application moves other elements"),
	"lmpop":      accumulating(countedAt(1)),
	"lpop":       accumulating(oneKey),
	"lpos":       read(oneKey),
	"lpush":      accumulating(oneKey),
	"lpushx":     accumulating(oneKey),
	"lrange":     read(oneKey),
	"lrem": accumulating(oneKey).decidedBy(lremEffect).
		because("a count takes the next ones each time; 0 takes all"),
	"lset": idempotent(oneKey),
	"ltrim": accumulating(oneKey).decidedBy(keptRange(2)).
		because("LTRIM 1 -1 drops the first each time; keeping the first or the last n is idempotent"),
	"rpop":      accumulating(oneKey),
	"rpoplpush": accumulating(twoKeys).because("every application moves another element"),
	"rpush":     accumulating(oneKey),
	"rpushx":    accumulating(oneKey),
}

// lremEffect: LREM key 0 value removes every such element.
func lremEffect(args arguments) Effect {
	if count, ok := args.integer(2); ok && count == 0 {
		return Idempotent
	}
	return Accumulating
}

// keptRange decides over commands that keep the elements from argument i to argument i+1. A second application keeps
// them all when the first has kept the first n, the last n, everything or nothing.
func keptRange(i int) func(arguments) Effect {
	return func(args arguments) Effect {
		start, startOK := args.integer(i)
		stop, stopOK := args.integer(i + 1)
		switch {
		case !startOK || !stopOK:
			return Accumulating
		case start == 0 && stop >= -1, start < 0 && stop == -1, (start < 0) == (stop < 0) && start > stop:
			return Idempotent
		}
		return Accumulating
	}
}
