package redisconn

import (
	"encoding"
	"fmt"
	"net"
	"time"
)

// wireSize estimates how many bytes a command takes on the wire. It fails for
// an argument that the driver cannot write: the driver would find out in the
// middle of writing a chunk, and fail all of it, half sent, with a connection.
// The types are those of the driver's proto.Writer.WriteArg.
func wireSize(args []any) (int, error) {
	const header, number = 16, 20
	size := header
	for i, arg := range args {
		size += header
		switch v := arg.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		case *string:
			if v != nil {
				size += len(*v)
			}
		case nil, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64, bool,
			*int, *int8, *int16, *int32, *int64, *uint, *uint8, *uint16, *uint32, *uint64, *uintptr, *float32, *float64, *bool,
			time.Time, *time.Time, time.Duration, *time.Duration, net.IP:
			size += number
		case encoding.BinaryMarshaler:
			size += number // what it makes is known only when it is written
		default:
			return 0, fmt.Errorf("argument %d is a %T, which cannot be sent: convert it to a string, []byte or number, or give it MarshalBinary", i, arg)
		}
	}
	return size, nil
}
