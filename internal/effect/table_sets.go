package effect

// Sets.

var setCommands = commands{
	"sadd":      idempotent(oneKey).because("the same state; only the count differs"),
	"scard":     read(oneKey),
	"sdiff":     read(everyKey),
	"sdiffcard": read(countedAt(1)),
	"sdiffstore": idempotent(everyKey).decidedBy(accumulatingIntoItself(1, 2, rest(2))).
		because("a minus (a minus b) is not a minus b"),
	"sinter":      read(everyKey),
	"sintercard":  read(countedAt(1)),
	"sinterstore": idempotent(everyKey),
	"sismember":   read(oneKey),
	"smembers":    read(oneKey),
	"smismember":  read(oneKey),
	"smove":       conditional(twoKeys).because("the second application finds no member and reports 0"),
	"spop":        accumulating(oneKey),
	"srandmember": read(oneKey),
	"srem":        idempotent(oneKey).because("the same state; only the count differs"),
	"sscan":       read(oneKey),
	"sunion":      read(everyKey),
	"sunioncard":  read(countedAt(1)),
	"sunionstore": idempotent(everyKey),
}
