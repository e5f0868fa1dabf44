package otelredisconn_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/otelredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// How a client can be instrumented.
var ways = []struct {
	name  string
	opts  func() []otelredisconn.Option
	limit float64 // of what it may add to a GET from a server on this machine; 0 for none
}{
	{"Nothing", nil, 0},
	{"Metrics", func() []otelredisconn.Option {
		return []otelredisconn.Option{otelredisconn.WithoutSpans(), otelredisconn.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))}
	}, 0.05},
	{"TracingOff", off, 0.01},
	{"TracingWithoutSDK", func() []otelredisconn.Option { // the global provider, which may get one at any time
		return []otelredisconn.Option{otelredisconn.WithoutMetrics()}
	}, 0.01},
	{"Unused", func() []otelredisconn.Option { return []otelredisconn.Option{} }, 0.02}, // Instrument(client), without an SDK
	{"TracingUnsampled", func() []otelredisconn.Option {
		return []otelredisconn.Option{otelredisconn.WithoutMetrics(), otelredisconn.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())))}
	}, 0},
	{"TracingAll", func() []otelredisconn.Option {
		return []otelredisconn.Option{otelredisconn.WithoutMetrics(), otelredisconn.WithTracerProvider(sdk.NewTracerProvider())}
	}, 0},
}

func off() []otelredisconn.Option {
	return []otelredisconn.Option{otelredisconn.WithoutMetrics(), otelredisconn.WithTracerProvider(noop.NewTracerProvider())}
}

// answerHook answers every command at once, so that what is above it can be timed alone.
type answerHook struct{}

func (answerHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (answerHook) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { return nil }
}

func (answerHook) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return nil }
}

func clientOf(t testing.TB, server *redisconntest.Server, opts func() []otelredisconn.Option, below ...redis.Hook) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), server.Config(), redisconn.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if opts != nil {
		if _, err := otelredisconn.Instrument(client, opts()...); err != nil {
			t.Fatal(err)
		}
	}
	for _, hook := range below {
		client.AddHook(hook)
	}
	return client
}

// quickest is the least time that a GET took on average over one of many rounds:
// whatever else the machine does can only add to it.
func quickest(t testing.TB, client *redisconn.Client, rounds, gets int) time.Duration {
	t.Helper()
	ctx := context.Background()
	least := time.Hour
	for range rounds {
		began := time.Now()
		for range gets {
			if err := client.Get(ctx, "k").Err(); err != nil && err != redis.Nil {
				t.Fatal(err)
			}
		}
		least = min(least, time.Since(began)/time.Duration(gets))
	}
	return least
}

// What the hook adds is timed without the network, in which it would drown, and
// held against a real GET in the same run.
func TestTheOverheadStaysInItsBounds(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the hook more than the network")
	}
	server := redisconntest.NewServer(t)
	get := quickest(t, clientOf(t, server, nil), 20, 500)
	bare := clientOf(t, server, nil, answerHook{})
	for _, way := range ways {
		if way.limit == 0 {
			continue
		}
		hooked := clientOf(t, server, way.opts, answerHook{})
		share := 1.0
		for range 5 { // a machine with much to do may spoil a whole measurement
			added := quickest(t, hooked, 20, 5000) - quickest(t, bare, 20, 5000)
			share = min(share, float64(added)/float64(get))
			if share <= way.limit {
				break
			}
		}
		t.Logf("%s adds %.2f %% to a GET of %s", way.name, 100*share, get)
		if share > way.limit {
			t.Errorf("%s adds %.2f %% to a GET of %s, want at most %.0f %%", way.name, 100*share, get, 100*way.limit)
		}
	}
}

// BenchmarkGet is a GET end to end, with each way to instrument a client.
func BenchmarkGet(b *testing.B) {
	server := redisconntest.NewServer(b)
	for _, way := range ways {
		client := clientOf(b, server, way.opts)
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Get(b.Context(), "k").Err(); err != redis.Nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHook is what each way adds by itself.
func BenchmarkHook(b *testing.B) {
	server := redisconntest.NewServer(b)
	for _, way := range ways {
		client := clientOf(b, server, way.opts, answerHook{})
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			for b.Loop() {
				if err := client.Get(ctx, "k").Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
