package effect

// Manner is how a command behaves towards those that share its connection.
type Manner uint8

const (
	// Shares: it is answered as soon as it is read, and leaves the connection as it was.
	Shares Manner = iota
	// Waits: it may wait at the server for something to happen; see [BlockingTimeout].
	Waits
	// Binds: it may change its connection, depending on its subcommand; see [Stateful].
	Binds
	// Hogs: it leaves the connection as it was, but walks through all that there is, or
	// stops the server meanwhile, so that what shares its connection would wait for it.
	Hogs
)

// MannerOf returns the manner of a command by its lower-case name, the worst that its arguments can bring about. It is
// asked for every command that is sent: it costs a few nanoseconds and allocates nothing. A test compares it with the
// table.
func MannerOf(name string) Manner {
	switch name {
	case "blpop", "brpop", "brpoplpush", "blmove", "blmovem", "blmpop", "bzpopmin", "bzpopmax", "bzmpop",
		"xread", "xreadgroup", "wait", "waitaof", "ts.read":
		return Waits
	case "select", "auth", "hello", "reset", "quit", "readonly", "readwrite", "asking", "client", "script", "himport",
		"multi", "exec", "discard", "watch", "unwatch", "monitor", "sync", "psync", "replconf",
		"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return Binds
	case "keys", "sort", "sort_ro", "migrate", "dump", "restore", "debug", "save", "bgsave", "bgrewriteaof", "flushall", "flushdb",
		"shutdown", "failover", "memory", "function", "command", "info", "cluster", "ft.aggregate", "ft.search", "ft.profile":
		return Hogs
	}
	return Shares
}

// Blocks reports whether a command of this lower-case name may wait at the server for something to happen, depending
// on its arguments (XREAD waits only with BLOCK).
func Blocks(name string) bool { return MannerOf(name) == Waits }
