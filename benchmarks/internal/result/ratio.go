package result

import (
	"math"
	"slices"
)

// Ratio is the median of ratios, and the interval that it is in.
type Ratio struct {
	Median    float64
	Low, High float64 // the true median is in between, with Confidence at least where there are repeats enough
	Repeats   int
}

// Confidence is what an interval aims at.
const Confidence = 0.92

// FewestRepeats is how many it takes: the interval of five values is from the
// least to the greatest, and misses the median once in 16 times.
const FewestRepeats = 5

// Known says whether there is a ratio.
func (r Ratio) Known() bool { return r.Repeats > 0 }

// newRatio orders values and finds their interval by counting: the median is
// below the k-th of n values as often as a coin shows heads fewer than k times
// of n. That holds whatever the noise looks like, and noise of throughput looks
// like nothing in a textbook.
func newRatio(values []float64) Ratio {
	if len(values) == 0 {
		return Ratio{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	skip := skipped(len(sorted))
	return Ratio{
		Median:  median(sorted),
		Low:     sorted[skip],
		High:    sorted[len(sorted)-1-skip],
		Repeats: len(sorted),
	}
}

// skipped is how many of n values at either end the interval can do without.
func skipped(n int) int {
	skip := 0
	tail := math.Pow(0.5, float64(n)) // P(no head in n throws)
	term := tail
	for {
		// Of one value more at either end: P(at most skip+1 heads).
		term *= float64(n-skip) / float64(skip+1)
		if tail+term > (1-Confidence)/2 || 2*(skip+1) >= n {
			return skip
		}
		tail += term
		skip++
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
