package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

// experiment is a restart against a server of its own.
func experiment(t *testing.T) restart {
	t.Helper()
	binary, err := buildService(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := redisconntest.NewServer(t, redisconntest.WithPassword("pw"))
	return restart{
		binary: binary, callers: 16, between: 500 * time.Millisecond, signal: syscall.SIGTERM,
		linger: 2 * time.Second, // 40 times what the balancer needs, for machines that are busy
		env:    append(os.Environ(), "REDIS_ADDRS="+server.Addr(), "REDIS_PASSWORD=pw"),
	}
}

func TestARollingRestartFailsNoRequest(t *testing.T) {
	result, err := experiment(t).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", result)
	if err := result.verdict(); err != nil {
		t.Error(err)
	}
	if len(result.served) != instances || result.served[0] == 0 || result.served[1] == 0 || result.p50 <= 0 || result.max < result.p99 {
		t.Errorf("%+v", result)
	}
	for _, receipt := range result.receipts {
		if !strings.Contains(receipt, "0 abandoned") {
			t.Errorf("receipt: %s", receipt)
		}
	}
}

// An experiment that cannot fail proves nothing: instances that are killed let
// their requests down.
func TestInstancesThatAreKilledDo(t *testing.T) {
	r := experiment(t)
	r.signal = syscall.SIGKILL
	result, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result.failed == 0 || result.verdict() == nil || !strings.Contains(result.String(), "failed: 502 Bad Gateway") {
		t.Errorf("\n%s", result)
	}
	if (&report{answered: 2, counted: 3}).verdict() == nil {
		t.Error("a visit that nobody was told of is no reason to complain")
	}
}

// The balancer took a new turn for every backend that it looked at. Of requests
// at the same time one could look at the same backend twice, the one that was
// not ready, and gave up while the other one was.
func TestEveryRequestFindsTheOneBackendThatIsReady(t *testing.T) {
	well := httptest.NewServer(http.NotFoundHandler())
	defer well.Close()
	b := newBalancer([]*instance{{addr: "127.0.0.1:0"}, {addr: strings.TrimPrefix(well.URL, "http://")}})
	b.backends[1].ready.Store(true)
	var missed atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				answer := httptest.NewRecorder()
				b.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
				if answer.Code != http.StatusNotFound {
					missed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if missed.Load() > 0 {
		t.Errorf("%d of 3200 requests found no backend", missed.Load())
	}
	b.backends[1].ready.Store(false)
	answer := httptest.NewRecorder()
	if b.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil)); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d where nobody is ready", answer.Code)
	}
}
