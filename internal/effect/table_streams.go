package effect

import "bytes"

// Streams.

var streamCommands = commands{
	"xack":    idempotent(oneKey),
	"xackdel": idempotent(oneKey),
	"xadd": accumulating(oneKey).decidedBy(xaddEffect).
		because("an ID in full is refused the second time; IDMP and IDMPAUTO let the server recognise it"),
	"xautoclaim": accumulating(oneKey).because("every application claims the next idle entries"),
	"xcfgset":    idempotent(oneKey),
	"xclaim":     conditional(oneKey).because("the first application makes the entries too young to be claimed again"),
	"xdel":       idempotent(oneKey),
	"xdelex":     idempotent(oneKey),
	"xlen":       read(oneKey),
	"xnack":      conditional(oneKey).because("by then another consumer may hold the entries"),
	"xpending":   read(oneKey),
	"xrange":     read(oneKey),
	"xread":      read(keysOfStreams).blocking(blockOfStreams),
	"xreadgroup": accumulating(keysOfStreams).decidedBy(xreadgroupEffect).blocking(blockOfStreams).
		because("> delivers the next entries each time; a consumer's own history only counts another delivery"),
	"xrevrange": read(oneKey),
	"xsetid":    conditional(oneKey).because("takes the last ID back behind what was added in between"),
	"xtrim":     idempotent(oneKey),

	"xgroup":                container(),
	"xgroup|create":         conditional(keyAfterSubcommand).because("an error for a group that exists"),
	"xgroup|createconsumer": idempotent(keyAfterSubcommand),
	"xgroup|delconsumer":    idempotent(keyAfterSubcommand),
	"xgroup|destroy":        idempotent(keyAfterSubcommand),
	"xgroup|help":           read(noKeys),
	"xgroup|setid":          conditional(keyAfterSubcommand).because("delivers again what was delivered in between"),

	"xinfo":           container(),
	"xinfo|consumers": read(keyAfterSubcommand),
	"xinfo|groups":    read(keyAfterSubcommand),
	"xinfo|help":      read(noKeys),
	"xinfo|stream":    read(keyAfterSubcommand),
}

// xaddEffect decides by the ID, and by whether the server is asked to recognise a repetition.
func xaddEffect(args arguments) Effect {
	effect := Accumulating
	i := 2
	for ; i < len(args); i++ {
		switch {
		case args.isAny(i, "nomkstream", "keepref", "delref", "acked"):
		case args.is(i, "idmpauto"):
			effect = Idempotent
			i++
		case args.is(i, "idmp"):
			effect = Idempotent
			i += 2
		case args.isAny(i, "maxlen", "minid"):
			if args.isAny(i+1, "=", "~") {
				i++
			}
			i++
		case args.is(i, "limit"):
			i++
		case args.fullID(i):
			return Conditional
		default:
			return effect
		}
	}
	return effect
}

// fullID reports whether argument i is an ID in which the server has nothing to fill in.
func (a arguments) fullID(i int) bool {
	var buffer [wordBytes]byte
	id, ok := a.word(buffer[:0], i)
	return ok && len(id) > 0 && '0' <= id[0] && id[0] <= '9' && bytes.IndexByte(id, '*') < 0
}

// xreadgroupEffect looks at the IDs, the second half of what follows STREAMS.
func xreadgroupEffect(args arguments) Effect {
	_, streams := streamOptions(args)
	ids := streams + 1 + streamKeys(args)
	if streams == 0 || ids >= len(args) {
		return Accumulating
	}
	for i := ids; i < len(args); i++ {
		if !args.fullID(i) {
			return Accumulating
		}
	}
	return Conditional
}

var keysOfStreams = Keys{moving: streamKeys, start: func(args arguments) int {
	_, streams := streamOptions(args)
	return streams + 1
}}

// streamKeys counts the keys of XREAD and XREADGROUP: the first half of what follows STREAMS.
func streamKeys(args arguments) int {
	_, streams := streamOptions(args)
	if streams == 0 {
		return 0
	}
	return (len(args) - streams - 1) / 2
}

// streamOptions returns where BLOCK and STREAMS stand in XREAD and XREADGROUP, 0 for none. Operands are stepped over:
// a group or a consumer may be called block or streams.
func streamOptions(args arguments) (block, streams int) {
	for i := 1; i < len(args); i++ {
		switch {
		case args.is(i, "streams"):
			return block, i
		case args.is(i, "block"):
			block = i
			i++
		case args.is(i, "group"):
			i += 2
		case args.isAny(i, "count", "maxcount", "maxsize", "claim"):
			i++
		}
	}
	return block, 0
}
