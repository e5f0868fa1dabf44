package load

import (
	"math"
	"testing"
	"time"
)

func TestALatencyIsToldWithinItsBucket(t *testing.T) {
	for d := time.Microsecond; d < time.Minute; d = d*21/20 + 1 {
		var h histogram
		h.record(d)
		got := h.percentile(0.5)
		if off := math.Abs(float64(got-d)) / float64(d); off > 0.016 && d > 1024 {
			t.Fatalf("%s is told as %s, off by %.1f %%", d, got, off*100)
		}
	}
}

func TestWhatIsOutOfRangeCountsAtItsEdge(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{-1, 0, 1, time.Hour} {
		h.record(d)
	}
	if h.total != 4 || h.counts[0] != 3 || h.counts[buckets-1] != 1 {
		t.Errorf("%d counted, %d at the lower edge, %d at the upper", h.total, h.counts[0], h.counts[buckets-1])
	}
}

func TestPercentilesAreByNearestRank(t *testing.T) {
	var low, high, all histogram
	for range 99 {
		low.record(time.Millisecond)
	}
	high.record(time.Second)
	all.add(&low)
	all.add(&high)
	for _, tt := range []struct {
		share float64
		want  time.Duration
	}{
		{0.5, time.Millisecond},
		{0.99, time.Millisecond},
		{0.999, time.Second},
	} {
		got := all.percentile(tt.share)
		if ratio := float64(got) / float64(tt.want); ratio < 0.97 || ratio > 1.03 {
			t.Errorf("percentile %v is %s, want about %s", tt.share, got, tt.want)
		}
	}
	if got := new(histogram).percentile(0.5); got != 0 {
		t.Errorf("the percentile of nothing is %s", got)
	}
}
