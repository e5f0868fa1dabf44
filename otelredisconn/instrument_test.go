package otelredisconn_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/otelredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// bench is a client with a real server, a proxy before it, and what it reported.
type bench struct {
	t      testing.TB
	client *redisconn.Client
	server *redisconntest.Server
	proxy  *redisconntest.Proxy
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
	stop   func() error
}

func newBench(t testing.TB, opts ...otelredisconn.Option) *bench {
	t.Helper()
	server := redisconntest.NewServer(t)
	return newBenchOf(t, server, opts...)
}

func newBenchOf(t testing.TB, server *redisconntest.Server, opts ...otelredisconn.Option) *bench {
	t.Helper()
	return newBenchFor(t, server, func(*redisconn.Config) {}, opts...)
}

func newBenchFor(t testing.TB, server *redisconntest.Server, change func(*redisconn.Config), opts ...otelredisconn.Option) *bench {
	t.Helper()
	b := &bench{t: t, server: server, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	b.proxy = redisconntest.NewProxy(t, b.server.Addr())
	cfg := b.server.Config()
	cfg.Connection.Addrs = []string{b.proxy.Addr()}
	cfg.Connection.DB = 1
	cfg.Pool.Size = 7
	change(&cfg)
	client, err := redisconn.New(cfg, redisconn.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	b.client = client
	opts = append([]otelredisconn.Option{
		otelredisconn.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(b.reader))),
		otelredisconn.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(b.spans))),
		otelredisconn.WithName("cache"),
	}, opts...)
	if b.stop, err = otelredisconn.Instrument(client, opts...); err != nil {
		t.Fatal(err)
	}
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// span returns the only span since the last call.
func (b *bench) span() trace.ReadOnlySpan {
	b.t.Helper()
	ended := b.spans.Ended()
	b.spans.Reset()
	if len(ended) != 1 {
		b.t.Fatalf("%d spans, want one", len(ended))
	}
	return ended[0]
}

// collect returns every metric by its name.
func (b *bench) collect() map[string]metricdata.Metrics {
	b.t.Helper()
	return collect(b.t, b.reader)
}

func collect(t testing.TB, reader *metric.ManualReader) map[string]metricdata.Metrics {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	byName := map[string]metricdata.Metrics{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// attributes as text: key → value.
func attributes(attrs []attribute.KeyValue) map[string]string {
	texts := map[string]string{}
	for _, kv := range attrs {
		texts[string(kv.Key)] = kv.Value.String()
	}
	return texts
}

func wantAttributes(t testing.TB, what string, got []attribute.KeyValue, want map[string]string) {
	t.Helper()
	if texts := attributes(got); !maps.Equal(texts, want) {
		t.Errorf("%s has\n  %v, want\n  %v", what, texts, want)
	}
}

// values of an instrument, by their attributes as text.
func values(t testing.TB, m metricdata.Metrics) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	put := func(set attribute.Set, value float64) { got[set.Encoded(attribute.DefaultEncoder())] = value }
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			put(p.Attributes, float64(p.Value))
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			put(p.Attributes, float64(p.Value))
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			put(p.Attributes, p.Value)
		}
	default:
		t.Fatalf("%s is a %T", m.Name, m.Data)
	}
	return got
}

// durations of calls: how many, by operation and error.type.
func durations(t testing.TB, m metricdata.Metrics) map[string]uint64 {
	t.Helper()
	counts := map[string]uint64{}
	for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		texts := attributes(p.Attributes.ToSlice())
		counts[texts["db.operation.name"]+" "+texts["error.type"]] += p.Count
	}
	return counts
}

