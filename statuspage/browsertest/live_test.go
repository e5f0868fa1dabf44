package browsertest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

// What the tests look at in the page.
const (
	stateIs   = `document.querySelector(".client .state").textContent.trim().endsWith`
	linkText  = `document.getElementById("link").textContent`
	asOf      = `document.querySelector(".at time").textContent`
	alertText = `(document.querySelector(".alert") || {textContent: ""}).textContent`
)

func TestThePageShowsAnOutageAndItsEndWhileTheyHappen(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	s.work(t)
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	b.await("readiness", stateIs+`("ready")`)
	if title := value[string](b, `document.title`); title != "all well · Redis of orders-api" {
		t.Errorf("the title is %q", title)
	}
	was := value[string](b, asOf)
	b.await("an update", asOf+` !== "`+was+`"`)
	b.await("a curve of the throughput", `document.querySelector(".plot.pace .line").getAttribute("d").split("L").length > 3`)

	// What the reader has opened, closed and focused stays so through everything that follows.
	value[bool](b, `document.querySelectorAll("details")[0].open = false, document.querySelectorAll("details")[1].open = true`)
	value[bool](b, `document.querySelectorAll("summary")[1].focus(), true`)
	undisturbed := `JSON.stringify([...document.querySelectorAll("details")].map((d) => d.open)) === "[false,true]" &&
		document.activeElement === document.querySelectorAll("summary")[1]`

	s.redis.Kill()
	b.await("the outage", stateIs+`("down")`)
	b.await("the remedy", alertText+`.includes("check that redis-server runs")`)
	b.await("the check", `document.querySelector(".alert a[href$='#rc-n010']").textContent === "RC-N010"`)
	if !value[bool](b, undisturbed) {
		t.Error("the outage moved the focus, or what the reader had opened")
	}
	if icon := value[string](b, `document.getElementById("icon").getAttribute("href")`); icon != "fail.svg" {
		t.Errorf("the icon is %s", icon)
	}
	if title := value[string](b, `document.title`); title != "down · Redis of orders-api" {
		t.Errorf("the title is %q", title)
	}
	b.await("the outage in the timeline", `document.querySelector(".strip rect.down") !== null`)

	s.redis.Start()
	b.await("the recovery", stateIs+`("ready")`)
	b.await("the end of the alarm", alertText+` === ""`)
	b.await("the outage's length in the events", `document.querySelector("[id$=events-part]").textContent.includes("outage ended after")`)
	if !value[bool](b, undisturbed) {
		t.Error("the recovery moved the focus, or what the reader had opened")
	}
	for _, complaint := range b.complained() {
		t.Errorf("the browser complains: %s", complaint)
	}
	s.expectNoSecret(t)
}

// expectNoSecret searches everything that was ever served.
func (s *scene) expectNoSecret(t *testing.T) {
	t.Helper()
	for _, name := range []string{"", "status.json", "style.css", "script.js", "nothing"} {
		s.read(t, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	said := string(s.said)
	if !strings.Contains(said, "redis 7") && !strings.Contains(said, "[redacted]") {
		t.Fatal("nothing was recorded")
	}
	if strings.Contains(strings.ToLower(said), "canary") {
		t.Error("a response holds the password")
	}
}

func TestThePageIsWholeWithoutJavaScript(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(s.url)
	if text := value[string](b, linkText); text != "reloads every 5 s" {
		t.Errorf("the page says that it %q", text)
	}
	for _, part := range []string{"PING latency", "Pool", "Routes", "What failed", "Events", "Configuration", "env REDIS_POOL_SIZE", s.redis.Addr()} {
		if !value[bool](b, `document.body.textContent.includes("`+part+`")`) {
			t.Errorf("the page has no %q", part)
		}
	}
	s.redis.Kill()
	b.await("the outage, by reloading", stateIs+`("down")`)
	for _, complaint := range b.complained() {
		t.Errorf("the browser complains: %s", complaint)
	}
}

// A page that silently shows old numbers is worse than none.
func TestThePageSaysThatItLostItsServer(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	s.page.Close()
	s.server.Close()
	b.await("the loss", linkText+`.startsWith("this page lost its server")`)
}

func TestAReaderForWhomThereIsNoStreamReloads(t *testing.T) {
	s := newScene(t, statuspage.Options{MaxStreams: 1})
	answer, err := http.Get(s.url + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("reloading", linkText+` === "reloads every 5 s"`)
	was := value[string](b, asOf)
	b.await("an update", asOf+` !== "`+was+`"`)
}

func TestEveryClientHasItsPlaceOnThePage(t *testing.T) {
	s := newService(t)
	idle, err := redisconn.New(redisconn.Config{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	s.clients["sessions"] = idle
	s.mount(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("both clients", `document.querySelectorAll("nav a").length === 2 && document.querySelectorAll(".client").length === 2`)
	if title := value[string](b, `document.title`); title != "1 of 2 down · Redis of orders-api" {
		t.Errorf("the title is %q", title)
	}
	value[bool](b, `document.querySelectorAll("nav a")[1].click(), true`)
	b.await("the way to the second client", `location.hash === "#" + document.querySelectorAll(".client")[1].id`)
}

func TestAPlotTellsTimeAndValueUnderThePointer(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a point of the latency", linkText+` === "live" && document.querySelector(".plot.latency .line").getAttribute("d") !== ""`)
	type place struct{ X, Y float64 }
	point := `((share) => { const r = document.querySelector(".plot.latency svg").getBoundingClientRect(); return {X: r.left + share * r.width, Y: r.top + r.height / 2}; })`
	for share, want := range map[string]string{"0.1": `^\d\d:\d\d:\d\d$`, "0.998": `^\d\d:\d\d:\d\d  [\d.]+ ms$`} {
		p := value[place](b, point+"("+share+")")
		redisconntest.Eventually(t, patience, "the readout at "+share, func() bool {
			do(b, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, p.X, p.Y))
			text := value[string](b, `document.getElementById("readout").hidden ? "" : document.getElementById("readout").textContent`)
			return regexp.MustCompile(want).MatchString(text)
		})
	}
	do(b, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 2, 2))
	b.await("the end of the readout", `document.getElementById("readout").hidden`)
}

func TestNothingComesFromElsewhere(t *testing.T) {
	s := newScene(t, statuspage.Options{})
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	foreign := value[[]string](b, `performance.getEntriesByType("resource").map((r) => r.name).filter((n) => !n.startsWith(location.origin + "/debug/redis/"))`)
	if len(foreign) > 0 {
		t.Errorf("the page loads %v", foreign)
	}
	// The policy holds: not even the page itself could run a script that is written into it.
	value[bool](b, `(() => { const s = document.createElement("script"); s.textContent = "window.injected = true"; document.body.append(s); return true; })()`)
	if value[bool](b, `window.injected === true`) {
		t.Error("a script that is written into the page runs")
	}
	redisconntest.Eventually(t, patience, "the browser's complaint", func() bool {
		return strings.Contains(strings.Join(b.complained(), "\n"), "Content Security Policy")
	})
}
