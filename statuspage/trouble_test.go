package statuspage

import (
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// The page told what a class usually means and left the reader to find out which
// of the doctor's checks looks for it. The page does not know the doctor: whoever
// mounts it brings the two together.
func TestWhatFailedLeadsToTheChecksThatFindItsCause(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := open(t, server.Config())
	hints := map[redisconn.Class]Hint{
		redisconn.ClassRefused: {Check: "RC-N010", Command: "redisconn doctor --only RC-N010", Link: "https://docs.example/checks#rc-n010"},
	}
	page := newPage(t, redisconn.Named{"cache": client}, Options{Hints: func(c redisconn.Class) Hint { return hints[c] }})
	bare := newPage(t, redisconn.Named{"cache": client}, Options{})
	const link, command = `<a href="https://docs.example/checks#rc-n010">RC-N010</a>`, `<code>redisconn doctor --only RC-N010</code>`
	const inAlert, inTable = "<dt>check</dt><dd>" + link + ": " + command, "<br>check " + link + ": " + command
	if html := get(page, "/").Body.String(); strings.Contains(html, "check</dt>") {
		t.Error("a client that is well leads to a check")
	}
	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the verdict", func() bool { return client.LastHealth().Class == redisconn.ClassRefused })

	html := get(page, "/").Body.String()
	if !strings.Contains(html, inAlert) || !strings.Contains(html, inTable) {
		t.Errorf("the page does not lead to the check: %s", html)
	}
	for _, trouble := range page.Snapshot().Clients[0].Troubles {
		if trouble.Hint != hints[trouble.Class] {
			t.Errorf("status.json has %+v for %s", trouble.Hint, trouble.Class)
		}
	}
	for _, path := range []string{"/", "/status.json"} {
		if said := get(bare, path).Body.String(); strings.Contains(said, "check</dt>") || strings.Contains(said, `"hint"`) {
			t.Errorf("%s of a page without a doctor speaks of checks", path)
		}
	}
}

func TestAHintMayBeACheckAlone(t *testing.T) {
	for _, c := range []struct {
		hint Hint
		want string
	}{
		{Hint{Check: "RC-N010"}, "RC-N010"},
		{Hint{Check: "RC-N010", Link: "javascript:alert(1)"}, `<a href="#ZgotmplZ">RC-N010</a>`},
		{Hint{Check: "<b>", Command: "<i>"}, "&lt;b&gt;: <code>&lt;i&gt;</code>"},
	} {
		var drawn strings.Builder
		if err := templates.ExecuteTemplate(&drawn, "hint", c.hint); err != nil || drawn.String() != c.want {
			t.Errorf("%+v is drawn as %s: %v", c.hint, drawn.String(), err)
		}
	}
}