func TestMetricsOfAClientAgreeWithItsStats(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.proxy.Answer(redisconntest.Command("set"), 2, redisconntest.Loading)
	if err := b.client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	b.proxy.DropReply(redisconntest.Command("incr"), 1)
	if err := b.client.Incr(ctx, "n").Err(); !redisconn.IsMaybeApplied(err) {
		t.Fatal(err)
	}
	redisconntest.Eventually(t, 10*time.Second, "a state of rest", func() bool { return b.client.State() == redisconn.StateReady })
	got := b.collect()
	const pool = "db.client.connection.pool.name=cache"
	for name, want := range map[string]map[string]float64{
		"redisconn.client.commands":             {pool: 2},
		"redisconn.client.retries":              {pool: 2},
		"redisconn.client.maybe_applied":        {pool: 1},
		"redisconn.client.up":                   {pool: 1},
		"redisconn.client.failures":             {pool + ",redisconn.class=connection-lost": 1, pool + ",redisconn.class=timeout": 0},
		"redisconn.client.state":                {pool + ",redisconn.state=ready": 1, pool + ",redisconn.state=down": 0},
		"db.client.connection.max":              {pool: 7},
		"db.client.connection.idle.max":         {pool: 7},
		"db.client.connection.idle.min":         {pool: 0},
		"db.client.connection.pending_requests": {pool: 0},
		"db.client.connection.timeouts":         {pool: 0},
		"db.client.connection.count":            {pool + ",db.client.connection.state=used": 0},
	} {
		found := values(t, got[name])
		for attrs, value := range want {
			if v, ok := found[attrs]; !ok || v != value {
				t.Errorf("%s{%s} is %v (there: %v), want %v", name, attrs, v, ok, value)
			}
		}
	}
	if counts, want := durations(t, got["db.client.operation.duration"]), (map[string]uint64{"SET ": 1, "INCR connection-lost": 1}); !maps.Equal(counts, want) {
		t.Errorf("durations of %v, want %v", counts, want)
	}
	dials := got["db.client.connection.create_time"].Data.(metricdata.Histogram[float64]).DataPoints
	if len(dials) != 1 || dials[0].Count < 1 || dials[0].Sum <= 0 {
		t.Errorf("times of dials %+v", dials)
	}
}

func TestTheDurationHasTheAttributesOfTheConventions(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.client.Set(ctx, "k", "v", 0)
	b.client.LPush(ctx, "k", "v") // WRONGTYPE
	m := b.collect()["db.client.operation.duration"]
	if m.Unit != "s" {
		t.Errorf("unit %q", m.Unit)
	}
	host, port := "127.0.0.1", b.proxy.Addr()[len("127.0.0.1:"):]
	common := map[string]string{"db.system.name": "redis", "db.namespace": "1", "server.address": host, "server.port": port}
	want := map[string]map[string]string{
		"SET":   {"db.operation.name": "SET"},
		"LPUSH": {"db.operation.name": "LPUSH", "error.type": "WRONGTYPE", "db.response.status_code": "WRONGTYPE"},
	}
	points := m.Data.(metricdata.Histogram[float64]).DataPoints
	if len(points) != 2 {
		t.Fatalf("%d series, want 2", len(points))
	}
	for _, p := range points {
		name, _ := p.Attributes.Value("db.operation.name")
		all := maps.Clone(common)
		maps.Copy(all, want[name.AsString()])
		wantAttributes(t, name.AsString(), p.Attributes.ToSlice(), all)
		if !slices.Equal(p.Bounds, []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}) {
			t.Errorf("bounds %v", p.Bounds)
		}
	}
}

func TestStopEndsMetricsAndSpansAndNotTheClient(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.client.Ping(ctx)
	for range 2 {
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	}
	b.collect() // what was recorded before
	b.spans.Reset()
	if err := b.client.Ping(ctx).Err(); err != nil {
		t.Error(err)
	}
	if _, err := b.client.Pipelined(ctx, pings(3)); err != nil {
		t.Error(err)
	}
	if n := len(b.spans.Ended()); n != 0 {
		t.Errorf("%d spans after the end", n)
	}
	got := b.collect()
	if _, there := got["redisconn.client.up"]; there {
		t.Error("gauges are read after the end")
	}
	if counts := durations(t, got["db.client.operation.duration"]); counts["PING "] != 1 {
		t.Errorf("durations of %v, want the PING before the end alone", counts)
	}
}

func TestSpansAndMetricsCanBeHadWithoutTheOther(t *testing.T) {
	spans := newBench(t, otelredisconn.WithoutMetrics())
	spans.client.Ping(t.Context())
	if n, m := len(spans.spans.Ended()), len(spans.collect()); n != 1 || m != 0 {
		t.Errorf("without metrics: %d spans, %d metrics", n, m)
	}
	metrics := newBench(t, otelredisconn.WithoutSpans())
	metrics.client.Ping(t.Context())
	if n, m := len(metrics.spans.Ended()), len(metrics.collect()); n != 0 || m == 0 {
		t.Errorf("without spans: %d spans, %d metrics", n, m)
	}
}

