package respguard

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// passWhole passes by the start of p as far as it needs no care: bulk strings, numbers and the like that stand there
// whole, all of one aggregate or one reply, or else the header of one aggregate. It returns how many bytes, and leaves
// to readLine what is cut, breaks a limit or is written as no server writes it. Nearly all traffic goes this way,
// hence the local copies.
func (g *Guard) passWhole(p []byte) int {
	if int64(len(p)) > g.limits.ReplyBytes-g.bytes {
		return 0
	}
	owed := int64(1)
	if len(g.owed) > 0 {
		owed = g.owed[len(g.owed)-1]
	}
	longest := g.limits.BulkBytes
	rest := p
values:
	for ; owed > 0 && len(rest) > 3; owed-- {
		switch rest[0] {
		case '$':
			n, header := plainLength(rest)
			if header == 0 || n > longest || n+2 > len(rest)-header {
				break values
			}
			rest = rest[header+n+2:]
		case ':', '+', '_', '#', ',':
			size := shortLine(rest)
			if size == 0 {
				break values
			}
			rest = rest[size:]
		default:
			break values
		}
	}
	passed := len(p) - len(rest)
	switch {
	case passed == 0:
		return g.passAggregateHeader(p)
	case len(g.owed) == 0:
		g.replyEnded()
	case owed > 0:
		g.bytes += int64(passed)
		g.owed[len(g.owed)-1] = owed
	default:
		g.bytes += int64(passed)
		g.owed[len(g.owed)-1] = 1
		g.valueEnded()
	}
	return passed
}

func (g *Guard) passAggregateHeader(p []byte) int {
	switch p[0] {
	case '*', '%', '~', '>':
		n, size := plainLength(p)
		if size > 0 {
			g.header(p[0], int64(n), size)
		}
		return size
	}
	return 0
}

// plainLength reads a header as servers write it: a type byte, one to nine digits, CR LF. Its size is 0 when p starts
// with anything else.
func plainLength(p []byte) (n, size int) {
	for at, c := range p[1:] {
		if digit := uint(c) - '0'; digit <= 9 {
			n = n*10 + int(digit)
			continue
		}
		if c == '\r' && uint(at-1) < 9 && at+2 < len(p) && p[at+2] == '\n' {
			return n, at + 3
		}
		break
	}
	return 0, 0
}

// shortLine returns the size of the line at the start of p when it ends within minLineBytes, else 0. Most lines end
// within eight bytes of their type, which one comparison of a word finds.
func shortLine(p []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if len(p) > 8 {
		word := binary.LittleEndian.Uint64(p[1:]) ^ '\n'*ones
		if zeros := (word - ones) &^ word & highs; zeros != 0 {
			return bits.TrailingZeros64(zeros)/8 + 2
		}
	}
	return bytes.IndexByte(p[:min(len(p), minLineBytes)], '\n') + 1
}
