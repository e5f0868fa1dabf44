package promredisconn_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/promredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func openClient(t testing.TB, cfg redisconn.Config, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), cfg, append(opts, redisconn.WithLogger(quiet))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// scrape is what Prometheus gets, by series: redisconn_up{client="cache"}.
func scrape(t testing.TB, c prometheus.Collector) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	for line := range strings.Lines(page(t, c)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, text, _ := strings.Cut(strings.Replace(line, "} ", "}\x00", 1), "\x00")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		series[name] = value
	}
	return series
}

// page is the text of a scrape.
func page(t testing.TB, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry() // holds what is collected against what was described
	registry.MustRegister(c)
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	if recorder.Code != 200 {
		t.Fatalf("scrape: %d %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func wantSeries(t testing.TB, got, want map[string]float64) {
	t.Helper()
	for series, value := range want {
		if found, ok := got[series]; !ok || found != value {
			t.Errorf("%s is %v (there: %v), want %v", series, found, ok, value)
		}
	}
}

func TestAScrapeTellsWhatTheClientHasDone(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := server.Config()
	cfg.Connection.Addrs = []string{proxy.Addr()}
	cfg.Pool.Size = 7
	client := openClient(t, cfg)
	ctx := t.Context()
	proxy.Answer(redisconntest.Command("set"), 2, redisconntest.Loading)
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	proxy.DropReply(redisconntest.Command("incr"), 1)
	if err := client.Incr(ctx, "n").Err(); !redisconn.IsMaybeApplied(err) {
		t.Fatal(err)
	}
	redisconntest.Eventually(t, 10*time.Second, "a state of rest", func() bool { return client.State() == redisconn.StateReady })

	wantSeries(t, scrape(t, promredisconn.New(promredisconn.Client("cache", client))), map[string]float64{
		`redisconn_up{client="cache"}`:                                        1,
		`redisconn_state{client="cache",state="ready"}`:                       1,
		`redisconn_state{client="cache",state="down"}`:                        0,
		`redisconn_commands_total{client="cache"}`:                            2,
		`redisconn_retries_total{client="cache"}`:                             2,
		`redisconn_failures_total{class="connection-lost",client="cache"}`:    1,
		`redisconn_failures_total{class="timeout",client="cache"}`:            0,
		`redisconn_maybe_applied_total{client="cache"}`:                       1,
		`redisconn_in_flight_calls{client="cache"}`:                           0,
		`redisconn_pool_connections_max{client="cache"}`:                      7,
		`redisconn_generation{client="cache"}`:                                1,
		`redisconn_client_info{client="cache",target="` + proxy.Addr() + `"}`: 1,
	})
}

func TestAnOutageAndItsEndShowInTheNextScrape(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := server.Config()
	cfg.Health.Interval = 50 * time.Millisecond
	client := openClient(t, cfg)
	collector := promredisconn.New(promredisconn.Client("cache", client))
	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the outage", func() bool { return client.State() == redisconn.StateDown })
	wantSeries(t, scrape(t, collector), map[string]float64{
		`redisconn_up{client="cache"}`:                   0,
		`redisconn_state{client="cache",state="down"}`:   1,
		`redisconn_health{client="cache",status="fail"}`: 1,
		`redisconn_outages_total{client="cache"}`:        1,
	})
	server.Start()
	redisconntest.Eventually(t, 10*time.Second, "the end of the outage", func() bool { return client.State() == redisconn.StateReady })
	wantSeries(t, scrape(t, collector), map[string]float64{
		`redisconn_up{client="cache"}`: 1, `redisconn_outages_total{client="cache"}`: 1,
	})
}

func TestNoNumberOfScrapesReachesRedis(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := server.Config()
	cfg.Connection.Addrs = []string{proxy.Addr()}
	cfg.Health.Interval = time.Hour
	client := openClient(t, cfg)
	collector := promredisconn.New(promredisconn.Client("cache", client))
	before := proxy.Stats()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				page(t, collector)
			}
		})
	}
	all.Wait()
	after := proxy.Stats()
	for command, n := range after.Commands {
		if n != before.Commands[command] {
			t.Errorf("%d %s were sent during the scrapes", n-before.Commands[command], command)
		}
	}
	if got := client.Stats().Commands; got != 0 {
		t.Errorf("%d commands, want none", got)
	}
}

