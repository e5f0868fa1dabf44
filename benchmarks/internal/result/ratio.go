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

	sorted []float64
}

// Doubt is how likely it is that so few of the repeats reach a ratio by chance,
// when the true median does reach it (a sign test): below a doubt of 1 % it is
// safe to say that it does not.
func (r Ratio) Doubt(atLeast float64) float64 {
	first, _ := slices.BinarySearch(r.sorted, atLeast)
	return fewerHeads(r.Repeats, r.Repeats-first)
}

// fewerHeads is the chance of at most so many heads in n throws of a coin.
func fewerHeads(n, heads int) float64 {
	chance, exactly := 0.0, math.Pow(0.5, float64(n))
	for k := 0; k <= heads; k++ {
		chance += exactly
		exactly *= float64(n-k) / float64(k+1)
	}
	return chance
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
		sorted:  sorted,
	}
}

// skipped is how many of n values at either end the interval can do without.
func skipped(n int) int {
	skip := 0
	for 2*(skip+1) < n && fewerHeads(n, skip+1) <= (1-Confidence)/2 {
		skip++
	}
	return skip
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
