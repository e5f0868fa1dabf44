package effect

import "bytes"

// JSON documents (module ReJSON, part of Redis 8).

var jsonCommands = commands{
	"json.arrappend": accumulating(oneKey),
	"json.arrindex":  read(oneKey),
	"json.arrinsert": accumulating(oneKey),
	"json.arrlen":    read(oneKey),
	"json.arrpop":    accumulating(oneKey),
	"json.arrtrim":   accumulating(oneKey).decidedBy(keptRange(3)).because("as LTRIM"),
	"json.clear":     idempotent(oneKey),
	"json.del": idempotent(oneKey).decidedBy(jsonDelEffect).
		because("without an array element the next one does not move up"),
	"json.forget": idempotent(oneKey).decidedBy(jsonDelEffect).
		because("without an array element the next one does not move up"),
	"json.get":       read(oneKey),
	"json.merge":     idempotent(oneKey),
	"json.mget":      read(everyButLast),
	"json.mset":      idempotent(everyThird),
	"json.numincrby": accumulating(oneKey),
	"json.nummultby": accumulating(oneKey),
	"json.numpowby":  accumulating(oneKey),
	"json.objkeys":   read(oneKey),
	"json.objlen":    read(oneKey),
	"json.resp":      read(oneKey),
	"json.set": idempotent(oneKey).
		with(options{from: 4, listed: []option{{"fpha", 1, Idempotent}}, unlisted: Conditional}).
		because("NX and XX look at what is there"),
	"json.strappend": accumulating(oneKey),
	"json.strlen":    read(oneKey),
	"json.toggle":    accumulating(oneKey).because("the second application undoes the first"),
	"json.type":      read(oneKey),

	"json.debug":        container(),
	"json.debug|help":   read(noKeys),
	"json.debug|memory": read(keyAfterSubcommand),
}

// jsonDelEffect: removing an array element moves the next one into its place, to be removed by the next application.
func jsonDelEffect(args arguments) Effect {
	if len(args) < 3 {
		return Idempotent
	}
	var buffer [64]byte
	if path, ok := spell(buffer[:0], args[2]); !ok || bytes.IndexByte(path, '[') >= 0 {
		return Accumulating
	}
	return Idempotent
}
