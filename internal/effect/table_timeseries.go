package effect

// Time series (module TimeSeries, part of Redis 8).

var timeSeriesCommands = commands{
	"ts.add": accumulating(oneKey).decidedBy(tsAddEffect).
		because("* is another sample each time; for a given time the duplicate policy decides, and that of the key may be SUM"),
	"ts.alter":       idempotent(oneKey),
	"ts.create":      conditional(oneKey).because("an error for a key that exists"),
	"ts.createrule":  conditional(twoKeys).because("an error for a rule that exists"),
	"ts.decrby":      accumulating(oneKey),
	"ts.del":         idempotent(oneKey),
	"ts.deleterule":  conditional(twoKeys).because("an error for a rule that is gone"),
	"ts.get":         read(oneKey),
	"ts.incrby":      accumulating(oneKey),
	"ts.info":        read(oneKey),
	"ts.madd":        accumulating(everyThird).because("the duplicate policy of the keys may be SUM"),
	"ts.mget":        read(noKeys),
	"ts.mrange":      read(noKeys),
	"ts.mrevrange":   read(noKeys),
	"ts.nrange":      read(countedAt(1)),
	"ts.nrevrange":   read(countedAt(1)),
	"ts.queryindex":  read(noKeys),
	"ts.querylabels": read(noKeys),
	"ts.range":       read(oneKey),
	"ts.read":        read(oneKey).blocking(blockOfSamples),
	"ts.revrange":    read(oneKey),
}

// tsAddEffect decides over TS.ADD key timestamp value by the timestamp and ON_DUPLICATE. Labels, which may be called
// anything, end the options.
func tsAddEffect(args arguments) Effect {
	if _, given := args.integer(2); !given {
		return Accumulating
	}
	for i := 4; i < len(args) && !args.is(i, "labels"); i++ {
		switch {
		case !args.is(i, "on_duplicate"):
		case args.isAny(i+1, "first", "last", "min", "max"):
			return Idempotent
		case args.is(i+1, "block"):
			return Conditional
		}
	}
	return Accumulating
}
