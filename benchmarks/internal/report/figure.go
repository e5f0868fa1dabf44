package report

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

// figure writes a figure with three digits, which is more than noise leaves of most.
func figure(unit load.Unit, v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	switch unit {
	case load.Seconds:
		return latency(v)
	case load.Rate:
		return scaled(v, "", "k", "M", "G")
	case load.Memory:
		return scaled(v, " B", " kB", " MB", " GB")
	case load.CPUSeconds:
		return digits(v)
	}
	return digits(v)
}

func latency(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for unit := time.Nanosecond; unit <= time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Second).String()
}

func scaled(v float64, suffixes ...string) string {
	at := 0
	for v >= 999.5 && at < len(suffixes)-1 {
		v /= 1000
		at++
	}
	return digits(v) + suffixes[at]
}

// digits writes a number with three digits where it has a fraction.
func digits(v float64) string {
	switch {
	case v >= 99.95 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// times writes a ratio, with two decimals even where they are zeros: 1.00 is a figure, 1 is a guess.
func times(ratio float64) string {
	if ratio < 9.995 {
		return fmt.Sprintf("%.2f×", ratio)
	}
	return digits(ratio) + "×"
}
