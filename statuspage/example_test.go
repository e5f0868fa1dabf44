package statuspage_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

// withConfig runs an example on a Redis in this process.
func withConfig(example func(ctx context.Context, builder *redisconn.Builder)) {
	err := redisconntest.Run(func(t testing.TB) {
		example(t.Context(), redisconn.NewBuilder().Environ("REDIS_", []string{"REDIS_ADDRS=" + redisconntest.NewEmbedded(t).Addr()}))
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A page for a client whose settings came from the environment, so that it can say
// so of each.
func Example() {
	withConfig(func(ctx context.Context, builder *redisconn.Builder) {
		explanation, _ := builder.Explain() // Build returns the same error
		cfg, err := builder.Build()
		if err != nil {
			fmt.Println(err)
			return
		}
		client, err := redisconn.Open(ctx, cfg, redisconn.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()

		page := statuspage.New(redisconn.Named{"cache": client}, statuspage.Options{
			Title:        "Redis of orders",
			Hosts:        []string{"orders.internal"},
			Explanations: map[string]redisconn.Explanation{"cache": explanation},
		})
		page.Start()
		defer page.Close()
		mux := http.NewServeMux()
		mux.Handle("/debug/redis/", page)

		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://orders.internal/debug/redis/", nil))
		fmt.Println(answer.Code, answer.Header().Get("Content-Type"))

		snapshot := page.Snapshot()
		fmt.Println(snapshot.Status, snapshot.Clients[0].Health.State)
	})
	// Output:
	// 200 text/html; charset=utf-8
	// pass ready
}
