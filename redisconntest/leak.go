package redisconntest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// leakLimit is how long goroutines have to end after a test. What was told to stop does so in microseconds; a
// driver that waits out a timeout of a few seconds first is reported.
const leakLimit = 3 * time.Second

// NoLeaks fails the test if, when it ends, goroutines are left that were started after this call, and prints their
// stacks. Call it first in a test: cleanups run last to first, so everything that the test cleans up is gone by
// then. Goroutines that are about to end are given three seconds.
//
// Not looked at are goroutines of the testing package, of this kit (it ends its own) and those with a function in
// their stack whose name begins with one of the given ones, like "net/http.(*persistConn)". A test that failed
// already is not checked. A goroutine does not know which test started it, so this is nothing for tests that run in
// parallel with others (t.Parallel).
func NoLeaks(t testing.TB, ignore ...string) {
	t.Helper()
	before := goroutines()
	ignored := append(slices.Clone(ignore), notLeaks...)
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return
		}
		var left []string
		if poll(leakLimit, pollInterval, func() bool {
			left = newGoroutines(before, ignored)
			return len(left) == 0
		}) {
			return
		}
		t.Errorf("%d goroutines are left %v after the test:\n\n%s", len(left), leakLimit, strings.Join(left, "\n\n"))
	})
}

// RunNoLeaks runs the tests of a package and then does for all of them what [NoLeaks] does for one, with tests that
// run in parallel as well. What is left behind it prints to standard error. It returns the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }
func RunNoLeaks(m interface{ Run() int }, ignore ...string) int {
	var code int
	leaked := Run(func(t testing.TB) {
		NoLeaks(t, ignore...)
		code = m.Run()
	})
	if leaked != nil {
		fmt.Fprintln(os.Stderr, leaked)
		code = max(code, 1)
	}
	return code
}

// notLeaks are functions whose goroutines no test is to blame for.
var notLeaks = []string{
	"testing.tRunner", // other tests that wait to run in parallel
	"testing.(*M).",   // the alarm of -timeout
	"testing.(*T).",   // the wait for a subtest
	"testing.runFuzzing",
	"testing.runTests",
	"os/signal.loop", // one per process, from the first signal.Notify on
	"runtime.ensureSigM",
	"runtime/pprof.",
	"runtime/trace.",
	"github.com/redisconn/redisconn/redisconntest.",
}

// newGoroutines returns the stacks of goroutines that did not exist before and are not to be ignored.
func newGoroutines(before map[string]string, ignored []string) []string {
	now := goroutines()
	maps.DeleteFunc(now, func(id, stack string) bool {
		_, old := before[id]
		return old || slices.ContainsFunc(ignored, func(name string) bool { return hasFrame(stack, name) })
	})
	return slices.Sorted(maps.Values(now))
}

// hasFrame reports whether a function whose name begins so is on the stack. A stack names one function per line and
// its place in the source, indented, on the next; the last one is who created the goroutine, which is no frame.
func hasFrame(stack, name string) bool {
	return strings.Contains(stack, "\n"+name)
}

// goroutines returns the stacks of all other goroutines by id. Ids are never used twice.
func goroutines() map[string]string {
	buffer := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buffer, true)
		if n < len(buffer) {
			buffer = buffer[:n]
			break
		}
		buffer = make([]byte, 2*len(buffer))
	}
	found := map[string]string{}
	stacks := bytes.Split(buffer, []byte("\n\n"))
	for _, stack := range stacks[1:] { // the first is this goroutine
		id, _, _ := strings.Cut(string(stack), " [") // goroutine 18 [running]:
		found[id] = strings.TrimSpace(string(stack))
	}
	return found
}
