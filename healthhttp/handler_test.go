package healthhttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestTheProbesFollowAnOutageAndItsEnd(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := open(t, server.Config())
	health := healthhttp.New(redisconn.Named{"cache": client}, healthhttp.Options{})
	expect := func(path string, code int, body string) {
		t.Helper()
		answer := get(health, "/internal/"+path+"?format=text")
		if answer.Code != code || answer.Body.String() != body {
			t.Errorf("%s: %d %q, want %d %q", path, answer.Code, answer.Body, code, body)
		}
	}
	expect("livez", 200, "livez check passed\n")
	expect("readyz", 200, "[+]cache ok\nreadyz check passed\n")
	expect("startupz", 200, "startupz check passed\n")

	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the outage", func() bool { return client.State() == redisconn.StateDown })
	redisconntest.Eventually(t, 10*time.Second, "not ready", func() bool { return get(health, "/readyz").Code == 503 })
	expect("livez", 200, "livez check passed\n")
	expect("readyz", 503, "[-]cache failed: refused\nreadyz check failed\n")
	expect("startupz", 200, "startupz check passed\n")

	server.Start()
	redisconntest.Eventually(t, 10*time.Second, "ready again", func() bool { return get(health, "/readyz").Code == 200 })
}

func TestReadinessEndsWhenADrainBegins(t *testing.T) {
	server := redisconntest.NewServer(t)
	client, err := redisconn.Open(t.Context(), server.Config(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	health := healthhttp.New(redisconn.Named{"cache": client}, healthhttp.Options{MaxAge: time.Minute})
	blocked := make(chan error, 1)
	go func() { blocked <- client.BLPop(t.Context(), time.Minute, "nothing").Err() }()
	redisconntest.Eventually(t, 10*time.Second, "a call in flight", func() bool { return client.Stats().InFlight == 1 })

	ctx, cut := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { _, err := client.Drain(ctx); drained <- err }()
	redisconntest.Eventually(t, 10*time.Second, "draining", func() bool { return client.State() == redisconn.StateDraining })
	if answer := get(health, "/readyz"); answer.Code != 503 || answer.Body.String() != `{"status":"fail","version":"1","output":"cache: draining"}`+"\n" {
		t.Errorf("readiness while draining: %d %s", answer.Code, answer.Body)
	}
	if answer := get(health, "/readyz?format=spring"); answer.Code != 503 || answer.Body.String() != `{"status":"OUT_OF_SERVICE"}`+"\n" {
		t.Errorf("readiness while draining: %d %s", answer.Code, answer.Body)
	}
	if answer := get(health, "/livez"); answer.Code != 200 {
		t.Errorf("liveness while draining: %d", answer.Code)
	}
	cut()
	if err := <-drained; !errors.Is(err, redisconn.ErrDrainIncomplete) {
		t.Errorf("the drain ended with %v", err)
	}
	<-blocked
	if answer := get(health, "/readyz"); answer.Code != 503 || !strings.Contains(answer.Body.String(), "cache: closed") {
		t.Errorf("readiness after the end: %d %s", answer.Code, answer.Body)
	}
}

func TestTenThousandProbesCostRedisNothing(t *testing.T) {
	const probes = 10_000
	proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr()) // sees what the client sends, whatever it is
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{proxy.Addr()}}}
	cfg.Health.Interval = 20 * time.Millisecond // so that some are due meanwhile
	cfg.Health.Timeout = time.Minute            // a PING that this process was too busy to read would open a connection anew
	client := open(t, cfg)
	health := healthhttp.New(redisconn.Named{"cache": client}, healthhttp.Options{Authorize: everybody})
	paths := []string{"/livez", "/readyz", "/startupz", "/healthz"}

	began, before := time.Now(), proxy.Stats()
	var all sync.WaitGroup
	var passed atomic.Int64
	begin := make(chan struct{})
	for i := range probes {
		all.Go(func() {
			<-begin
			if get(health, paths[i%len(paths)]).Code == http.StatusOK {
				passed.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	after, took := proxy.Stats(), time.Since(began)
	pings := after.Commands["ping"] - before.Commands["ping"]
	// Jitter shortens an interval by up to a tenth; one interval may have begun before.
	allowed := int64(took/(cfg.Health.Interval*9/10)) + 1
	if passed.Load() != probes || pings > allowed {
		t.Errorf("%d of %d probes passed, at the cost of %d PINGs, want at most %d", passed.Load(), probes, pings, allowed)
	}
	for command, n := range after.Commands {
		if n != before.Commands[command] && command != "ping" {
			t.Errorf("%d %s were sent during the probes", n-before.Commands[command], command)
		}
	}
	if n := after.Accepted - before.Accepted; n != 0 {
		t.Errorf("%d connections were opened for the probes", n)
	}
	t.Logf("%d concurrent probes in %s: %d PINGs, the monitor's share is up to %d", probes, took.Round(time.Millisecond), pings, allowed)
}

func TestStartupPassesOnceAndForAll(t *testing.T) {
	server := redisconntest.NewServer(t)
	client, err := redisconn.New(server.Config(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	clients := redisconn.Named{"cache": client, "reports": unconnected(t)}
	health := healthhttp.New(clients, healthhttp.Options{Optional: []string{"reports"}})
	if answer := get(health, "/startupz"); answer.Code != 503 || answer.Body.String() != `{"status":"fail","version":"1","output":"cache: down; reports: down"}`+"\n" {
		t.Errorf("before: %d %s", answer.Code, answer.Body)
	}
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answer := get(health, "/startupz"); answer.Code != 200 {
		t.Errorf("after: %d %s", answer.Code, answer.Body)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	delete(clients, "cache")
	if answer := get(health, "/startupz"); answer.Code != 200 {
		t.Errorf("long after: %d %s", answer.Code, answer.Body)
	}
}

func TestAnOptionalClientOnlyWarns(t *testing.T) {
	server := redisconntest.NewServer(t)
	clients := redisconn.Named{"cache": open(t, server.Config()), "reports": unconnected(t)}
	strict := healthhttp.New(clients, healthhttp.Options{})
	if answer := get(strict, "/readyz?format=text"); answer.Code != 503 || answer.Body.String() != "[+]cache ok\n[-]reports failed: down\nreadyz check failed\n" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := get(strict, "/healthz?format=spring"); answer.Code != 503 || answer.Body.String() != `{"status":"DOWN"}`+"\n" {
		t.Errorf("%d %s", answer.Code, answer.Body) // by default nobody sees details
	}
	lenient := healthhttp.New(clients, healthhttp.Options{Optional: []string{"reports"}})
	if answer := get(lenient, "/readyz?format=text"); answer.Code != 200 || answer.Body.String() != "[+]cache ok\n[+]reports ok, but: down\nreadyz check passed\n" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := get(lenient, "/readyz"); answer.Body.String() != `{"status":"warn","version":"1","output":"reports: down"}`+"\n" {
		t.Errorf("%s", answer.Body)
	}
}

// A registry forgets its clients when it is shut down. A handler that judged only
// those it finds would call an empty registry healthy.
func TestARegistryWithoutClientsIsNotReady(t *testing.T) {
	server := redisconntest.NewServer(t)
	var registry redisconn.Registry
	health := healthhttp.New(&registry, healthhttp.Options{Required: []string{"cache"}, Authorize: everybody})
	bare := healthhttp.New(&registry, healthhttp.Options{})
	if answer := get(bare, "/readyz"); answer.Code != 503 || !strings.Contains(answer.Body.String(), "no client is open") {
		t.Errorf("an empty registry: %d %s", answer.Code, answer.Body)
	}
	if answer := get(health, "/healthz?format=text"); answer.Code != 503 || answer.Body.String() != "[-]cache failed: not open\nhealthz check failed\n" {
		t.Errorf("a client that is not open: %d %s", answer.Code, answer.Body)
	}
	if _, err := registry.Open(t.Context(), "cache", server.Config(), quiet); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*healthhttp.Handler{health, bare} {
		if answer := get(h, "/readyz"); answer.Code != 200 {
			t.Errorf("open: %d %s", answer.Code, answer.Body)
		}
	}
	if _, err := registry.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*healthhttp.Handler{health, bare} {
		if answer := get(h, "/readyz"); answer.Code != 503 {
			t.Errorf("shut down: %d %s", answer.Code, answer.Body)
		}
	}
}

func TestDetailsAreForThoseWhoMaySeeThem(t *testing.T) {
	const password = "cAnaRy-password"
	server := redisconntest.NewServer(t, redisconntest.WithPassword(password))
	health := healthhttp.New(redisconn.Named{"cache": open(t, server.Config())}, healthhttp.Options{Authorize: healthhttp.Token("let me in")})
	closed := get(health, "/healthz")
	if body := closed.Body.String(); body != `{"status":"pass","version":"1"}`+"\n" {
		t.Errorf("without a token: %s", body)
	}
	for _, format := range []string{"health", "spring", "text"} {
		answer := get(health, "/healthz?format="+format, "Authorization", "Bearer let me in")
		body := answer.Body.String()
		if strings.Contains(strings.ToLower(body), "canary") {
			t.Errorf("%s holds the password: %s", format, body)
		}
		if format != "text" && !strings.Contains(body, server.Addr()) {
			t.Errorf("%s lacks the address: %s", format, body)
		}
		if cached := answer.Header().Get("Cache-Control"); cached != "private, max-age=1" {
			t.Errorf("Cache-Control of the details is %q", cached)
		}
	}
	if cached := get(health, "/readyz").Header().Get("Cache-Control"); cached != "no-store" {
		t.Errorf("Cache-Control of a probe is %q", cached)
	}
}

func TestWhatIsNoQuestionIsRefused(t *testing.T) {
	health := healthhttp.New(redisconn.Named{}, healthhttp.Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		answer := httptest.NewRecorder()
		health.ServeHTTP(answer, httptest.NewRequest(method, "/readyz", nil))
		if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, answer.Code)
		}
	}
	if answer := get(health, "/metrics"); answer.Code != http.StatusNotFound {
		t.Errorf("another path: %d", answer.Code)
	}
	if answer := get(health, "/livez?format=xml"); answer.Code != http.StatusBadRequest {
		t.Errorf("another format: %d", answer.Code)
	}
}
