package effect

var hashCommands = commands{
	"hdel":         idempotent(oneKey),
	"hexists":      read(oneKey),
	"hexpire":      idempotent(oneKey).with(fieldExpireCondition),
	"hexpireat":    idempotent(oneKey).with(fieldExpireCondition),
	"hexpiretime":  read(oneKey),
	"hget":         read(oneKey),
	"hgetall":      read(oneKey),
	"hgetdel":      conditional(oneKey).because("the second application finds nothing to return"),
	"hgetex":       read(oneKey).with(options{from: 2, until: untilFields, listed: expiry, unlisted: Conditional}),
	"hincrby":      accumulating(oneKey),
	"hincrbyfloat": accumulating(oneKey),
	"hkeys":        read(oneKey),
	"hlen":         read(oneKey),
	"hmget":        read(oneKey),
	"hmset":        idempotent(oneKey),
	"hpersist":     idempotent(oneKey),
	"hpexpire":     idempotent(oneKey).with(fieldExpireCondition),
	"hpexpireat":   idempotent(oneKey).with(fieldExpireCondition),
	"hpexpiretime": read(oneKey),
	"hpttl":        read(oneKey),
	"hrandfield":   read(oneKey),
	"hscan":        read(oneKey),
	"hset":         idempotent(oneKey),
	"hsetex": idempotent(oneKey).
		with(options{from: 2, until: untilFields, listed: expiry, unlisted: Conditional}).
		because("FNX and FXX look at what is there"),
	"hsetnx":  conditional(oneKey).because("the second application finds the field and reports 0"),
	"hstrlen": read(oneKey),
	"httl":    read(oneKey),
	"hvals":   read(oneKey),

	"himport":            container(),
	"himport|discard":    idempotent(noKeys).stateful(),
	"himport|discardall": idempotent(noKeys).stateful(),
	"himport|help":       read(noKeys),
	"himport|prepare":    idempotent(noKeys).stateful().because("the field names live in the connection"),
	"himport|set":        idempotent(keyAfterSubcommand),
}

// fieldExpireCondition: NX, XX, GT and LT stand between the time and FIELDS.
var fieldExpireCondition = options{from: 3, until: untilFields, unlisted: Conditional}
