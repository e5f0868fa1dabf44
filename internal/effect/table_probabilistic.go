package effect

// HyperLogLog, and the structures of the module RedisBloom (part of Redis 8).

var hyperLogLogCommands = commands{
	"pfadd":      idempotent(oneKey),
	"pfcount":    read(everyKey).because("may refresh the cached count"),
	"pfdebug":    unknown(keyAfterSubcommand),
	"pfmerge":    idempotent(everyKey),
	"pfselftest": read(noKeys),
}

var probabilisticCommands = commands{
	"bf.add":       idempotent(oneKey).because("the same state; only the reply differs, as of SADD"),
	"bf.card":      read(oneKey),
	"bf.exists":    read(oneKey),
	"bf.info":      read(oneKey),
	"bf.insert":    idempotent(oneKey),
	"bf.loadchunk": conditional(oneKey).because("chunks must come once and in order"),
	"bf.madd":      idempotent(oneKey),
	"bf.mexists":   read(oneKey),
	"bf.reserve":   conditional(oneKey).because("an error for a key that exists"),
	"bf.scandump":  read(oneKey),

	"cf.add":       accumulating(oneKey).because("an item may be in the filter many times"),
	"cf.addnx":     conditional(oneKey),
	"cf.compact":   idempotent(oneKey),
	"cf.count":     read(oneKey),
	"cf.del":       accumulating(oneKey).because("every application removes one occurrence"),
	"cf.exists":    read(oneKey),
	"cf.info":      read(oneKey),
	"cf.insert":    accumulating(oneKey).because("an item may be in the filter many times"),
	"cf.insertnx":  conditional(oneKey),
	"cf.loadchunk": conditional(oneKey).because("chunks must come once and in order"),
	"cf.mexists":   read(oneKey),
	"cf.reserve":   conditional(oneKey).because("an error for a key that exists"),
	"cf.scandump":  read(oneKey),

	"cms.incrby":     accumulating(oneKey),
	"cms.info":       read(oneKey),
	"cms.initbydim":  conditional(oneKey).because("an error for a key that exists"),
	"cms.initbyprob": conditional(oneKey).because("an error for a key that exists"),
	"cms.merge": idempotent(destinationAndCounted).decidedBy(aggregatedIntoItself).
		because("a destination among the sources is added again"),
	"cms.query": read(oneKey),

	"tdigest.add":       accumulating(oneKey),
	"tdigest.byrank":    read(oneKey),
	"tdigest.byrevrank": read(oneKey),
	"tdigest.cdf":       read(oneKey),
	"tdigest.create":    conditional(oneKey).because("an error for a key that exists"),
	"tdigest.info":      read(oneKey),
	"tdigest.max":       read(oneKey),
	"tdigest.merge": accumulating(destinationAndCounted).decidedBy(tdigestMergeEffect).
		because("merges into what the destination holds, but for OVERRIDE"),
	"tdigest.min":          read(oneKey),
	"tdigest.quantile":     read(oneKey),
	"tdigest.rank":         read(oneKey),
	"tdigest.reset":        idempotent(oneKey),
	"tdigest.revrank":      read(oneKey),
	"tdigest.trimmed_mean": read(oneKey),

	"topk.add":     accumulating(oneKey),
	"topk.count":   read(oneKey),
	"topk.incrby":  accumulating(oneKey),
	"topk.info":    read(oneKey),
	"topk.list":    read(oneKey),
	"topk.query":   read(oneKey),
	"topk.reserve": conditional(oneKey).because("an error for a key that exists"),
}

// tdigestMergeEffect looks for OVERRIDE behind the sources.
func tdigestMergeEffect(args arguments) Effect {
	for i := 3 + numkeysAt(2)(args); i < len(args); i++ {
		if args.is(i, "override") {
			return aggregatedIntoItself(args)
		}
	}
	return Accumulating
}
