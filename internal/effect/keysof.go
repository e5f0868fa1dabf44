package effect

import (
	"encoding"
	"iter"
)

// KeysOf yields the keys of a command whose places are known, the first one first. It is for finding the slot of a
// cluster: of commands that have fixed keys and others that move with their options (SORT with STORE, ZUNIONSTORE)
// the fixed ones are enough, because the server refuses keys of different slots.
//
// Of a command that is not in the table the first argument is taken for its key, which is so for almost all of them.
func KeysOf(args []any) iter.Seq[string] {
	return func(yield func(string) bool) {
		row, ok := find(args)
		first, step, count := row.Keys.places(args)
		if !ok {
			first, step, count = 1, 1, min(len(args)-1, 1)
		}
		for i := range count {
			key, ok := keyAt(args, first+i*step)
			if ok && !yield(key) {
				return
			}
		}
	}
}

// places returns where the keys are whose places are known.
func (k Keys) places(args arguments) (first, step, count int) {
	switch {
	case k.start != nil:
		return k.start(args), max(k.stride, 1), k.moving(args)
	case k.moving != nil:
		return k.First, 1, min(1, len(args)-k.First)
	}
	return k.First, k.Step, k.countIn(args)
}

// keyAt is an argument as the server will read it.
func keyAt(args []any, i int) (string, bool) {
	switch key := args[i].(type) {
	case string:
		return key, true
	case encoding.BinaryMarshaler:
		text, err := key.MarshalBinary()
		return string(text), err == nil
	}
	var buffer [64]byte
	text, ok := spell(buffer[:0], args[i])
	return string(text), ok
}
