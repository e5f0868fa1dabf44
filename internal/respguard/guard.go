// Package respguard bounds what a peer can make a Redis client allocate.
//
// A RESP header announces its size before the content comes, and the driver trusts it: it allocates
// `*2147483647` as an array of 32 GiB, recurses as deep as headers nest, and buffers a line until it ends. A [Guard]
// looks at the same bytes first. It follows the protocol only as far as sizes go, holds no payload, and allocates
// nothing after [New]:
//
//	n, err := conn.Read(p)
//	if guardErr := guard.Check(p[:n]); guardErr != nil {
//		conn.Close()       // the driver may read again, and would wait for a peer that has nothing more to say
//		return 0, guardErr // the driver never sees the header
//	}
//
// It knows RESP2 and RESP3, streamed strings and aggregates included
// (https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md). What is not RESP, such as an HTTP
// answer, passes as so many short lines: that is the driver's error to report, within the line limit.
package respguard

import "math"

// What an open aggregate owes when its length was not announced: it is a negative count.
const (
	untilEnd       = -1 // streamed aggregate: ends with a "." line
	untilEndAndOne = -2 // streamed attribute: the same, then the value it describes
	untilEmpty     = -3 // streamed string: ends with an empty ";0" chunk
)

// Guard follows the input of one connection and reports the first limit it breaks. The zero Guard applies the
// default [Limits]. It belongs to one reader: it is not safe for concurrent use.
type Guard struct {
	limits Limits
	err    *LimitError

	skip int64   // bytes of payload still to come
	line line    // the line being read, when a read ended inside it
	owed []int64 // open aggregates, outermost first: values still to come, or one of the negative counts
	bulk int64   // payload of the current string so far

	// Of the reply being read.
	bytes    int64
	elements int64
}

// New returns a Guard for one connection.
func New(l Limits) *Guard {
	l = l.withDefaults()
	return &Guard{limits: l, owed: make([]int64, 0, l.Depth)}
}

// Check looks at the bytes just read from the peer, in order and without gaps. The verdict does not depend on how
// reads cut the input. It returns nil or a [*LimitError], and after an error the same error for ever: the reply that
// broke the limit has no known end.
func (g *Guard) Check(p []byte) error {
	if g.owed == nil {
		*g = *New(g.limits)
	}
	for len(p) > 0 && g.err == nil {
		if g.skip > 0 {
			passed := min(g.skip, int64(len(p)))
			g.skip -= passed
			p = p[passed:]
			continue
		}
		passed := 0
		if g.line.size == 0 {
			passed = g.passWhole(p)
		}
		if passed == 0 {
			passed = g.readLine(p)
		}
		p = p[passed:]
	}
	if g.err != nil {
		return g.err
	}
	return nil
}

// lineEnded takes a whole line: the header of a string or an aggregate, or a value by itself.
func (g *Guard) lineEnded(l line) {
	switch {
	case l.state == announced && (!l.negative || l.value == 0):
		g.header(l.kind, l.value, l.size)
	case l.state == streamed:
		g.stream(l.kind, l.size)
	case l.kind == '.' && g.innermost() < 0:
		g.streamEnded(l.size)
	default: // a simple value, a null, or nothing RESP knows
		g.count(l.size, 0)
		g.valueEnded()
	}
}

// header takes a line of the given size that announces n bytes, elements or pairs.
func (g *Guard) header(kind byte, n int64, size int) {
	if kind == ';' && g.innermost() == untilEmpty {
		g.chunk(n, size)
		return
	}
	switch kind {
	case '$', '=', '!', ';':
		g.bulk = 0
		g.payload(n, size)
		g.valueEnded()
	case '%':
		g.aggregate(saturatingAdd(n, n), size)
	case '|': // so that a row of attributes before one value, over which the driver recurses, nests here too
		g.aggregate(saturatingAdd(saturatingAdd(n, n), 1), size)
	default:
		g.aggregate(n, size)
	}
}

// aggregate starts one of n values. An attribute is taken as one whose last value is what it describes.
func (g *Guard) aggregate(n int64, size int) {
	pending := n
	for _, owed := range g.owed {
		pending = saturatingAdd(pending, max(owed, 0))
	}
	g.elements = saturatingAdd(g.elements, n)
	switch {
	case pending > int64(g.limits.Elements):
		g.refuse("Elements", pending, int64(g.limits.Elements))
	case g.elements > int64(g.limits.ReplyElements):
		g.refuse("ReplyElements", g.elements, int64(g.limits.ReplyElements))
	case n == 0:
		g.count(size, 0)
		g.valueEnded()
	default:
		g.nest(n, size)
	}
}

// stream starts a string or an aggregate that does not announce its length.
func (g *Guard) stream(kind byte, size int) {
	switch kind {
	case '$', '=', '!':
		g.bulk = 0
		g.nest(untilEmpty, size)
	case '|':
		g.nest(untilEndAndOne, size)
	default:
		g.nest(untilEnd, size)
	}
}

func (g *Guard) nest(owed int64, size int) {
	if len(g.owed) == g.limits.Depth {
		g.refuse("Depth", int64(g.limits.Depth)+1, int64(g.limits.Depth))
		return
	}
	g.count(size, 0)
	g.owed = append(g.owed, owed)
}

// payload takes n bytes and CR LF that follow a header: a whole string, or a chunk of a streamed one.
func (g *Guard) payload(n int64, size int) {
	g.bulk = saturatingAdd(g.bulk, n)
	if g.bulk > int64(g.limits.BulkBytes) {
		g.refuse("BulkBytes", g.bulk, int64(g.limits.BulkBytes))
		return
	}
	g.skip = n + 2
	g.count(size, g.skip)
}

// chunk takes a part of a streamed string; the empty one ends it.
func (g *Guard) chunk(n int64, size int) {
	if n == 0 {
		g.streamEnded(size)
		return
	}
	g.payload(n, size)
}

func (g *Guard) streamEnded(size int) {
	g.count(size, 0)
	top := len(g.owed) - 1
	if g.owed[top] == untilEndAndOne {
		g.owed[top] = 1
		return
	}
	g.owed = g.owed[:top]
	g.valueEnded()
}

// innermost returns what the innermost open aggregate owes, 0 when none is open.
func (g *Guard) innermost() int64 {
	if len(g.owed) == 0 {
		return 0
	}
	return g.owed[len(g.owed)-1]
}

// valueEnded books one complete value, and with it every aggregate it was the last value of.
func (g *Guard) valueEnded() {
	for top := len(g.owed) - 1; top >= 0; top-- {
		if g.owed[top] < 0 {
			g.elements++
			if g.elements > int64(g.limits.ReplyElements) {
				g.refuse("ReplyElements", g.elements, int64(g.limits.ReplyElements))
			}
			return
		}
		g.owed[top]--
		if g.owed[top] > 0 {
			return
		}
		g.owed = g.owed[:top]
	}
	g.replyEnded()
}

func (g *Guard) replyEnded() {
	g.bytes, g.elements = 0, 0
}

// count adds a line and the payload it announced to the reply.
func (g *Guard) count(size int, payload int64) {
	g.bytes += int64(size) + payload
	if g.bytes > g.limits.ReplyBytes {
		g.refuse("ReplyBytes", g.bytes, g.limits.ReplyBytes)
	}
}

// refuse keeps the first broken limit.
func (g *Guard) refuse(limit string, got, most int64) {
	if g.err == nil {
		g.err = &LimitError{Limit: limit, Got: got, Max: most}
	}
}

// saturatingAdd adds two counts that are not negative; a peer may announce up to 2⁶³−1 of anything.
func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
