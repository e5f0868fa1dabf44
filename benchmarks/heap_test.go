package main

import (
	"runtime"
	"testing"
)

func collections(t *testing.T, mib int) uint32 {
	t.Helper()
	release := holdHeap(mib)
	defer release()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var garbage [][]byte
	for i := range 1 << 12 { // 64 MiB in all
		garbage = append(garbage[:i%4], make([]byte, 16<<10))
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

func TestAHeapThatIsHeldIsCollectedLessOften(t *testing.T) {
	if without, with := collections(t, 0), collections(t, 256); with >= without/2 {
		t.Errorf("%d collections with a heap that is held, %d without", with, without)
	}
}

func TestThePageTellsOfAHeapThatIsHeld(t *testing.T) {
	code, _, stderr := command(t, "-heap", "16", "-out", "", "-workloads", "get", "-callers", "1", "-links", "0", "-contestants", "redisconn", "-repeats", "1")
	if code != exitOK {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for mib, want := range map[int]string{0: "", 16: "16 MiB"} {
		env := describe(nil, settings{heap: mib}, "7.0.15", nil)
		if got := env.Get(factHeap); got != want {
			t.Errorf("%d MiB: the page says %q, want %q", mib, got, want)
		}
	}
}
