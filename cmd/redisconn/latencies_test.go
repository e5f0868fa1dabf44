package main

import (
	"slices"
	"testing"
	"time"
)

func TestADistributionIsMadeOfLatenciesThatWereMeasured(t *testing.T) {
	var all latencies
	for i := 100; i >= 1; i-- {
		all = append(all, time.Duration(i)*time.Millisecond)
	}
	want := distribution{min: time.Millisecond, avg: 50500 * time.Microsecond, p50: 50 * time.Millisecond,
		p90: 90 * time.Millisecond, p99: 99 * time.Millisecond, max: 100 * time.Millisecond}
	if got := all.distribution(); got != want {
		t.Errorf("%+v", got)
	}
	one := latencies{time.Second}.distribution()
	if one != (distribution{time.Second, time.Second, time.Second, time.Second, time.Second, time.Second}) {
		t.Errorf("of one: %+v", one)
	}
	if none := (latencies{}).distribution(); none != (distribution{}) {
		t.Errorf("of none: %+v", none)
	}
}

func TestAHistogramHasEveryBucketFromTheFastestToTheSlowest(t *testing.T) {
	const us = time.Microsecond
	got := latencies{50 * us, 51 * us, 100 * us, 90 * us, 1001 * us}.histogram()
	want := []bucket{{50 * us, 1}, {100 * us, 3}, {200 * us, 0}, {500 * us, 0}, {1000 * us, 0}, {2000 * us, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := (latencies{time.Minute}).histogram(); len(got) != 1 || got[0].count != 1 || got[0].atMost < time.Minute {
		t.Errorf("%v", got)
	}
	if got := (latencies{}).histogram(); got != nil {
		t.Errorf("of none: %v", got)
	}
}

func TestABarIsAsLongAsItsShare(t *testing.T) {
	for _, c := range []struct {
		count, most int
		want        string
	}{{0, 9, ""}, {1, 100000, "▏"}, {1, 80, "▌"}, {40, 40, "████████████████████████████████████████"}} {
		if got := bar(c.count, c.most); got != c.want {
			t.Errorf("%d of %d: %q", c.count, c.most, got)
		}
	}
}
