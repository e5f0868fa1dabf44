package respguard_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/respguard"
)

// FuzzCheck compares the guard, fed in one read, byte by byte and in odd pieces, with a recursive parser that has
// the whole input before it. The limits are small so that the fuzzer reaches every one.
func FuzzCheck(f *testing.F) {
	limits := respguard.Limits{BulkBytes: 70, Elements: 12, ReplyElements: 40, Depth: 4, LineBytes: 64, ReplyBytes: 400}
	for _, reply := range everyType {
		f.Add([]byte(reply), uint8(3))
	}
	for _, hostile := range []string{
		"*2147483647\r\n", "*9\r\n*9\r\n", "$71\r\n", "|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n", "$?\r\n;69\r\n" + strings.Repeat("x", 71) + ";2\r\n",
		"*12\r\n" + strings.Repeat("*3\r\n_\r\n_\r\n_\r\n", 12), "*8\r\n" + strings.Repeat("$60\r\n"+strings.Repeat("y", 62), 8),
		"+" + strings.Repeat("z", 70), "$" + strings.Repeat("0", 59) + "1\r\nx\r\n", "*?\r\n" + strings.Repeat("*?\r\n.\r\n", 41),
		"$\r\n$x\r\n$1\n$1\r\r\n$?\n$?\r\r\n$-\r\n$+\r\n$-2\r\n$--1\r\n\r\n\n;3\r\nabc\r\n.\r\n;0\r\n\r\n;?\r\n",
		"$?\r\n+no chunk\r\n$3\r\nabc\r\n;?\r\n;0\r\n|?\r\n.\r\n.\r\n+OK\r\n", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
	} {
		f.Add([]byte(hostile), uint8(7))
	}
	f.Fuzz(func(t *testing.T, input []byte, piece uint8) {
		want := (&reference{in: input, limits: limits}).verdict()
		for _, size := range []int{len(input), 1, int(piece)%13 + 2} {
			guard := respguard.New(limits)
			var err error
			for rest := input; len(rest) > 0 && err == nil; {
				n := min(size, len(rest))
				err = guard.Check(bytes.Clone(rest[:n]))
				rest = rest[n:]
			}
			var got *respguard.LimitError
			if errors.As(err, &got); (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Fatalf("%q in reads of %d: %v, want %v", input, size, got, want)
			}
		}
	})
}

// reference reads RESP by recursive descent and keeps the same books in the plainest way.
type reference struct {
	in     []byte
	limits respguard.Limits

	depth    int
	bulk     int64
	elements int64
	bytes    int64
	pending  []*big.Int // values each open aggregate still expects, nil for a streamed one
}

var errIncomplete = errors.New("input ends inside a reply")

func (r *reference) verdict() *respguard.LimitError {
	for {
		r.bytes, r.elements = 0, 0
		if _, err := r.value(false); err != nil {
			var limit *respguard.LimitError
			errors.As(err, &limit)
			return limit
		}
	}
}

// value reads one value, or in a stream the line that ends it.
func (r *reference) value(inStream bool) (end bool, _ error) {
	line, err := r.line()
	if err != nil {
		return false, err
	}
	kind := line[0]
	number, isNumber := announcement(line)
	switch {
	case isNumber && number == nil:
		return false, r.stream(kind, len(line))
	case isNumber && number.Sign() < 0:
		return false, r.take(len(line), 0)
	case isNumber && strings.IndexByte("$=!;", kind) >= 0:
		r.bulk = 0
		return false, r.payload(number, len(line))
	case isNumber:
		count := new(big.Int).Set(number)
		if kind == '%' || kind == '|' {
			count.Lsh(count, 1)
		}
		if kind == '|' {
			count.Add(count, big.NewInt(1))
		}
		return false, r.aggregate(count, len(line))
	case kind == '.' && inStream:
		return true, r.take(len(line), 0)
	}
	return false, r.take(len(line), 0)
}

