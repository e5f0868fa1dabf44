package browsertest

import (
	"bytes"
	"flag"
	"image/png"
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
	b.picture("statuspage-outage.png", "light")

	s.redis.Start()
	redisconntest.Eventually(t, patience, "the recovery", func() bool { return s.client.State() == redisconn.StateReady })
	time.Sleep(30 * time.Second)
	b.picture("statuspage-light.png", "light")
	b.picture("statuspage-dark.png", "dark")
}

// picture takes a picture of the whole page.
func (b *browser) picture(name, scheme string) {
	b.t.Helper()
	b.prefer("prefers-color-scheme", scheme)
	taken, err := png.Decode(bytes.NewReader(do(b, chromedp.FullScreenshot(100))))
	if err != nil {
		b.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, taken); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name), small.Bytes(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}
