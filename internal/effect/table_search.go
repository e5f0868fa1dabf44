package effect

// Search (module RediSearch, part of Redis 8). Index, dictionary and alias names are no keys.

var searchCommands = commands{
	"ft._list":       read(noKeys),
	"ft.aggregate":   read(noKeys).because("WITHCURSOR leaves a second cursor, which expires"),
	"ft.aliasadd":    conditional(noKeys).because("an error for an alias that exists"),
	"ft.aliasdel":    conditional(noKeys).because("an error for an alias that is gone"),
	"ft.aliaslist":   read(noKeys),
	"ft.aliasupdate": idempotent(noKeys),
	"ft.alter":       conditional(noKeys).because("an error for an attribute that exists"),
	"ft.create":      conditional(noKeys).because("an error for an index that exists"),
	"ft.dictadd":     idempotent(noKeys),
	"ft.dictdel":     idempotent(noKeys),
	"ft.dictdump":    read(noKeys),
	"ft.dropindex":   conditional(noKeys).because("an error for an index that is gone"),
	"ft.explain":     read(noKeys),
	"ft.explaincli":  read(noKeys),
	"ft.hybrid":      read(noKeys),
	"ft.info":        read(noKeys),
	"ft.profile":     read(noKeys),
	"ft.search":      read(noKeys),
	"ft.spellcheck":  read(noKeys),
	"ft.sugadd": idempotent(oneKey).
		with(options{from: 4, listed: []option{{"incr", 0, Accumulating}, {"payload", 1, Idempotent}}, unlisted: Conditional}),
	"ft.sugdel":    idempotent(oneKey),
	"ft.sugget":    read(oneKey),
	"ft.suglen":    read(oneKey),
	"ft.syndump":   read(noKeys),
	"ft.synupdate": idempotent(noKeys),
	"ft.tagvals":   read(noKeys),

	"ft.config":      container(),
	"ft.config|get":  read(noKeys),
	"ft.config|help": read(noKeys),
	"ft.config|set":  idempotent(noKeys),

	"ft.cursor":      container(),
	"ft.cursor|del":  conditional(noKeys).because("an error for a cursor that is gone"),
	"ft.cursor|read": accumulating(noKeys).because("every application takes the next page"),
}
