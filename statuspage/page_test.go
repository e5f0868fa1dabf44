package statuspage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// newPage makes a page that is closed when the test ends.
func newPage(t *testing.T, clients Clients, options Options) *Page {
	t.Helper()
	page := New(clients, options)
	t.Cleanup(page.Close)
	return page
}

// get asks a handler of localhost. Headers come in pairs.
func get(handler http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestThePageMayBeMountedAnywhere(t *testing.T) {
	page := newPage(t, redisconn.Named{"cache": memory(t)}, Options{})
	mux := http.NewServeMux()
	mux.Handle("/debug/redis/", page)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", page))
	mux.Handle("/bare", http.StripPrefix("/bare", page))
	for _, prefix := range []string{"/debug/redis/", "/stripped/"} {
		for name, mediaType := range map[string]string{
			"": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8", "script.js": "text/javascript; charset=utf-8",
			"pass.svg": "image/svg+xml", "warn.svg": "image/svg+xml", "fail.svg": "image/svg+xml", "status.json": "application/json",
		} {
			answer := get(mux, prefix+name)
			if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != mediaType || answer.Body.Len() == 0 {
				t.Errorf("%s%s: %d %s, %d bytes", prefix, name, answer.Code, answer.Header().Get("Content-Type"), answer.Body.Len())
			}
		}
		if answer := get(mux, prefix+"page.html"); answer.Code != http.StatusNotFound {
			t.Errorf("%spage.html: %d", prefix, answer.Code)
		}
	}
	if answer := get(mux, "/debug/redis"); answer.Header().Get("Location") != "/debug/redis/" {
		t.Errorf("without the slash: %d to %s", answer.Code, answer.Header().Get("Location"))
	}
	if answer := get(mux, "/bare?x=1"); answer.Code != http.StatusPermanentRedirect || answer.Header().Get("Location") != "./bare/" {
		t.Errorf("stripped of all: %d to %s", answer.Code, answer.Header().Get("Location"))
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	for _, path := range []string{"/", "/style.css", "/status.json", "/nothing"} {
		header := get(page, path).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Cache-Control":                "no-store",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Access-Control-Allow-Origin":  "",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestOnlyReadersAreServed(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, httptest.NewRequest(method, "http://localhost/", nil))
		if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, answer.Code)
		}
	}
	if answer := get(page, "/status.json", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"); answer.Code != http.StatusForbidden {
		t.Errorf("for another site: %d", answer.Code)
	}
	if answer := get(page, "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); answer.Code != http.StatusOK {
		t.Errorf("through a link: %d", answer.Code)
	}
}

// A foreign page can have its own name resolve to 127.0.0.1 and then reads what is
// served there as its own. The Host header still says by which name it came.
func TestForeignNamesAreRefused(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{Hosts: []string{"orders.internal"}})
	open := newPage(t, redisconn.Named{}, Options{Hosts: []string{"*"}})
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8379": true, "127.0.0.1:8379": true, "[::1]:8379": true, "::1": true, "10.0.0.7": true,
		"orders.internal": true, "Orders.Internal.:80": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example:80": false, "": false, ".": false,
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, request)
		if got := answer.Code == http.StatusOK; got != want {
			t.Errorf("%q: %d", host, answer.Code)
		}
		if !want && !strings.Contains(answer.Body.String(), "Options.Hosts") {
			t.Errorf("%q is not told what to do: %s", host, answer.Body)
		}
		if !open.AnswersTo(host) {
			t.Errorf("%q is refused where any name may come", host)
		}
	}
}

