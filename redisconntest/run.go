package redisconntest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// ErrSkipped is what [Run] returns, wrapped with the reason, when the function skipped: for example because no
// redis-server is installed.
var ErrSkipped = errors.New("skipped")

// Run calls the function with a testing.TB that needs no test, so that servers and proxies can be used in programs,
// demonstrations and examples. It returns after the cleanups have run, last to first. Its error says what was
// reported with Error or Fatal, after what was logged; nil if nothing was reported. A panic of the function
// continues in the caller, after the cleanups.
//
// The testing.TB has no Setenv, Chdir, Attr, Output or ArtifactDir: to call them panics.
func Run(fn func(t testing.TB)) error {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{ctx: ctx}
	finished := make(chan struct{})
	var panicked string
	// A goroutine of its own, because FailNow and SkipNow end the goroutine.
	go func() {
		defer close(finished)
		defer func() {
			if value := recover(); value != nil {
				panicked = fmt.Sprintf("%v\n\n%s", value, debug.Stack())
			}
		}()
		defer r.cleanUp()
		defer cancel()
		fn(r)
	}()
	<-finished
	if panicked != "" {
		panic(panicked)
	}
	return r.outcome()
}

// run is the testing.TB of Run. The embedded interface is nil; it is there because testing.TB has a private method.
type run struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	lines    []string
	failed   bool
	skipped  bool
	cleanups []func()
}

func (r *run) outcome() error {
	text := strings.Join(r.lines, "\n")
	switch {
	case r.failed && text == "":
		return errors.New("failed without saying why")
	case r.failed:
		return errors.New(text)
	case r.skipped:
		return fmt.Errorf("%w: %s", ErrSkipped, text)
	}
	return nil
}

// cleanUp runs the cleanups, also those that cleanups add, also after one that ends the goroutine.
func (r *run) cleanUp() {
	r.mu.Lock()
	last := len(r.cleanups) - 1
	if last < 0 {
		r.mu.Unlock()
		return
	}
	cleanup := r.cleanups[last]
	r.cleanups = r.cleanups[:last]
	r.mu.Unlock()
	defer r.cleanUp()
	cleanup()
}

func (r *run) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *run) TempDir() string {
	dir, err := os.MkdirTemp("", "redisconntest")
	if err != nil {
		r.Fatalf("no temporary directory: %v", err)
	}
	r.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			r.Errorf("the temporary directory stays: %v", err)
		}
	})
	return dir
}

func (r *run) log(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSuffix(text, "\n"))
}

func (r *run) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *run) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *run) SkipNow() {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *run) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

func (r *run) Context() context.Context          { return r.ctx }
func (r *run) Helper()                           {}
func (r *run) Name() string                      { return "redisconntest.Run" }
func (r *run) Log(args ...any)                   { r.log(fmt.Sprintln(args...)) }
func (r *run) Logf(format string, args ...any)   { r.log(fmt.Sprintf(format, args...)) }
func (r *run) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *run) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *run) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *run) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *run) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *run) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *run) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }
