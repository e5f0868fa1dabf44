package effect

// Strings and bitmaps.

var stringCommands = commands{
	"append":      accumulating(oneKey),
	"decr":        accumulating(oneKey),
	"decrby":      accumulating(oneKey),
	"delex":       idempotent(oneKey).with(options{from: 2, unlisted: Conditional}),
	"digest":      read(oneKey),
	"get":         read(oneKey),
	"getdel":      conditional(oneKey).because("the second application finds nothing to return"),
	"getex":       read(oneKey).with(options{from: 2, listed: expiry, unlisted: Conditional}),
	"getrange":    read(oneKey),
	"getset":      conditional(oneKey).because("the second application returns the new value as the old"),
	"incr":        accumulating(oneKey),
	"incrby":      accumulating(oneKey),
	"incrbyfloat": accumulating(oneKey),
	"increx":      accumulating(oneKey),
	"lcs":         read(twoKeys),
	"mget":        read(everyKey),
	"mset":        idempotent(everySecond),
	"msetex":      idempotent(Keys{moving: msetexKeys, start: always(2), stride: 2}).decidedBy(msetexEffect),
	"msetnx":      conditional(everySecond).because("the second application finds the keys and reports 0"),
	"psetex":      idempotent(oneKey),
	"set": idempotent(oneKey).with(options{from: 3, listed: expiry, unlisted: Conditional}).
		because("NX, XX, GET, IFEQ and the like look at what is there"),
	"setex":    idempotent(oneKey),
	"setnx":    conditional(oneKey).because("the second application finds the key and reports 0"),
	"setrange": idempotent(oneKey),
	"strlen":   read(oneKey),
	"substr":   read(oneKey),
}

var bitmapCommands = commands{
	"bitcount":    read(oneKey),
	"bitfield":    read(oneKey).decidedBy(bitfieldEffect),
	"bitfield_ro": read(oneKey),
	"bitop": idempotent(keysAfterOperation).decidedBy(accumulatingIntoItself(2, 3, rest(3))).
		because("a destination among the sources is turned over again, as by NOT and XOR"),
	"bitpos": read(oneKey),
	"getbit": read(oneKey),
	"setbit": idempotent(oneKey).because("the same state; only the old bit in the reply differs"),
}

// msetexKeys counts the keys of MSETEX numkeys key value ….
func msetexKeys(args arguments) int {
	n, ok := args.integer(1)
	if !ok || n < 0 {
		return 0
	}
	return int(min(n, int64(len(args)-1)/2))
}

// msetexEffect finds the options behind the pairs.
func msetexEffect(args arguments) Effect {
	o := options{listed: expiry, unlisted: Conditional}
	return max(Idempotent, o.effect(args, 2+2*msetexKeys(args)))
}

// bitfieldEffect returns the worst of the operations.
func bitfieldEffect(args arguments) Effect {
	return max(Read, options{
		listed: []option{
			{"get", 2, Read},
			{"set", 3, Conditional}, // returns the old value, as GETSET
			{"overflow", 1, Read},
		},
		unlisted: Accumulating, // INCRBY
	}.effect(args, 2))
}
