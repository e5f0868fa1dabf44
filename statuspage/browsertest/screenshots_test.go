package browsertest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

var screenshots = flag.String("screenshots", "", "take the pictures of the documentation and write them into this `directory`")

// The pictures of the documentation: a page with an outage in its recent past,
// light and dark, and one in the middle of it.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("make screenshots takes the pictures of the documentation")
	}
	s := newScene(t, statuspage.Options{})
	s.work(t)
	time.Sleep(50 * time.Second) // a picture needs a past
	b := newBrowser(t, 1200, 900)
	b.open(s.url)

	s.redis.Kill()
	redisconntest.Eventually(t, patience, "the outage", func() bool { return s.client.State() == redisconn.StateDown })
	time.Sleep(12 * time.Second) // long enough to be seen
	b.await("the outage on the page", stateIs+`("down")`)
	b.picture("statuspage-outage.png", "light", 0)

	s.redis.Start()
	redisconntest.Eventually(t, patience, "the recovery", func() bool { return s.client.State() == redisconn.StateReady })
	time.Sleep(30 * time.Second)
	b.picture("statuspage-light.png", "light", 0)
	b.picture("statuspage-dark.png", "dark", 0)
	b.picture("statuspage-phone.png", "light", 390)
}

// picture takes a picture of the whole page, or of a narrow screen.
func (b *browser) picture(name, scheme string, width int64) {
	b.t.Helper()
	b.prefer("prefers-color-scheme", scheme)
	if width > 0 {
		do(b, chromedp.EmulateViewport(width, 844))
	}
	image := do(b, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(*screenshots, name), image, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
