package otelredisconn_test

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/embedded"
	"github.com/redisconn/redisconn/otelredisconn"
)

// A service installs the providers of an SDK with otel.SetTracerProvider and
// otel.SetMeterProvider; then Instrument needs no options.
func ExampleInstrument() {
	ctx := context.Background()
	spans := tracetest.NewInMemoryExporter()
	client, err := redisconn.New(redisconn.Config{Mode: redisconn.ModeEmbedded}, embedded.Option(), redisconn.WithLogger(quiet))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	stop, err := otelredisconn.Instrument(client,
		otelredisconn.WithTracerProvider(trace.NewTracerProvider(trace.WithSyncer(spans))),
		otelredisconn.WithMeterProvider(metric.NewMeterProvider()),
		otelredisconn.WithName("cache"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	if err := client.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}

	client.Set(ctx, "greeting", "hello", 0)
	client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "greeting")
		p.Get(ctx, "farewell")
		return nil
	})
	client.Incr(ctx, "greeting") // ERR value is not an integer

	for _, span := range spans.GetSpans() {
		fmt.Printf("%s: %s %q\n", span.Name, span.Status.Code, span.Status.Description)
	}
	// Output:
	// SET: Unset ""
	// PIPELINE GET: Unset ""
	// INCR: Error "the server answered the command with an error"
}
