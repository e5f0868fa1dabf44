package redisconntest

import (
	"testing"
	"time"
)

// Eventually waits until the condition holds and fails the test, naming what was waited for, when it does not
// within the limit. The condition is asked every two milliseconds, from the calling goroutine, at least once.
func Eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	if !poll(limit, pollInterval, condition) {
		t.Fatalf("%s: still not so after %v", what, limit)
	}
}

// poll reports whether the condition came true within the limit. It asks, pauses for the interval and asks again.
func poll(limit, interval time.Duration, condition func() bool) bool {
	deadline := time.Now().Add(limit)
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(interval)
	}
	return true
}
