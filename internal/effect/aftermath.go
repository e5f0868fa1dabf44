package effect

// overwriting are the idempotent commands that never look at what is there: they set or remove what they name, whole
// keys or single members, and whoever comes last wins. Members are enough, because a member that one command sets and
// a later one removes ends the same way however often both are applied in order.
var overwriting = map[string]bool{
	"set": true, "setex": true, "psetex": true, "mset": true, "del": true, "unlink": true,
	"hset": true, "hmset": true, "hdel": true, "sadd": true, "srem": true, "zadd": true, "zrem": true,
}

// Aftermath is what a sequence of commands writes. Commands that are harmless to repeat one by one need not be so
// together: SUNIONSTORE all new, DEL new leaves all empty when it is applied twice, and GET k, SET k v reads its own
// future. So a sequence may be repeated only as far back as no command looks at a key that a later one writes.
//
// Collect from the last command to the first. The zero value is the aftermath of nothing.
type Aftermath struct {
	keys map[string]bool
	all  bool // a command wrote who knows what
}

// Disturbs reports whether the command, applied once more after what was collected, might find something else than
// before it. It errs on the careful side: a command whose keys are not known looks at all of them.
func (a *Aftermath) Disturbs(args []any) bool {
	var name [nameBytes]byte
	command, ok := appendName(name[:0], args, 0)
	if ok && overwriting[string(command)] || !a.all && len(a.keys) == 0 {
		return false
	}
	keys, known := keysOf(args)
	if !known || a.all {
		return true
	}
	for _, key := range keys {
		if a.keys[key] {
			return true
		}
	}
	return false
}

// Add adds what a command writes; a command that reads adds nothing.
func (a *Aftermath) Add(args []any) {
	if Of(args) == Read {
		return
	}
	keys, known := keysOf(args)
	if !known {
		a.all = true
		return
	}
	if a.keys == nil {
		a.keys = map[string]bool{}
	}
	for _, key := range keys {
		a.keys[key] = true
	}
}

// keysOf returns the keys that a command names; known is false when it may touch others.
func keysOf(args arguments) (keys []string, known bool) {
	row, ok := find(args)
	if !ok || row.Keys.moving != nil || row.Keys.First == 0 {
		return nil, false
	}
	for i := range row.Keys.countIn(args) {
		var buffer [64]byte
		key, ok := spell(buffer[:0], args[row.Keys.First+i*row.Keys.Step])
		if !ok {
			return nil, false
		}
		keys = append(keys, string(key))
	}
	return keys, true
}