func TestWithoutProvidersOfItsOwnTheGlobalOnesAreUsed(t *testing.T) {
	server := redisconntest.NewServer(t)
	client, err := redisconn.Open(t.Context(), server.Config(), redisconn.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stop, err := otelredisconn.Instrument(client) // they do nothing: no SDK is installed
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// everything is a client that has all there is to tell.
func everything() (redisconn.Config, redisconn.Stats, redisconn.Health) {
	lag := int64(1024)
	at := time.Unix(1_700_000_000, 0)
	return redisconn.Config{Pool: redisconn.PoolConfig{Size: 20, MinIdle: 1, MaxIdle: 2}}, redisconn.Stats{
			State: redisconn.StateDegraded, FailuresByClass: map[redisconn.Class]int64{redisconn.ClassPool: 3},
			Cache: &redisconn.CacheStats{Hits: 7, Misses: 8, Invalidations: 9, Entries: 10},
		}, redisconn.Health{
			Status:  redisconn.StatusWarn,
			Latency: redisconn.Latency{Last: time.Millisecond, P50: 2 * time.Millisecond, P99: 3 * time.Millisecond, Max: 4 * time.Millisecond, Samples: 5},
			Nodes: []redisconn.NodeHealth{
				{Addr: "10.0.0.1:6379\xff", Role: "master", Status: redisconn.StatusPass, Latency: time.Millisecond},
				{Addr: "10.0.0.2:6379", Role: "replica", Status: redisconn.StatusFail, Lag: &lag},
			},
			Slots:        &redisconn.SlotCoverage{Covered: 16000, Total: 16384},
			Quorum:       &redisconn.Quorum{Sentinels: 3, Answering: 2, Needed: 2},
			Certificates: []redisconn.CertificateHealth{{Of: "client", NotAfter: at}, {Of: "client", NotAfter: at.Add(time.Hour)}},
		}
}

func TestAClientThatHasAllThereIsFillsEveryInstrument(t *testing.T) {
	reader := metric.NewManualReader()
	cfg, stats, health := everything()
	if err := otelredisconn.Observe(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), cfg, stats, health); err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for _, row := range otelredisconn.Rows() {
		m, there := got[row.Name]
		if !there || len(values(t, m)) == 0 {
			t.Errorf("%s is not there", row.Name)
		}
		if m.Unit != row.Unit {
			t.Errorf("%s has the unit %q, want %q", row.Name, m.Unit, row.Unit)
		}
	}
	const pool = "db.client.connection.pool.name=cache"
	for name, want := range map[string]struct {
		attrs string
		value float64
	}{
		"db.client.connection.timeouts":         {pool, 3},
		"redisconn.client.up":                   {pool, 1},
		"redisconn.client.ping.p99":             {pool, 0.003},
		"redisconn.client.cache.entries":        {pool, 10},
		"redisconn.client.node.up":              {pool + ",redisconn.node.address=10.0.0.1:6379,redisconn.node.role=master", 1}, // without what is no UTF-8
		"redisconn.client.node.replication_lag": {pool + ",redisconn.node.address=10.0.0.2:6379", 1024},
		"redisconn.client.sentinels.needed":     {pool, 2},
		"redisconn.client.slots.covered":        {pool, 16000},
		"redisconn.client.certificate.expiry":   {pool + ",redisconn.certificate.of=client,redisconn.node.address=", 1_700_000_000}, // the one that ends first
	} {
		if v, there := values(t, got[name])[want.attrs]; !there || v != want.value {
			t.Errorf("%s is %v, want %v for %s", name, values(t, got[name]), want.value, want.attrs)
		}
	}
}

func TestWhatTheConfigurationSaysOfTheServer(t *testing.T) {
	common := map[string]string{"db.system.name": "redis", "db.namespace": "3"}
	for _, c := range []struct {
		addrs []string
		want  map[string]string
		pool  string
	}{
		{[]string{"cache:6379"}, map[string]string{"server.address": "cache"}, "cache:6379/3"},
		{[]string{"[::1]:7000"}, map[string]string{"server.address": "::1", "server.port": "7000"}, "[::1]:7000/3"},
		{[]string{"/run/redis.sock"}, map[string]string{"server.address": "/run/redis.sock", "network.transport": "unix"}, "/run/redis.sock/3"},
		{[]string{"a:7000", "b:7001"}, map[string]string{"server.address": "a:7000,b:7001"}, "a:7000,b:7001/3"},
		{nil, nil, "embedded/3"},
	} {
		attrs, pool := otelredisconn.ServerAttributes(redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: c.addrs, DB: 3}})
		want := maps.Clone(common)
		maps.Copy(want, c.want)
		wantAttributes(t, fmt.Sprint(c.addrs), attrs, want)
		if pool != c.pool {
			t.Errorf("%v: pool %q, want %q", c.addrs, pool, c.pool)
		}
	}
}

// dump is everything that was reported, as text.
func (b *bench) dump() string {
	b.t.Helper()
	var all []any
	for _, span := range b.spans.Ended() {
		all = append(all, span.Name(), span.Attributes(), span.Status(), span.Events(), span.Links())
	}
	for _, m := range b.collect() {
		all = append(all, m)
	}
	text, err := json.Marshal(all)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text) + fmt.Sprintf("%+v", all)
}
