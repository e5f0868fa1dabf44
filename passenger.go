package redisconn

import (
	"reflect"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// largePassenger is what a command may take on the wire: one that is larger has
// a connection of its own, so that nobody waits behind it.
const largePassenger = 16 << 10

// mayShare reports whether a command may travel in a flight with others. It may
// not when it changes the connection, keeps the server busy for long or is large.
// It may not when only the program can spell an argument, because its MarshalBinary
// might fail in the middle of everybody's flight. And what the driver must not
// repeat writes its reply somewhere else, where its caller has to be.
func mayShare(cmd redis.Cmder) bool {
	if effect.MannerOf(cmd.Name()) != effect.Shares || cmd.NoRetry() {
		return false
	}
	size := 0
	for _, arg := range cmd.Args() {
		switch v := arg.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		case int, int64, uint64, float64, bool, int32, uint32, uint, nil:
		default:
			return false
		}
	}
	return size <= largePassenger
}

// isFaithful reports whether a copy of a command can take its place. That of a
// type of the program's own is the driver's type inside it; that of a command
// which reads into the caller's buffer is without the buffer.
func isFaithful(cmd, standIn redis.Cmder) bool {
	_, borrows := cmd.(*redis.ZeroCopyStringCmd)
	return !borrows && reflect.TypeOf(cmd) == reflect.TypeOf(standIn)
}

// takeOver gives a command the result of the copy that travelled for it.
func takeOver(cmd, standIn redis.Cmder) {
	reflect.ValueOf(cmd).Elem().Set(reflect.ValueOf(standIn).Elem())
}
