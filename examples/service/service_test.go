package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

const password = "cAnaRy/7x"

// running is the service inside the test.
type running struct {
	url   string
	log   *logBuffer
	leave context.CancelFunc
	ended chan error
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var servingLine = regexp.MustCompile(`msg=serving addr=(\S+)`)

func serve(t *testing.T, env ...string) *running {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	s := &running{log: &logBuffer{}, leave: leave, ended: make(chan error, 1)}
	env = append([]string{addrVariable + "=127.0.0.1:0", lingerVariable + "=200ms"}, env...)
	go func() { s.ended <- run(ctx, env, slog.New(slog.NewTextHandler(s.log, nil))) }()
	redisconntest.Eventually(t, 10*time.Second, "a service that listens", func() bool {
		found := servingLine.FindStringSubmatch(s.log.String())
		if found != nil {
			s.url = "http://" + found[1]
		}
		return found != nil
	})
	t.Cleanup(leave)
	return s
}

func (s *running) end(t *testing.T) error {
	t.Helper()
	s.leave()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the service does not end")
		return nil
	}
}

// ask returns the status and the body.
func (s *running) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func (s *running) expect(t *testing.T, method, path string, status int, says string) {
	t.Helper()
	if got, body := s.ask(t, method, path); got != status || !strings.Contains(body, says) {
		t.Errorf("%s %s: %d %q, want %d and %q", method, path, got, body, status, says)
	}
}

// eventually asks until the path has that status.
func (s *running) eventually(t *testing.T, path string, status int) {
	t.Helper()
	redisconntest.Eventually(t, 20*time.Second, path, func() bool { got, _ := s.ask(t, http.MethodGet, path); return got == status })
}

func TestTheServiceCountsVisits(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword(password))
	s := serve(t, "REDIS_ADDRS="+server.Addr(), "REDIS_PASSWORD="+password)
	s.eventually(t, readyPath, http.StatusOK)
	s.expect(t, http.MethodGet, "/visits/home", http.StatusOK, "0")
	s.expect(t, http.MethodPost, "/visits/home", http.StatusOK, "1")
	s.expect(t, http.MethodPost, "/visits/home", http.StatusOK, "2")
	s.expect(t, http.MethodGet, "/visits/home", http.StatusOK, "2")
	if err := server.Client().Set(t.Context(), "visits:odd", "no number", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.expect(t, http.MethodPost, "/visits/odd", http.StatusInternalServerError, "the server answered the command with an error")

	s.expect(t, http.MethodGet, debugPath, http.StatusOK, "env REDIS_ADDRS")
	_, page := s.ask(t, http.MethodGet, debugPath+"status.json")
	var document struct {
		Clients []struct {
			Health redisconn.Health
			Events []redisconn.Event
		}
	}
	if err := json.Unmarshal([]byte(page), &document); err != nil || len(document.Clients) != 1 ||
		document.Clients[0].Health.Status != redisconn.StatusPass || len(document.Clients[0].Events) == 0 {
		t.Errorf("%v: %s", err, page)
	}
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	if said := page + s.log.String(); strings.Contains(said, password) {
		t.Errorf("the password is in\n%s", said)
	}
	if log := s.log.String(); !strings.Contains(log, `msg=left redis="0 in flight`) {
		t.Error(log)
	}
}

func TestProbesTellStartReadinessAndLifeApart(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	s := serve(t, "REDIS_ADDRS="+addr, lingerVariable+"=1s", "REDIS_WHEN_DOWN=fail-fast")
	s.expect(t, http.MethodGet, livePath, http.StatusOK, `"pass"`)
	s.expect(t, http.MethodGet, startupPath, http.StatusServiceUnavailable, `"fail"`)
	s.expect(t, http.MethodGet, readyPath, http.StatusServiceUnavailable, `"fail"`)

	server := redisconntest.NewServer(t, redisconntest.WithPort(portOf(t, addr)))
	s.eventually(t, startupPath, http.StatusOK)
	s.eventually(t, readyPath, http.StatusOK)

	server.Kill()
	s.eventually(t, readyPath, http.StatusServiceUnavailable)
	s.expect(t, http.MethodGet, livePath, http.StatusOK, `"pass"`)
	s.expect(t, http.MethodGet, startupPath, http.StatusOK, `"pass"`)
	s.expect(t, http.MethodPost, "/visits/home", http.StatusServiceUnavailable, "the visit was not counted")
	server.Restart()
	s.eventually(t, readyPath, http.StatusOK)

	s.leave()
	s.eventually(t, readyPath, http.StatusServiceUnavailable)
	s.expect(t, http.MethodPost, "/visits/home", http.StatusOK, "1") // whoever comes all the same is served
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestAVisitWhoseReplyWasLostIsNotCalledUncounted(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	s := serve(t, "REDIS_ADDRS="+proxy.Addr())
	s.eventually(t, readyPath, http.StatusOK)
	proxy.DropReply(redisconntest.Command("incr"), 1)
	s.expect(t, http.MethodPost, "/visits/home", http.StatusInternalServerError, "the visit may have been counted")
	s.expect(t, http.MethodGet, "/visits/home", http.StatusOK, "1")
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestRequestsUnderWayFinish(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	s := serve(t, "REDIS_ADDRS="+proxy.Addr(), lingerVariable+"=0s")
	s.eventually(t, readyPath, http.StatusOK)
	calls := server.CommandCalls("incr")
	proxy.Delay(500 * time.Millisecond)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		s.expect(t, http.MethodPost, "/visits/home", http.StatusOK, "1")
	}()
	redisconntest.Eventually(t, 10*time.Second, "a visit under way", func() bool { return server.CommandCalls("incr") > calls })
	if err := s.end(t); err != nil {
		t.Error(err)
	}
	<-answered
}

func TestAllThatIsWrongWithTheEnvironmentIsSaidAtOnce(t *testing.T) {
	err := run(t.Context(), []string{addrVariable + "=", lingerVariable + "=5", shutdownVariable + "=-1s", "REDIS_POOL_SIZE=0"}, slog.New(slog.DiscardHandler))
	for _, want := range []string{"SERVICE_LINGER=5 is no time", "SERVICE_SHUTDOWN_TIMEOUT=-1s is no time", "REDIS_POOL_SIZE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if err := run(t.Context(), []string{addrVariable + "=nowhere"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it listens nowhere")
	}
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
