package browsertest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

// canary is a password that no response may hold.
const canary = "cAnaRy-password-7x"

// scene is a service with a page: its Redis, a client with something to do, and
// what the page has said so far.
type scene struct {
	redis        *redisconntest.Server
	client       *redisconn.Client
	clients      redisconn.Named
	explanations map[string]redisconn.Explanation
	page         *statuspage.Page
	server       *httptest.Server
	url          string

	mu   sync.Mutex // guards said
	said []byte     // all responses
}

var quiet = redisconn.WithLogger(slog.New(slog.DiscardHandler))

// hints are a doctor's, of the failure that the outages of these tests are.
func hints(class redisconn.Class) statuspage.Hint {
	if class != redisconn.ClassRefused {
		return statuspage.Hint{}
	}
	return statuspage.Hint{
		Check: "RC-N010", Command: "redisconn doctor --only RC-N010",
		Link: "https://github.com/redisconn/redisconn/blob/main/docs/checks.md#rc-n010",
	}
}

// newScene starts a service whose page is mounted under a prefix.
func newScene(t *testing.T, options statuspage.Options) *scene {
	t.Helper()
	s := newService(t)
	s.mount(t, options)
	return s
}

// newService starts a service without its page, to which clients may be added until
// there is one.
func newService(t *testing.T) *scene {
	t.Helper()
	s := &scene{redis: redisconntest.NewServer(t, redisconntest.WithPassword(canary))}
	builder := redisconn.NewBuilder().Environ("REDIS_", []string{
		"REDIS_ADDRS=" + s.redis.Addr(), "REDIS_PASSWORD=" + canary, "REDIS_POOL_SIZE=20", "REDIS_CLIENT_NAME=orders-api",
	})
	explanation, err := builder.Explain()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	if s.client, err = redisconn.Open(t.Context(), cfg, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = s.client.Drain(context.Background()) }) // whatever became of its server
	s.explanations = map[string]redisconn.Explanation{"cache": explanation}
	s.clients = redisconn.Named{"cache": s.client}
	return s
}

// mount serves the page of the clients.
func (s *scene) mount(t *testing.T, options statuspage.Options) {
	options.Hints, options.Explanations = hints, s.explanations
	if options.Title == "" {
		options.Title = "Redis of orders-api"
	}
	s.page = statuspage.New(s.clients, options)
	s.page.Start()
	t.Cleanup(s.page.Close)
	mux := http.NewServeMux()
	mux.Handle("/debug/redis/", s.page)
	s.server = httptest.NewServer(s.record(mux))
	t.Cleanup(func() {
		s.page.Close() // before the server, which waits for its streams
		s.server.Close()
	})
	s.url = s.server.URL + "/debug/redis/"
}

// record keeps what a handler writes.
func (s *scene) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(recording{w, s}, r)
		s.keep(fmt.Appendf(nil, "%v", w.Header()))
	})
}

func (s *scene) keep(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, p...)
}

type recording struct {
	http.ResponseWriter
	scene *scene
}

func (r recording) Write(p []byte) (int, error) {
	r.scene.keep(p)
	return r.ResponseWriter.Write(p)
}

func (r recording) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// work sends commands until the test ends, a few at a time, with a busier second
// now and then.
func (s *scene) work(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	for i := range 6 {
		callers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // an outage is part of the play
					for k := range 1 + n/40%3*i {
						p.Incr(ctx, fmt.Sprintf("k:%d:%d", i, k))
					}
					return nil
				})
				select {
				case <-time.After(time.Duration(20+i*7) * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		callers.Wait()
	})
}

// read fetches a resource as a program would.
func (s *scene) read(t *testing.T, name string) string {
	t.Helper()
	answer, err := http.Get(s.url + name)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
