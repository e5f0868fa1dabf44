package browsertest

import (
	_ "embed"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/redisconn/redisconn/statuspage"
)

//go:embed accessibility.js
var accessibility string

func TestThePageIsForEveryReader(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	s.work(t)
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	check := func(state string) {
		t.Helper()
		value[bool](b, `document.querySelectorAll("details").forEach((d) => { d.open = true }), true`)
		for _, scheme := range []string{"light", "dark"} {
			b.prefer("prefers-color-scheme", scheme)
			for _, wrong := range value[[]string](b, accessibility) {
				t.Errorf("%s, %s: %s", state, scheme, wrong)
			}
		}
	}
	check("ready")
	s.redis.Kill()
	b.await("the outage", stateIs+`("down")`)
	check("down")
	s.page.Close()
	s.server.Close()
	b.await("the loss", linkText+`.startsWith("this page lost its server")`)
	check("lost")
}

// prefer sets what a reader's system prefers.
func (b *browser) prefer(feature, choice string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: feature, Value: choice}}})
	b.await("the preference "+choice, fmt.Sprintf(`matchMedia("(%s: %s)").matches`, feature, choice))
}

func TestThePageKeepsStillForThoseWhoWantIt(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page, which breathes", linkText+` === "live" && document.getAnimations().length > 0`)
	b.prefer("prefers-reduced-motion", "reduce")
	b.await("stillness", `document.getAnimations().length === 0`)
}

func TestThePageFitsASmallScreen(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	do(b, chromedp.EmulateViewport(360, 740))
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	value[bool](b, `document.querySelectorAll("details").forEach((d) => { d.open = true }), true`)
	if width := value[int](b, `document.scrollingElement.scrollWidth`); width > 360 {
		t.Errorf("the page is %d wide on a screen of 360", width)
	}
}

func TestThePageIsReadWithTheKeyboard(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	do(b, chromedp.KeyEvent(kb.Tab))
	if !value[bool](b, `document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().height > 20`) {
		t.Error("the first stop is no visible way past the head of the page")
	}
	do(b, chromedp.KeyEvent(kb.Enter))
	b.await("the way to the clients", `document.activeElement.id === "clients"`)
	seen := map[string]bool{}
	for range 20 {
		do(b, chromedp.KeyEvent(kb.Tab))
		seen[value[string](b, `document.activeElement.tagName`)] = true
	}
	if !seen["SUMMARY"] || !seen["DIV"] || !seen["A"] {
		t.Errorf("the keyboard reaches %v, want what opens, what scrolls and what leads on", seen)
	}
}
