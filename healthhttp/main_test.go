package healthhttp_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }

var quiet = redisconn.WithLogger(slog.New(slog.DiscardHandler))

// open connects a client that is closed when the test ends.
func open(t *testing.T, cfg redisconn.Config) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// unconnected makes a client that was never connected.
func unconnected(t *testing.T) *redisconn.Client {
	t.Helper()
	client, err := redisconn.New(redisconn.Config{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// get asks a handler. Headers come in pairs.
func get(handler http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func everybody(*http.Request) bool { return true }
