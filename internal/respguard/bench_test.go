package respguard_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/respguard"
)

func BenchmarkStatusReply(b *testing.B) { benchmarkCheck(b, 1, []byte("+OK\r\n")) }

func BenchmarkGetReplyOf64Bytes(b *testing.B) {
	benchmarkCheck(b, 1, fmt.Appendf(nil, "$64\r\n%s\r\n", strings.Repeat("x", 64)))
}

func BenchmarkGetReplyOf1MiB(b *testing.B) {
	benchmarkCheck(b, 1, fmt.Appendf(nil, "$%d\r\n%s\r\n", 1<<20, strings.Repeat("x", 1<<20)))
}

func BenchmarkArrayOf1000Bulks(b *testing.B) {
	reply := fmt.Appendf(nil, "*1000\r\n%s", strings.Repeat("$10\r\n0123456789\r\n", 1000))
	benchmarkCheck(b, 1000, reply)
}

func BenchmarkArrayOf1000Integers(b *testing.B) {
	reply := fmt.Appendf(nil, "*1000\r\n%s", strings.Repeat(":12345\r\n", 1000))
	benchmarkCheck(b, 1000, reply)
}

// BenchmarkArrayInOddReads cuts headers as a full receive buffer does.
func BenchmarkArrayInOddReads(b *testing.B) {
	reply := fmt.Appendf(nil, "*1000\r\n%s", strings.Repeat("$10\r\n0123456789\r\n", 1000))
	guard := respguard.New(respguard.Limits{})
	for b.Loop() {
		for rest := reply; len(rest) > 0; {
			n := min(61, len(rest))
			if err := guard.Check(rest[:n]); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/element")
}

func benchmarkCheck(b *testing.B, elements int, reply []byte) {
	reply = bytes.Clone(reply)
	guard := respguard.New(respguard.Limits{})
	b.ReportAllocs()
	for b.Loop() {
		if err := guard.Check(reply); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(elements), "ns/element")
}
