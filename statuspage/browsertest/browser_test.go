package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/redisconn/redisconn/redisconntest"
)

// patience is how long the browser may take for anything on a busy machine.
const patience = time.Minute

// browser is a Chromium of its own, with what it has complained about.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex // guards what follows
	complaints []string
}

// newBrowser starts a Chromium without a window that talks to nobody but us.
func newBrowser(t *testing.T, width, height int) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(patience),
		chromedp.WindowSize(width, height),
	}
	allocated, release := chromedp.NewExecAllocator(context.Background(), options...) // t's own ends before its cleanups
	b := &browser{t: t}
	ctx, closeTab := chromedp.NewContext(allocated, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		closeTab()
		release()
	})
	do(b, chromedp.Steps()) // starts it
	call(b, log.Enable, cdp.Empty{})
	return b
}

// chromium finds the browser. scripts/need-chromium installs one.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("REDISCONN_REQUIRE_CHROMIUM") != "" {
		t.Fatal("chromium is not installed; scripts/need-chromium installs it")
	}
	t.Skip("chromium is not installed; scripts/need-chromium installs it")
	return ""
}

// hear notes what the browser has to complain about.
func (b *browser) hear(event any) {
	var complaint string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		complaint = fmt.Sprintf("console.%s: %v", e.Type, e.Args)
	case *log.EventEntryAdded:
		complaint = fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, complaint)
}

// complained returns what the browser has complained about since it was asked last.
func (b *browser) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	complaints := b.complaints
	b.complaints = nil
	return complaints
}

// do lets the browser act and returns what came of it.
func do[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := b.ctx, func() {}
	if chromedp.FromContext(ctx).Target != nil { // the first action starts the browser, whose life its context is
		ctx, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
	return result
}

// call sends a command of the browser's protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	return do(b, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

// open leads the browser to an address.
func (b *browser) open(url string) {
	b.t.Helper()
	do(b, chromedp.Navigate(url))
}

// value is what an expression is in the page.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	return do(b, chromedp.Evaluate[T](expression))
}

// await waits until an expression holds in the page, which may be loading anew meanwhile.
func (b *browser) await(what, expression string) {
	b.t.Helper()
	safe := "(() => { try { return Boolean(" + expression + ") } catch { return false } })()"
	redisconntest.Eventually(b.t, patience, what, func() bool { return value[bool](b, safe) })
}