func TestThePageShowsAnOutageWithItsRemedyAndNeverThePassword(t *testing.T) {
	const password = "cAnaRy-password"
	server := redisconntest.NewServer(t, redisconntest.WithPassword(password))
	builder := redisconn.NewBuilder().Environ("REDIS_", []string{"REDIS_ADDRS=" + server.Addr(), "REDIS_PASSWORD=" + password})
	explanation, err := builder.Explain()
	if err != nil {
		t.Fatal(err)
	}
	client := open(t, server.Config())
	clients := redisconn.Named{"cache": client, "reports": unconnected(t)}
	page := newPage(t, clients, Options{Title: "Redis of orders", Explanations: map[string]redisconn.Explanation{"cache": explanation}})
	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the outage", func() bool { return client.State() == redisconn.StateDown })
	redisconntest.Eventually(t, 10*time.Second, "the verdict", func() bool { return client.LastHealth().Class == redisconn.ClassRefused })

	html := get(page, "/").Body.String()
	for _, want := range []string{
		"<title>down · Redis of orders</title>", `href="fail.svg"`, "nothing listens at the address",
		"check that redis-server runs and listens on this address and port", "ready → down", "outage began",
		"env REDIS_ADDRS", "[redacted]", server.Addr(), "not connected",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	text := get(page, "/status.json").Body.String()
	var snapshot Snapshot
	if err := json.Unmarshal([]byte(text), &snapshot); err != nil {
		t.Fatal(err)
	}
	if len(snapshot.Clients) != 2 || snapshot.Clients[0].Name != "cache" || snapshot.Status != redisconn.StatusFail || snapshot.Clients[0].Uptime.Outages != 1 {
		t.Errorf("status.json is %s", text)
	}
	for name, said := range map[string]string{"the page": html, "status.json": text} {
		if strings.Contains(strings.ToLower(said), "canary") {
			t.Errorf("%s holds the password", name)
		}
	}
}

func TestAPageWithoutClientsSaysSo(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	answer := get(page, "/")
	if body := answer.Body.String(); !strings.Contains(body, "<title>no client · Redis</title>") || !strings.Contains(body, "none is open yet") {
		t.Errorf("%s", body)
	}
}

func TestClientsBeyondTheLimitAreCounted(t *testing.T) {
	clients := redisconn.Named{}
	for i := range MaxClients + 2 {
		clients["client "+string(rune('0'+i))] = unconnected(t)
	}
	page := newPage(t, clients, Options{})
	snapshot := page.Snapshot()
	if len(snapshot.Clients) != MaxClients || snapshot.Hidden != 2 {
		t.Errorf("%d clients, %d hidden", len(snapshot.Clients), snapshot.Hidden)
	}
	if body := get(page, "/").Body.String(); !strings.Contains(body, "2 more clients are not shown") {
		t.Error("the page does not say how many it hides")
	}
}

// A client that a registry closes between two looks is no reason to fail.
type forgetful struct{ redisconn.Named }

func (f forgetful) Names() []string { return append(f.Named.Names(), "gone") }

func TestAClientThatIsGoneIsLeftOut(t *testing.T) {
	page := newPage(t, forgetful{redisconn.Named{"cache": unconnected(t)}}, Options{})
	if clients := page.Snapshot().Clients; len(clients) != 1 || clients[0].Name != "cache" {
		t.Errorf("the page shows %v", clients)
	}
}

func TestNamesAndTextsCannotAddToThePage(t *testing.T) {
	page := newPage(t, redisconn.Named{`<script>alert(1)</script>" onload="x`: unconnected(t)}, Options{Title: `<img src=x onerror=y>`})
	for _, path := range []string{"/", "/status.json"} {
		if body := get(page, path).Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s holds markup that is not ours", path)
		}
	}
}

// serve runs the page in a server with limits that would end a stream early.
func serve(t *testing.T, page *Page) string {
	t.Helper()
	server := httptest.NewUnstartedServer(page)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 1500*time.Millisecond, 1500*time.Millisecond
	server.Start()
	t.Cleanup(func() {
		page.Close()
		server.Close()
	})
	return server.URL
}