func (r *reference) aggregate(count *big.Int, size int) error {
	pending := new(big.Int).Set(count)
	for _, open := range r.pending {
		if open != nil {
			pending.Add(pending, open)
		}
	}
	sum := new(big.Int).Add(big.NewInt(r.elements), count)
	switch {
	case pending.Cmp(big.NewInt(int64(r.limits.Elements))) > 0:
		return refused("Elements", pending, int64(r.limits.Elements))
	case sum.Cmp(big.NewInt(int64(r.limits.ReplyElements))) > 0:
		return refused("ReplyElements", sum, int64(r.limits.ReplyElements))
	}
	r.elements = sum.Int64()
	if count.Sign() == 0 {
		return r.take(size, 0)
	}
	return r.nested(size, count, func() error {
		for ; count.Sign() > 0; count.Sub(count, big.NewInt(1)) {
			if _, err := r.value(false); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reference) stream(kind byte, size int) error {
	switch kind {
	case '$', '=', '!':
		r.bulk = 0
		return r.nested(size, nil, r.chunks)
	case '|':
		return r.nested(size, nil, func() error {
			if err := r.untilDot(); err != nil {
				return err
			}
			r.pending[len(r.pending)-1] = big.NewInt(1)
			_, err := r.value(false)
			return err
		})
	}
	return r.nested(size, nil, r.untilDot)
}

func (r *reference) untilDot() error {
	for {
		if end, err := r.value(true); end || err != nil {
			return err
		}
		if err := r.streamedElement(); err != nil {
			return err
		}
	}
}

// chunks reads ";n" parts up to ";0"; anything else there is no RESP and only has to be bounded.
func (r *reference) chunks() error {
	for {
		mark := r.in
		line, err := r.line()
		if err != nil {
			return err
		}
		number, isNumber := announcement(line)
		if line[0] == ';' && isNumber && number.Sign() >= 0 {
			if number.Sign() == 0 {
				return r.take(len(line), 0)
			}
			if err := r.payload(number, len(line)); err != nil {
				return err
			}
			continue
		}
		r.in = mark
		if end, err := r.value(true); end || err != nil {
			return err
		}
		if err := r.streamedElement(); err != nil {
			return err
		}
	}
}

func (r *reference) streamedElement() error {
	if r.elements++; r.elements > int64(r.limits.ReplyElements) {
		return refused("ReplyElements", big.NewInt(r.elements), int64(r.limits.ReplyElements))
	}
	return nil
}

func (r *reference) nested(size int, pending *big.Int, body func() error) error {
	if r.depth == r.limits.Depth {
		return refused("Depth", big.NewInt(int64(r.depth+1)), int64(r.limits.Depth))
	}
	if err := r.take(size, 0); err != nil {
		return err
	}
	r.depth++
	r.pending = append(r.pending, pending)
	err := body()
	r.pending = r.pending[:len(r.pending)-1]
	r.depth--
	return err
}

func (r *reference) payload(n *big.Int, size int) error {
	sum := new(big.Int).Add(big.NewInt(r.bulk), n)
	if sum.Cmp(big.NewInt(int64(r.limits.BulkBytes))) > 0 {
		return refused("BulkBytes", sum, int64(r.limits.BulkBytes))
	}
	r.bulk = sum.Int64()
	if err := r.take(size, n.Int64()+2); err != nil {
		return err
	}
	if int64(len(r.in)) < n.Int64()+2 {
		return errIncomplete
	}
	r.in = r.in[n.Int64()+2:]
	return nil
}

func (r *reference) take(size int, payload int64) error {
	if r.bytes += int64(size) + payload; r.bytes > r.limits.ReplyBytes {
		return refused("ReplyBytes", big.NewInt(r.bytes), r.limits.ReplyBytes)
	}
	return nil
}

func (r *reference) line() ([]byte, error) {
	reader := bytes.NewBuffer(r.in)
	line, err := reader.ReadBytes('\n')
	switch {
	case len(line) > r.limits.LineBytes, len(line) == r.limits.LineBytes && err == io.EOF:
		return nil, refused("LineBytes", big.NewInt(int64(r.limits.LineBytes)+1), int64(r.limits.LineBytes))
	case err != nil:
		return nil, errIncomplete
	}
	r.in = r.in[len(line):]
	return line, nil
}

// announcement reads the length on a header line; nil stands for "?".
func announcement(line []byte) (*big.Int, bool) {
	text, ok := strings.CutSuffix(string(line[1:]), "\r\n")
	if !ok || strings.IndexByte("$=!;*~>%|", line[0]) < 0 {
		return nil, false
	}
	if text == "?" && line[0] != ';' {
		return nil, true
	}
	if strings.Trim(strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-"), "0123456789") != "" {
		return nil, false
	}
	n, ok := new(big.Int).SetString(text, 10)
	if ok && n.Cmp(big.NewInt(math.MaxInt64)) > 0 {
		n.SetInt64(math.MaxInt64)
	}
	return n, ok
}

func refused(limit string, got *big.Int, most int64) error {
	if !got.IsInt64() {
		got = big.NewInt(math.MaxInt64)
	}
	return &respguard.LimitError{Limit: limit, Got: got.Int64(), Max: most}
}
