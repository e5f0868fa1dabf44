// Package health_test shows that healthhttp.Check fits the popular health
// libraries, each in one line.
package health_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sundheit "github.com/AppsFlyer/go-sundheit"
	"github.com/AppsFlyer/go-sundheit/checks"
	"github.com/alexliesenfeld/health"
	hellofresh "github.com/hellofresh/health-go/v5"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
	"github.com/redisconn/redisconn/redisconntest"
)

// connect opens a client to a server of its own.
func connect(t *testing.T) (*redisconn.Client, *redisconntest.Server) {
	t.Helper()
	server := redisconntest.NewServer(t)
	cfg, err := redisconn.ParseURL("redis://" + server.Addr() + "?health_interval=50ms")
	if err != nil {
		t.Fatal(err)
	}
	client, err := redisconn.Open(t.Context(), cfg, redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, server
}

// status is what a library's handler answers.
func status(handler http.Handler, path string) int {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code
}

var errUnwell = errors.New("not healthy")

func TestTheLineForEachLibraryTellsAnOutage(t *testing.T) {
	client, server := connect(t)

	liesenfeld := health.NewChecker(health.WithDisabledCache(), health.WithCheck(health.Check{Name: "redis", Check: healthhttp.Check(client)}))

	fresh, err := hellofresh.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Register(hellofresh.Config{Name: "redis", Check: healthhttp.Check(client)}); err != nil {
		t.Fatal(err)
	}

	appsflyer := &checks.CustomCheck{CheckName: "redis", CheckFunc: func(ctx context.Context) (any, error) { return nil, healthhttp.Check(client)(ctx) }}
	bySundheit := sundheit.New()
	if err := bySundheit.RegisterCheck(appsflyer, sundheit.ExecutionPeriod(time.Hour)); err != nil {
		t.Fatal(err)
	}
	bySundheit.DeregisterAll() // it checks on a schedule; here the check itself is asked

	// What Manager.AddReadyzCheck takes, in the handler that a Manager has.
	byController := http.StripPrefix("/readyz", &healthz.Handler{Checks: map[string]healthz.Checker{
		"redis": func(r *http.Request) error { return healthhttp.Check(client)(r.Context()) },
	}})

	asks := map[string]func() error{
		"alexliesenfeld/health": func() error { return fromStatus(status(health.NewHandler(liesenfeld), "/")) },
		"hellofresh/health-go":  func() error { return fromStatus(status(fresh.Handler(), "/")) },
		// Its module is not to be had any more; its healthcheck.Check is this type.
		"heptiolabs/healthcheck": func() error { return healthhttp.Check(client)(context.Background()) },
		"AppsFlyer/go-sundheit": func() error {
			_, err := appsflyer.Execute(t.Context())
			return err
		},
		"controller-runtime": func() error { return fromStatus(status(byController, "/readyz")) },
	}
	for library, ask := range asks {
		if err := ask(); err != nil {
			t.Errorf("%s, while Redis is up: %v", library, err)
		}
	}
	server.Kill()
	for library, ask := range asks {
		redisconntest.Eventually(t, redisconn.DefaultConfig().Timeouts.Connect, library+" tells the outage", func() bool { return ask() != nil })
	}
}

func fromStatus(code int) error {
	if code != http.StatusOK {
		return fmt.Errorf("%w: %d", errUnwell, code)
	}
	return nil
}
