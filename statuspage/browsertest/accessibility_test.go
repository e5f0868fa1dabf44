package browsertest

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
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

// A check that finds nothing wrong may be one that finds nothing. Each of these
// breaks the page as a careless change would.
func TestTheCheckForEveryReaderFindsWhatIsBroken(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	for _, c := range []struct{ harm, finding string }{
		{`document.querySelector("h1").style.color = "rgb(200, 200, 200)"`, "contrast 1."},
		{`document.querySelector("section.client").removeAttribute("aria-labelledby")`, "no name: <section"},
		{`document.querySelector("h2").removeAttribute("id")`, "a label is missing: client-1-name"},
		{`document.querySelector("h2").outerHTML = '<h4 id="client-1-name">cache</h4>'`, "a heading skips a level: <h4"},
		{`document.querySelector(".scroll").removeAttribute("tabindex")`, "cannot be scrolled with keys: <div"},
	} {
		b.open(s.url)
		b.await("a live page", linkText+` === "live"`)
		found := value[[]string](b, "(() => {"+c.harm+"\nreturn (\n"+accessibility+"\n)})()")
		if !slices.ContainsFunc(found, func(wrong string) bool { return strings.HasPrefix(wrong, c.finding) }) {
			t.Errorf("after %s the check finds %q, want %s", c.harm, found, c.finding)
		}
	}
}

// A page without a style for the dark would pass every check of contrast twice.
func TestThePageIsDarkWhereItsReaderIs(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	brightness := func(scheme string) int {
		b.prefer("prefers-color-scheme", scheme)
		return value[int](b, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, channel) => sum + Number(channel), 0)`)
	}
	if light, dark := brightness("light"), brightness("dark"); light < 3*200 || dark > 3*60 {
		t.Errorf("the ground adds up to %d in the light and to %d in the dark", light, dark)
	}
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
