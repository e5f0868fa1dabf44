package otelredisconn_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/otelredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// On a cluster the configured addresses say nothing of where a call went.
func TestASpanOnAClusterNamesTheNodeThatAnswered(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	spans := tracetest.NewSpanRecorder()
	client, err := redisconn.Open(t.Context(), redisconn.Config{
		Connection: redisconn.ConnectionConfig{Addrs: cluster.Addrs()}, Mode: redisconn.ModeCluster,
	}, redisconn.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if _, err := otelredisconn.Instrument(client, otelredisconn.WithoutMetrics(), otelredisconn.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)))); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	client.Set(ctx, "{a}", 1, 0)
	client.Set(ctx, "{b}", 1, 0)
	client.MGet(ctx, "{a}", "{b}")
	var peers []string
	for _, span := range spans.Ended() {
		texts := attributes(span.Attributes())
		peers = append(peers, net.JoinHostPort(texts["network.peer.address"], texts["network.peer.port"]))
		if texts["redisconn.attempts"] != "1" {
			t.Errorf("%s has %v", span.Name(), texts)
		}
	}
	if want := []string{cluster.NodeOf("{a}").Addr(), cluster.NodeOf("{b}").Addr(), ":"}; !slices.Equal(peers, want) {
		t.Errorf("went to %q, want %q", peers, want)
	}
}

func TestAPeerIsKnownByItsAddressAndNotByAName(t *testing.T) {
	for node, want := range map[string]string{
		"10.0.0.7:6379": "10.0.0.7 6379", "[::1]:7000": "::1 7000", "/run/redis.sock": "/run/redis.sock ", "cache:6379": " ", "": " ",
	} {
		texts := attributes(otelredisconn.PeerOf(node))
		if got := texts["network.peer.address"] + " " + texts["network.peer.port"]; got != want {
			t.Errorf("the peer of %q is %q, want %q", node, got, want)
		}
	}
}

// The route of a call is what tells a slow command from one that waited for others.
func TestASpanTellsByWhichWayTheCallWent(t *testing.T) {
	b := newBenchFor(t, redisconntest.NewServer(t), func(cfg *redisconn.Config) { cfg.Pipelining = redisconn.PipeliningAlways })
	ctx := t.Context()
	for want, call := range map[string]func() error{
		"lane":     func() error { return b.client.Set(ctx, "k", "v", 0).Err() },
		"blocking": func() error { return b.client.BLPop(ctx, 10*time.Millisecond, "queue").Err() },
		"direct":   func() error { return b.client.Keys(ctx, "k").Err() }, // holds up whoever goes with it
	} {
		if err := call(); err != nil && err != redis.Nil {
			t.Fatal(err)
		}
		if got := attributes(b.span().Attributes())["redisconn.route"]; got != want {
			t.Errorf("went by %q, want %q", got, want)
		}
	}
}
