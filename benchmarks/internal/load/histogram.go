package load

import (
	"math/bits"
	"time"
)

// A histogram counts latencies in buckets of equal ratio: each power of two
// nanoseconds is cut into subBuckets, so that a percentile is off by 1.6 % at
// most. It is small, because every one of 2048 callers has its own:
// HdrHistogram's at this precision takes ten times the memory, and so much
// memory that is alive would spare all clients garbage collections.
type histogram struct {
	counts [buckets]uint32
	total  uint64
}

const (
	subBits    = 5
	subBuckets = 1 << subBits

	// shortest and longest bound what is told apart: 1 µs, less than a system
	// call, and 69 s, more than any call may take.
	shortest = 10 // as powers of two, in ns
	longest  = 36

	buckets = (longest - shortest) * subBuckets
)

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
}

func bucketOf(d time.Duration) int {
	power := bits.Len64(uint64(max(d, 1))) - 1
	switch {
	case power < shortest:
		return 0
	case power >= longest:
		return buckets - 1
	}
	within := int(uint64(d)>>(power-subBits)) & (subBuckets - 1)
	return (power-shortest)*subBuckets + within
}

// middle is the latency that stands for all of a bucket.
func middle(bucket int) time.Duration {
	power := shortest + bucket/subBuckets
	width := uint64(1) << (power - subBits)
	return time.Duration(uint64(1)<<power + uint64(bucket%subBuckets)*width + width/2)
}

// percentile is the latency that the given share of all stays at or below, by nearest rank.
func (h *histogram) percentile(share float64) time.Duration {
	rank := max(uint64(share*float64(h.total)+0.5), 1)
	var seen uint64
	for i, count := range h.counts {
		if seen += uint64(count); seen >= rank {
			return middle(i)
		}
	}
	return 0 // nothing was recorded
}

func (h *histogram) add(other *histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
	h.total += other.total
}
