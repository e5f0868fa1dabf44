package effect

import (
	"bytes"
	"encoding"
	"reflect"
	"strconv"
)

// arguments are a command as the driver holds it: its name, then values of any type the driver can write.
type arguments []any

// wordBytes bounds what is read as an option or a number; a longer argument is neither.
const wordBytes = 32

// is reports whether argument i is the given lower-case word, in any case.
func (a arguments) is(i int, word string) bool {
	var buffer [wordBytes]byte
	text, ok := a.word(buffer[:0], i)
	return ok && string(lower(text)) == word
}

// isAny reports whether argument i is one of the given lower-case words, in any case.
func (a arguments) isAny(i int, words ...string) bool {
	for _, word := range words {
		if a.is(i, word) {
			return true
		}
	}
	return false
}

// integer reads argument i as a whole number.
func (a arguments) integer(i int) (int64, bool) {
	var buffer [wordBytes]byte
	text, ok := a.word(buffer[:0], i)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// float reads argument i as a number.
func (a arguments) float(i int) (float64, bool) {
	var buffer [wordBytes]byte
	text, ok := a.word(buffer[:0], i)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// same reports whether arguments i and j may be the same on the wire. What cannot be read may be.
func (a arguments) same(i, j int) bool {
	var first, second [64]byte
	x, xOK := spell(first[:0], a[i])
	y, yOK := spell(second[:0], a[j])
	return !xOK || !yOK || bytes.Equal(x, y)
}

// word appends argument i to an empty buffer of wordBytes; ok is false when there is none, or none so short.
func (a arguments) word(buffer []byte, i int) (_ []byte, ok bool) {
	if i < 0 || i >= len(a) || textLen(a[i]) > cap(buffer) {
		return nil, false
	}
	return spell(buffer, a[i])
}

// appendName appends the name of a command or subcommand in lower case; ok is false when no name in the table is as
// long.
func appendName(buffer []byte, args arguments, i int) (_ []byte, ok bool) {
	if i >= len(args) || textLen(args[i]) > cap(buffer)-len(buffer) {
		return nil, false
	}
	named, ok := spell(buffer, args[i])
	lower(named[len(buffer):])
	return named, ok
}

// spell appends an argument as the driver writes it. ok is false for what it would not write, and for what only its
// own MarshalBinary can tell.
func spell(b []byte, arg any) (_ []byte, ok bool) {
	switch v := arg.(type) {
	case nil:
		return b, true
	case string:
		return append(b, v...), true
	case []byte:
		return append(b, v...), true
	case *string:
		if v == nil {
			return b, true
		}
		return append(b, *v...), true
	case encoding.BinaryMarshaler:
		return b, false
	}
	v := reflect.ValueOf(arg)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.CanInt():
		return strconv.AppendInt(b, v.Int(), 10), true
	case v.CanUint():
		return strconv.AppendUint(b, v.Uint(), 10), true
	case v.CanFloat():
		return strconv.AppendFloat(b, v.Float(), 'f', -1, 64), true
	}
	return b, false
}

// textLen returns the length of an argument that is text, 0 for any other.
func textLen(arg any) int {
	switch v := arg.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case *string:
		if v != nil {
			return len(*v)
		}
	}
	return 0
}

// lower turns ASCII letters to lower case in place, and returns b.
func lower(b []byte) []byte {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return b
}
