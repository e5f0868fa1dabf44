package promredisconn_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/embedded"
	"github.com/redisconn/redisconn/promredisconn"
)

func ExampleNew() {
	ctx := context.Background()
	client, err := redisconn.Open(ctx, redisconn.Config{Mode: redisconn.ModeEmbedded}, embedded.Option(),
		redisconn.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(promredisconn.New(promredisconn.Client("cache", client)))

	client.Set(ctx, "greeting", "hello", 0)
	client.Get(ctx, "greeting")

	server := httptest.NewServer(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "redisconn_up") || strings.HasPrefix(line, "redisconn_commands_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// redisconn_commands_total{client="cache"} 2
	// redisconn_up{client="cache"} 1
}
