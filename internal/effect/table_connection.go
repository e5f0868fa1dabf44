package effect

// Connection and Pub/Sub. Here idempotent and conditional speak of the connection's own state.

var connectionCommands = commands{
	"asking":    conditional(noKeys).stateful().because("holds for the next command only"),
	"auth":      idempotent(noKeys).stateful(),
	"echo":      read(noKeys),
	"hello":     idempotent(noKeys).stateful(),
	"ping":      read(noKeys),
	"quit":      idempotent(noKeys).stateful(),
	"readonly":  idempotent(noKeys).stateful(),
	"readwrite": idempotent(noKeys).stateful(),
	"reset":     idempotent(noKeys).stateful(),
	"select":    idempotent(noKeys).stateful(),

	"client":                     container(),
	"client|caching":             conditional(noKeys).stateful().because("holds for the next command only"),
	"client|getname":             read(noKeys),
	"client|getredir":            read(noKeys),
	"client|help":                read(noKeys),
	"client|id":                  read(noKeys),
	"client|info":                read(noKeys),
	"client|kill":                conditional(noKeys).because("the second application finds nobody, or somebody else"),
	"client|list":                read(noKeys),
	"client|maint_notifications": idempotent(noKeys).stateful(),
	"client|no-evict":            idempotent(noKeys).stateful(),
	"client|no-touch":            idempotent(noKeys).stateful(),
	"client|pause":               conditional(noKeys).because("a second application prolongs the pause"),
	"client|reply": conditional(noKeys).stateful().
		because("SKIP holds for the next command only, OFF sends no reply"),
	"client|setinfo": idempotent(noKeys).stateful(),
	"client|setname": idempotent(noKeys).stateful(),
	"client|tracking": conditional(noKeys).stateful().
		because("a BCAST prefix that is tracked already is an error"),
	"client|trackinginfo": read(noKeys),
	"client|unblock":      conditional(noKeys).because("by then the client may block on another command"),
	"client|unpause":      idempotent(noKeys),
}

var pubsubCommands = commands{
	"publish":  accumulating(noKeys),
	"spublish": accumulating(oneKey),

	"psubscribe":   idempotent(noKeys).stateful(),
	"punsubscribe": idempotent(noKeys).stateful(),
	"ssubscribe":   idempotent(everyKey).stateful(),
	"subscribe":    idempotent(noKeys).stateful(),
	"sunsubscribe": idempotent(everyKey).stateful(),
	"unsubscribe":  idempotent(noKeys).stateful(),

	"pubsub":               container(),
	"pubsub|channels":      read(noKeys),
	"pubsub|help":          read(noKeys),
	"pubsub|numpat":        read(noKeys),
	"pubsub|numsub":        read(noKeys),
	"pubsub|shardchannels": read(noKeys),
	"pubsub|shardnumsub":   read(noKeys),
}
