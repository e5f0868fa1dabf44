package effect

import (
	"math"
	"time"
)

// BlockingTimeout reports whether this very call waits at the server, and for how long at most: 0 means for ever. A
// timeout that cannot be read counts as 0; the server refuses such a command at once.
func BlockingTimeout(args []any) (timeout time.Duration, blocking bool) {
	row, _ := find(args)
	if row.blocks == nil {
		return 0, false
	}
	return row.blocks(args)
}

// secondsAt reads a timeout in seconds, with a fraction; a negative i counts from the end.
func secondsAt(i int) func(arguments) (time.Duration, bool) {
	return func(args arguments) (time.Duration, bool) {
		at := i
		if at < 0 {
			at += len(args)
		}
		seconds, _ := args.float(at)
		return milliseconds(seconds * 1000), true
	}
}

// millisecondsAt reads a timeout in milliseconds.
func millisecondsAt(i int) func(arguments) (time.Duration, bool) {
	return func(args arguments) (time.Duration, bool) {
		n, _ := args.float(i)
		return milliseconds(n), true
	}
}

// blockOfStreams reads the BLOCK option of XREAD and XREADGROUP.
func blockOfStreams(args arguments) (time.Duration, bool) {
	block, _ := streamOptions(args)
	if block == 0 {
		return 0, false
	}
	return millisecondsAt(block + 1)(args)
}

// blockOfSamples reads the BLOCK option of TS.READ key timestamp [BLOCK timeout minCount] [MAX_COUNT n].
func blockOfSamples(args arguments) (time.Duration, bool) {
	for i := 3; i < len(args); i++ {
		if args.is(i, "block") {
			return millisecondsAt(i + 1)(args)
		}
	}
	return 0, false
}

// milliseconds rounds up, as the server does: the shortest timeout must not become 0, which is for ever.
func milliseconds(n float64) time.Duration {
	n = math.Ceil(n)
	switch {
	case !(n > 0):
		return 0
	case n > float64(math.MaxInt64/time.Millisecond):
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}
