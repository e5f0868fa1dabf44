package main

import (
	"slices"
	"strings"
	"time"
)

// latencies are the times that answers took, in the order in which they came.
type latencies []time.Duration

// distribution sums latencies up. Percentiles are by nearest rank, so that each
// is a latency that was measured.
type distribution struct {
	min, avg, p50, p90, p99, max time.Duration
}

func (l latencies) distribution() distribution {
	if len(l) == 0 {
		return distribution{}
	}
	sorted := slices.Sorted(slices.Values(l))
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	rank := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return distribution{
		min: sorted[0], avg: sum / time.Duration(len(sorted)),
		p50: rank(50), p90: rank(90), p99: rank(99), max: sorted[len(sorted)-1],
	}
}

// bucket is how many latencies are above the bound of the bucket before and at
// or below its own.
type bucket struct {
	atMost time.Duration
	count  int
}

// histogram sorts latencies into buckets whose bounds rise by 1, 2, 5, 10 from a
// microsecond on; it begins with the first bucket that holds any and ends with
// the last.
func (l latencies) histogram() []bucket {
	if len(l) == 0 {
		return nil
	}
	least, most := slices.Min(l), slices.Max(l)
	var buckets []bucket
	for bound := time.Microsecond; ; bound = nextBound(bound) {
		if bound < least {
			continue
		}
		buckets = append(buckets, bucket{atMost: bound})
		if bound >= most {
			break
		}
	}
	for _, d := range l {
		at, _ := slices.BinarySearchFunc(buckets, d, func(b bucket, d time.Duration) int { return int(b.atMost - d) })
		buckets[at].count++
	}
	return buckets
}

// nextBound continues 1, 2, 5, 10, 20 …
func nextBound(bound time.Duration) time.Duration {
	if strings.HasPrefix(bound.String(), "2") {
		return bound / 2 * 5
	}
	return bound * 2
}

// barWidth is the length of the longest bar.
const barWidth = 40

// eighths are the blocks that end a bar, by how many eighths of a character it has left.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws count relative to most; what is there at all is visible.
func bar(count, most int) string {
	if count == 0 {
		return ""
	}
	length := max(count*barWidth*8/most, 1)
	return strings.Repeat("█", length/8) + eighths[length%8]
}
