package effect

// Sorted sets, and geographic positions, which are kept in them.

var sortedSetCommands = commands{
	"bzmpop":   accumulating(countedAt(2)).blocking(secondsAt(1)),
	"bzpopmax": accumulating(everyButLast).blocking(secondsAt(-1)),
	"bzpopmin": accumulating(everyButLast).blocking(secondsAt(-1)),
	"zadd": idempotent(oneKey).with(zaddOptions).
		because("INCR adds; NX, XX, GT and LT look at what is there"),
	"zcard":  read(oneKey),
	"zcount": read(oneKey),
	"zdiff":  read(countedAt(1)),
	"zdiffstore": idempotent(destinationAndCounted).decidedBy(aggregatedIntoItself).
		because("a minus (a minus b) is not a minus b"),
	"zincrby":    accumulating(oneKey),
	"zinter":     read(countedAt(1)),
	"zintercard": read(countedAt(1)),
	"zinterstore": idempotent(destinationAndCounted).decidedBy(aggregatedIntoItself).
		because("a destination among the sources has its scores added again"),
	"zlexcount":     read(oneKey),
	"zmpop":         accumulating(countedAt(1)),
	"zmscore":       read(oneKey),
	"zpopmax":       accumulating(oneKey),
	"zpopmin":       accumulating(oneKey),
	"zrandmember":   read(oneKey),
	"zrange":        read(oneKey),
	"zrangebylex":   read(oneKey),
	"zrangebyscore": read(oneKey),
	"zrangestore": idempotent(twoKeys).decidedBy(copiedOntoItself).
		because("a range of the destination itself is cut again"),
	"zrank":          read(oneKey),
	"zrem":           idempotent(oneKey).because("the same state; only the count differs"),
	"zremrangebylex": idempotent(oneKey),
	"zremrangebyrank": accumulating(oneKey).decidedBy(removedRanks).
		because("0 9 removes the next ten each time; cutting down to n is idempotent"),
	"zremrangebyscore": idempotent(oneKey),
	"zrevrange":        read(oneKey),
	"zrevrangebylex":   read(oneKey),
	"zrevrangebyscore": read(oneKey),
	"zrevrank":         read(oneKey),
	"zscan":            read(oneKey),
	"zscore":           read(oneKey),
	"zunion":           read(countedAt(1)),
	"zunionstore": idempotent(destinationAndCounted).decidedBy(aggregatedIntoItself).
		because("a destination among the sources has its scores added again"),
}

var geoCommands = commands{
	"geoadd": idempotent(oneKey).
		with(options{from: 2, until: untilNumber, listed: []option{{"ch", 0, Idempotent}}, unlisted: Conditional}),
	"geodist": read(oneKey),
	"geohash": read(oneKey),
	"geopos":  read(oneKey),
	"georadius": read(Keys{First: 1, Last: 1, Step: 1, moving: radiusKeys(6)}).decidedBy(radiusEffect(6)).
		because("writes only with STORE or STOREDIST"),
	"georadius_ro": read(oneKey),
	"georadiusbymember": read(Keys{First: 1, Last: 1, Step: 1, moving: radiusKeys(5)}).decidedBy(radiusEffect(5)).
		because("writes only with STORE or STOREDIST"),
	"georadiusbymember_ro": read(oneKey),
	"geosearch":            read(oneKey),
	"geosearchstore": idempotent(twoKeys).decidedBy(copiedOntoItself).
		because("STOREDIST onto the source replaces its positions"),
}

// zaddOptions end at the first score.
var zaddOptions = options{
	from: 2, until: untilNumber,
	listed:   []option{{"ch", 0, Idempotent}, {"incr", 0, Accumulating}},
	unlisted: Conditional,
}

var (
	aggregatedIntoItself = accumulatingIntoItself(1, 3, numkeysAt(2))
	copiedOntoItself     = accumulatingIntoItself(1, 2, exactly(1))
)

// removedRanks decides over ZREMRANGEBYRANK key start stop: a second application removes nothing when the first has
// left the first n or the last n.
func removedRanks(args arguments) Effect {
	start, startOK := args.integer(2)
	stop, stopOK := args.integer(3)
	if startOK && stopOK && (start >= 0 && stop == -1 || start == 0 && stop < 0) {
		return Idempotent
	}
	return Accumulating
}

// radiusStore returns the argument after STORE or STOREDIST, which stand from argument i on; 0 when there is none.
func radiusStore(args arguments, i int) (at int) {
	for ; i+1 < len(args); i++ {
		if args.is(i, "store") || args.is(i, "storedist") {
			at = i + 1
			i++
		}
	}
	return at
}

func radiusEffect(from int) func(arguments) Effect {
	return func(args arguments) Effect {
		switch store := radiusStore(args, from); {
		case store == 0:
			return Read
		case args.same(1, store):
			return Accumulating
		}
		return Idempotent
	}
}

func radiusKeys(from int) func(arguments) int {
	return func(args arguments) int {
		if radiusStore(args, from) > 0 {
			return 2
		}
		return min(len(args)-1, 1)
	}
}
