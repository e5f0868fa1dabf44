package faults_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// stallTick is how often the meter looks at the clock.
const stallTick = 2 * time.Millisecond

// meterStalls measures how long this machine keeps a goroutine waiting that
// could run: the longest gap between two ticks, less the tick. The function ends
// it and returns the worst.
func meterStalls() (stop func() time.Duration) {
	var worst atomic.Int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(stallTick)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			now := time.Now()
			worst.Store(max(worst.Load(), int64(now.Sub(last)-stallTick)))
			last = now
		}
	}()
	return func() time.Duration {
		close(end)
		<-ended
		return time.Duration(worst.Load())
	}
}

// stallSuspect is the stall that makes a missed bound the machine's fault rather
// than ours, once. Half of a bound below it will do as well.
const stallSuspect = 40 * time.Millisecond

// within measures and fails the test when what was measured is above the limit.
// If the machine stalled meanwhile it says so and measures a second time, once;
// from that measure it takes off the longest stall, in which nobody ran.
func within(t *testing.T, limit time.Duration, what string, measure func() time.Duration) time.Duration {
	t.Helper()
	stop := meterStalls()
	took := measure()
	stalled := stop()
	if took > limit && stalled >= min(stallSuspect, limit/2) {
		t.Logf("%s took %v while the machine stalled for up to %v: measured again", what, took, stalled)
		stop = meterStalls()
		took = measure()
		stalled = stop()
		took = max(took-stalled, 0)
	}
	if took > limit {
		t.Errorf("%s took %v, want at most %v (worst stall of the machine: %v)", what, took, limit, stalled)
	}
	return took
}

// longest keeps the longest of durations from many goroutines.
type longest struct{ ns atomic.Int64 }

func (l *longest) note(d time.Duration) {
	for {
		old := l.ns.Load()
		if int64(d) <= old || l.ns.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

func (l *longest) get() time.Duration { return time.Duration(l.ns.Load()) }

// brief prints a duration as a page wants it.
func brief(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