// stream opens the page's stream.
func stream(t *testing.T, ctx context.Context, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// The write and read timeouts that every server should have used to end a stream
// as well: they count from the request.
func TestAStreamOutlivesTheServersLimits(t *testing.T) {
	page := newPage(t, redisconn.Named{"cache": memory(t)}, Options{})
	answer := stream(t, t.Context(), serve(t, page))
	if answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %v", answer.Header)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	updates := 0
	for began := time.Now(); lines.Scan() && (updates < 3 || time.Since(began) < 3*time.Second); {
		switch line := lines.Text(); {
		case line == "event: update":
			updates++
		case line != "" && line != "retry: 1000" && !strings.HasPrefix(line, "data: "):
			t.Fatalf("the stream says %q", line)
		}
	}
	if lines.Err() != nil || updates < 3 {
		t.Errorf("%d updates, then %v", updates, lines.Err())
	}
}

func TestStreamsAreBoundedAndEndWithTheirReaders(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{MaxStreams: 1})
	url := serve(t, page)
	ctx, leave := context.WithCancel(t.Context())
	stream(t, ctx, url)
	second := stream(t, t.Context(), url)
	if second.StatusCode != http.StatusServiceUnavailable || second.Header.Get("Retry-After") == "" {
		t.Errorf("a stream too many: %d", second.StatusCode)
	}
	leave()
	redisconntest.Eventually(t, 10*time.Second, "a free place", func() bool { return len(page.streams) == 0 })

	third := stream(t, t.Context(), url)
	page.Close()
	if _, err := io.ReadAll(third.Body); err != nil {
		t.Errorf("Close ended the stream with %v", err)
	}
	if answer := get(page, "/events"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("a stream after Close: %d", answer.Code)
	}
	if answer := get(page, "/"); answer.Code != http.StatusOK {
		t.Errorf("the page after Close: %d", answer.Code)
	}
}

func TestTheHeadOfAStreamIsNoStream(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	answer := httptest.NewRecorder()
	page.ServeHTTP(answer, httptest.NewRequest(http.MethodHead, "http://localhost/events", nil))
	if answer.Code != http.StatusOK || answer.Body.Len() != 0 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// broken is a reader whose connection fails in one way.
type broken struct {
	*httptest.ResponseRecorder
	deadline, writing error
}

func (b broken) SetWriteDeadline(time.Time) error { return b.deadline }
func (b broken) SetReadDeadline(time.Time) error  { return nil }

func (b broken) WriteString(text string) (int, error) {
	if b.writing != nil {
		return 0, b.writing
	}
	return b.ResponseRecorder.WriteString(text)
}

func TestAStreamEndsWhenItsConnectionFails(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	lost := errors.New("lost")
	for _, reader := range []broken{{deadline: lost}, {writing: lost}} {
		reader.ResponseRecorder = httptest.NewRecorder()
		page.ServeHTTP(reader, httptest.NewRequest(http.MethodGet, "http://localhost/events", nil)) // returns, or the test times out
	}
	if len(page.streams) != 0 {
		t.Error("a stream that ended keeps its place")
	}
}

// A reader who left without a word, behind a proxy that keeps the connection, would
// hold a place for ever.
func TestAStreamEndsAfterHalfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := New(redisconn.Named{}, Options{})
		defer page.Close()
		began := time.Now()
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/events", nil))
		if took := time.Since(began); took != streamLimit {
			t.Errorf("the stream ended after %s", took)
		}
		if updates := strings.Count(answer.Body.String(), "event: update\n"); updates < 1790 {
			t.Errorf("%d updates in half an hour", updates)
		}
	})
}

func TestWhatCannotBeDrawnEndsTheStreamAndIsAnErrorOfThePage(t *testing.T) {
	page := newPage(t, redisconn.Named{}, Options{})
	whole := templates
	templates = template.Must(template.New("").Parse(""))
	defer func() { templates = whole }()
	if answer := get(page, "/events"); answer.Body.Len() != 0 {
		t.Errorf("the stream says %s", answer.Body)
	}
	if answer := get(page, "/"); answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "page.html") {
		t.Errorf("the page: %d %s", answer.Code, answer.Body)
	}
}

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	answer := httptest.NewRecorder()
	write(answer, "text/plain", nil, errors.New("no more ink"))
	if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "no more ink") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestClosingBeforeStartingStartsNothing(t *testing.T) {
	page := New(redisconn.Named{"cache": unconnected(t)}, Options{})
	page.Close()
	page.Close()
	page.Start()
	if samples := page.Snapshot().Clients[0].Samples; len(samples) != 0 {
		t.Errorf("a closed page samples: %v", samples)
	}
}
