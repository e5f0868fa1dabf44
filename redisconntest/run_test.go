package redisconntest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestRunReportsWhatATestWould(t *testing.T) {
	cases := map[string]struct {
		fn   func(t testing.TB)
		want string
	}{
		"nothing":     {func(t testing.TB) { t.Helper(); t.Log("unseen"); t.Logf("%s", t.Name()) }, ""},
		"errors":      {func(t testing.TB) { t.Error("a", 1); t.Errorf("b%d", 2) }, "a 1\nb2"},
		"log, error":  {func(t testing.TB) { t.Log("seen"); t.Error("a") }, "seen\na"},
		"fatal":       {func(t testing.TB) { defer t.Error("deferred"); t.Fatal("a") }, "a\ndeferred"},
		"fatal in it": {func(t testing.TB) { t.Fatalf("a%d", 1); t.Error("unreachable") }, "a1"},
		"fail now":    {func(t testing.TB) { t.FailNow() }, "failed without saying why"},
		"in cleanup": {func(t testing.TB) {
			t.Cleanup(func() { t.Error("first in, last out") })
			t.Cleanup(func() { t.Cleanup(func() { t.Error("added") }); t.FailNow() })
		}, "added\nfirst in, last out"},
		"skip":        {func(t testing.TB) { t.Skip("no", "time") }, "skipped: no time"},
		"skipf":       {func(t testing.TB) { t.Cleanup(func() { t.Logf("skipped: %t", t.Skipped()) }); t.Skipf("x%d", 1) }, "skipped: x1\nskipped: true"},
		"failed skip": {func(t testing.TB) { t.Error("a"); t.Skip("b") }, "a\nb"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := redisconntest.Run(c.fn)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if skip := strings.HasPrefix(c.want, "skipped"); errors.Is(err, redisconntest.ErrSkipped) != skip {
				t.Errorf("errors.Is(err, ErrSkipped) is %t", !skip)
			}
		})
	}
}

func TestRunCleansUpBeforeItReturnsAlsoAfterAPanic(t *testing.T) {
	var dir string
	var ctx context.Context
	defer func() {
		value := recover()
		if text := fmt.Sprint(value); !strings.HasPrefix(text, "on purpose\n") || !strings.Contains(text, "run_test.go") {
			t.Errorf("recovered %q, want the panic with its stack", text)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary directory is still there: %v", err)
		}
		if ctx.Err() == nil {
			t.Error("the context is still alive")
		}
	}()
	_ = redisconntest.Run(func(t testing.TB) { // does not return
		dir, ctx = t.TempDir(), t.Context()
		if _, err := os.Stat(dir); err != nil || ctx.Err() != nil {
			t.Fatalf("directory: %v, context: %v", err, ctx.Err())
		}
		panic("on purpose")
	})
	t.Error("the panic ended in Run")
}

func TestRunWithoutADiskFails(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere/at/all")
	wantError(t, redisconntest.Run(func(t testing.TB) { t.TempDir() }), "no temporary directory")
}

func TestEventuallyNamesWhatItWaitedFor(t *testing.T) {
	asked := 0
	redisconntest.Eventually(t, time.Second, "third time", func() bool { asked++; return asked == 3 })
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.Eventually(t, 10*time.Millisecond, "the queue is empty", func() bool { return false })
	})
	wantError(t, err, "the queue is empty: still not so after 10ms")
}