func TestAClientThatNeverConnectedIsExportedAsItIs(t *testing.T) {
	client, err := redisconn.New(redisconn.Config{}, redisconn.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got := scrape(t, promredisconn.New(promredisconn.Client("cache", client)))
	wantSeries(t, got, map[string]float64{
		`redisconn_up{client="cache"}`:                 0,
		`redisconn_state{client="cache",state="idle"}`: 1,
	})
	for series := range got {
		if strings.HasPrefix(series, "redisconn_ping_p") || strings.HasPrefix(series, "redisconn_last_") {
			t.Errorf("%s: there was no probe", series)
		}
	}
}

func TestEveryClientOfARegistryIsExportedAsSoonAsItIsOpen(t *testing.T) {
	server := redisconntest.NewServer(t)
	var registry redisconn.Registry
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := registry.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	own := openClient(t, server.Config())
	collector := promredisconn.New(promredisconn.Registry(&registry), promredisconn.Client("sessions", own))
	for i, name := range []string{"cache", "sessions"} {
		if _, err := registry.Open(t.Context(), name, server.Config(), redisconn.WithLogger(quiet)); err != nil {
			t.Fatal(err)
		}
		client, _ := registry.Get(name)
		for range i + 1 {
			client.Ping(t.Context())
		}
	}
	wantSeries(t, scrape(t, collector), map[string]float64{
		`redisconn_commands_total{client="cache"}`:    1,
		`redisconn_commands_total{client="sessions"}`: 2, // the registry's: of two with one name the first counts
	})
	client, _ := registry.Get("cache")
	client.Close()
	if _, there := scrape(t, collector)[`redisconn_up{client="cache"}`]; there {
		t.Error("a client that its registry has forgotten is still exported")
	}
}

// everything is a client that has all there is to tell.
func everything() (redisconn.Stats, redisconn.Health) {
	lag := int64(1024)
	at := time.Unix(1_700_000_000, 500_000_000)
	return redisconn.Stats{
			Commands: 1, State: redisconn.StateDegraded, FailuresByClass: map[redisconn.Class]int64{redisconn.ClassPool: 3},
			Routes: redisconn.RouteStats{Lane: 10, Batches: 2, Blocking: 3, LaneQueued: 4, BlockingInUse: 5, BlockingMax: 6},
			Cache:  &redisconn.CacheStats{Hits: 7, Misses: 8, Invalidations: 9, Entries: 10},
		}, redisconn.Health{
			Status: redisconn.StatusWarn, Target: "cache:6379", Since: at, LastSuccess: at, LastFailure: at,
			Latency: redisconn.Latency{Last: time.Millisecond, P50: 2 * time.Millisecond, P99: 3 * time.Millisecond, Max: 4 * time.Millisecond, Samples: 5},
			Server:  &redisconn.ServerInfo{Name: "redis", Version: "7.2.4", Mode: "cluster", Role: "master", Protocol: 3},
			Nodes: []redisconn.NodeHealth{
				{Addr: "10.0.0.1:6379", Role: "master", Status: redisconn.StatusPass, Latency: time.Millisecond},
				{Addr: "10.0.0.2:6379", Role: "replica", Status: redisconn.StatusFail, Lag: &lag},
			},
			Slots:        &redisconn.SlotCoverage{Covered: 16000, Total: 16384},
			Quorum:       &redisconn.Quorum{Sentinels: 3, Answering: 2, Needed: 2},
			Certificates: []redisconn.CertificateHealth{{Of: "server", Node: "10.0.0.1:6379", NotAfter: at}},
		}
}

func TestAClientThatHasAllThereIsFillsEveryMetric(t *testing.T) {
	got := scrape(t, promredisconn.NewFromHealth(everything()))
	for _, row := range promredisconn.Rows() {
		found := false
		for series := range got {
			found = found || strings.HasPrefix(series, row.Name+"{")
		}
		if !found {
			t.Errorf("%s is not there", row.Name)
		}
	}
	wantSeries(t, got, map[string]float64{
		`redisconn_up{client="cache"}`:                                                                                   1,
		`redisconn_health{client="cache",status="warn"}`:                                                                 1,
		`redisconn_state_since_timestamp_seconds{client="cache"}`:                                                        1_700_000_000.5,
		`redisconn_failures_total{class="pool-exhausted",client="cache"}`:                                                3,
		`redisconn_ping_p99_seconds{client="cache"}`:                                                                     0.003,
		`redisconn_cache_entries{client="cache"}`:                                                                        10,
		`redisconn_node_up{client="cache",node="10.0.0.1:6379",role="master"}`:                                           1,
		`redisconn_node_up{client="cache",node="10.0.0.2:6379",role="replica"}`:                                          0,
		`redisconn_node_replication_lag_bytes{client="cache",node="10.0.0.2:6379"}`:                                      1024,
		`redisconn_slots_covered{client="cache"}`:                                                                        16000,
		`redisconn_sentinels_answering{client="cache"}`:                                                                  2,
		`redisconn_certificate_expiry_timestamp_seconds{client="cache",node="10.0.0.1:6379",of="server"}`:                1_700_000_000,
		`redisconn_server_info{client="cache",mode="cluster",protocol="3",role="master",server="redis",version="7.2.4"}`: 1,
	})
	if _, there := got[`redisconn_node_ping_seconds{client="cache",node="10.0.0.2:6379",role="replica"}`]; there {
		t.Error("a node that never answered has a latency")
	}
}

func TestTheNamesAreAsPrometheusWantsThem(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(promredisconn.NewFromHealth(everything()))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What a server says about itself is its own words, and a scrape in which one
// series is there twice, or a label is no UTF-8, fails as a whole.
func TestNoWordOfAServerCanBreakAScrape(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	stats, health := everything()
	health.Server = &redisconn.ServerInfo{Version: "7\xff.0\n" + strings.Repeat("x", 10_000)}
	health.Nodes = append(health.Nodes, health.Nodes...)
	health.Certificates = []redisconn.CertificateHealth{{Of: "client", NotAfter: at.Add(time.Hour)}, {Of: "client", NotAfter: at}}
	got := scrape(t, promredisconn.NewFromHealth(stats, health))
	wantSeries(t, got, map[string]float64{
		`redisconn_certificate_expiry_timestamp_seconds{client="cache",node="",of="client"}`: 1_800_000_000, // the one that ends first
	})
	for series := range got {
		if len(series) > 600 {
			t.Errorf("a series of %d bytes: %.200s…", len(series), series)
		}
	}
}

func TestNoSecretReachesAScrape(t *testing.T) {
	const canary = "c4n4ry-s3cret"
	server := redisconntest.NewServer(t, redisconntest.WithPassword(canary))
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := server.Config()
	cfg.Connection.Addrs = []string{proxy.Addr()}
	client := openClient(t, cfg)
	ctx := t.Context()
	client.Set(ctx, canary, canary, 0)
	client.Do(ctx, "nosuchcommand", canary) // the server's error repeats the argument
	client.Eval(ctx, "return redis.error_reply(ARGV[1])", nil, canary)
	proxy.DropReply(redisconntest.Command("incr"), 1)
	client.Incr(ctx, canary)
	if text := page(t, promredisconn.New(promredisconn.Client("cache", client))); strings.Contains(text, canary) {
		t.Errorf("the scrape has the secret:\n%s", text)
	}
}

func TestThePageOfPrometheusMetricsIsUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it tells |\n| --- | --- | --- | --- |\n")
	for _, row := range promredisconn.Rows() {
		kind := "gauge"
		if row.Counter {
			kind = "counter"
		}
		b.WriteString("| `" + row.Name + "` | " + kind + " | " + strings.Join(row.Labels, ", ") + " | " + row.Help + " |\n")
	}
	golden.CheckPart(t, "../docs/observability.md", golden.Begin+": promredisconn", b.String())
}

func TestTheStatesAreAllThereAre(t *testing.T) {
	got := scrape(t, promredisconn.NewFromHealth(redisconn.Stats{State: redisconn.StateClosed}, redisconn.Health{}))
	var set []string
	for series, value := range got {
		if strings.HasPrefix(series, "redisconn_state{") && value == 1 {
			set = append(set, series)
		}
	}
	if want := []string{`redisconn_state{client="cache",state="closed"}`}; !slices.Equal(set, want) {
		t.Errorf("%q are set, want %q", set, want)
	}
}
