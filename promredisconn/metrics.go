package promredisconn

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redisconn/redisconn"
)

// sample is what one scrape reads of one client.
type sample struct {
	client string
	stats  redisconn.Stats
	health redisconn.Health
}

// emit takes one value of a metric with its labels, in the order of metric.labels.
type emit func(value float64, labels ...string)

// metric is a row of the table: what is exported, under which name, and where it comes from.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // besides client
	read       func(s sample, to emit)
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// metrics is everything that is exported. docs/observability.md is generated
// from it. Names follow https://prometheus.io/docs/practices/naming/.
var metrics = []metric{
	{"redisconn_client_info", "Which server a client was told to connect to; always 1.", gauge, []string{"target"},
		func(s sample, to emit) { to(1, s.health.Target) }},
	{"redisconn_up", "Whether commands work: 1 in the states ready and degraded, else 0.", gauge, nil,
		one(func(s sample) float64 {
			return truth(s.stats.State == redisconn.StateReady || s.stats.State == redisconn.StateDegraded)
		})},
	{"redisconn_state", "The state of the client: 1 for the one it is in, 0 for the others.", gauge, []string{"state"},
		func(s sample, to emit) {
			for _, state := range states {
				to(truth(s.stats.State == state), string(state))
			}
		}},
	{"redisconn_state_since_timestamp_seconds", "When the client came into its state.", gauge, nil,
		instant(func(s sample) time.Time { return s.health.Since })},
	{"redisconn_health", "The verdict of the last probe: 1 for the one that holds, 0 for the others.", gauge, []string{"status"},
		func(s sample, to emit) {
			for _, status := range statuses {
				to(truth(s.health.Status == status), string(status))
			}
		}},
	{"redisconn_generation", "Number of the set of connections in use; it grows with every reload and failover.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Generation) })},

	{"redisconn_commands_total", "Commands that were admitted; each command of a pipeline counts.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Commands })},
	{"redisconn_retries_total", "Attempts beyond the first.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Retries })},
	{"redisconn_failures_total", "Calls that failed after they were admitted, or were refused as overloaded, by class; see docs/errors.md.", counter, []string{"class"},
		func(s sample, to emit) {
			for _, info := range redisconn.Classes() { // also those at 0: a rate needs to see the first one
				to(float64(s.stats.FailuresByClass[info.Class]), string(info.Class))
			}
		}},
	{"redisconn_maybe_applied_total", "Calls that failed with nobody knowing whether the server executed them.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.MaybeApplied })},
	{"redisconn_outages_total", "Times that Redis counted as down.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Outages })},
	{"redisconn_probes_total", "PINGs of the health monitor.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Probes })},
	{"redisconn_reloads_total", "Times that a new set of connections took over.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Reloads })},
	{"redisconn_failovers_total", "Times that another node became master.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Failovers })},
	{"redisconn_events_dropped_total", "Events that a slow listener missed.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.EventsDropped })},

	{"redisconn_in_flight_calls", "Calls under way; a pipeline counts once.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.InFlight) })},
	{"redisconn_pool_connections", "Open connections of the pool.", gauge, []string{"state"},
		func(s sample, to emit) {
			to(float64(s.stats.Pool.InUse), "in_use")
			to(float64(s.stats.Pool.Idle), "idle")
		}},
	{"redisconn_pool_connections_max", "The most connections the pool may open; 0 before the client is connected.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Pool.Size) })},
	{"redisconn_pool_waiting_calls", "Calls that wait for a connection of the pool.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Pool.Waiting) })},

	{"redisconn_lane_commands_total", "Commands that the automatic pipeline carried.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Routes.Lane })},
	{"redisconn_lane_batches_total", "Round trips that the automatic pipeline needed.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Routes.Batches })},
	{"redisconn_lane_queued_commands", "Commands that wait for the next batch of the automatic pipeline.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Routes.LaneQueued) })},
	{"redisconn_blocking_commands_total", "Commands that may block, on connections of their own.", counter, nil,
		count(func(s redisconn.Stats) int64 { return s.Routes.Blocking })},
	{"redisconn_blocking_connections", "Connections that a blocking command holds.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Routes.BlockingInUse) })},
	{"redisconn_blocking_connections_max", "The most connections there may be for blocking commands.", gauge, nil,
		one(func(s sample) float64 { return float64(s.stats.Routes.BlockingMax) })},

	{"redisconn_cache_hits_total", "Reads that the client-side cache answered.", counter, nil,
		cached(func(c redisconn.CacheStats) float64 { return float64(c.Hits) })},
	{"redisconn_cache_misses_total", "Reads that the client-side cache could not answer.", counter, nil,
		cached(func(c redisconn.CacheStats) float64 { return float64(c.Misses) })},
	{"redisconn_cache_invalidations_total", "Entries that the server told the client-side cache to forget.", counter, nil,
		cached(func(c redisconn.CacheStats) float64 { return float64(c.Invalidations) })},
	{"redisconn_cache_entries", "Entries of the client-side cache.", gauge, nil,
		cached(func(c redisconn.CacheStats) float64 { return float64(c.Entries) })},

	{"redisconn_ping_last_seconds", "How long the last PING of the health monitor took.", gauge, nil,
		latency(func(l redisconn.Latency) time.Duration { return l.Last })},
	{"redisconn_ping_p50_seconds", "Median of the last 128 PINGs of the health monitor.", gauge, nil,
		latency(func(l redisconn.Latency) time.Duration { return l.P50 })},
	{"redisconn_ping_p99_seconds", "99th percentile of the last 128 PINGs of the health monitor.", gauge, nil,
		latency(func(l redisconn.Latency) time.Duration { return l.P99 })},
	{"redisconn_ping_max_seconds", "The longest of the last 128 PINGs of the health monitor.", gauge, nil,
		latency(func(l redisconn.Latency) time.Duration { return l.Max })},
	{"redisconn_ping_failures", "PINGs of the health monitor that failed in a row, up to now.", gauge, nil,
		one(func(s sample) float64 { return float64(s.health.ConsecutiveFailures) })},
	{"redisconn_last_success_timestamp_seconds", "When a probe last succeeded.", gauge, nil,
		instant(func(s sample) time.Time { return s.health.LastSuccess })},
	{"redisconn_last_failure_timestamp_seconds", "When a probe last failed; absent while none has.", gauge, nil,
		instant(func(s sample) time.Time { return s.health.LastFailure })},
	{"redisconn_server_info", "What the server says it is; always 1.", gauge, []string{"server", "version", "mode", "role", "protocol"},
		func(s sample, to emit) {
			if i := s.health.Server; i != nil {
				to(1, i.Name, i.Version, i.Mode, i.Role, strconv.Itoa(i.Protocol))
			}
		}},

	{"redisconn_node_up", "Whether a node of a Sentinel deployment or a cluster is well: 0 when its verdict is fail, else 1.", gauge, []string{"node", "role"},
		nodes(func(n redisconn.NodeHealth, to emit) { to(truth(n.Status != redisconn.StatusFail), n.Addr, n.Role) })},
	{"redisconn_node_ping_seconds", "How long the last PING of a node took.", gauge, []string{"node", "role"},
		nodes(func(n redisconn.NodeHealth, to emit) {
			if n.Latency > 0 {
				to(n.Latency.Seconds(), n.Addr, n.Role)
			}
		})},
	{"redisconn_node_replication_lag_bytes", "How far a replica is behind its master.", gauge, []string{"node"},
		nodes(func(n redisconn.NodeHealth, to emit) {
			if n.Lag != nil {
				to(float64(*n.Lag), n.Addr)
			}
		})},
	{"redisconn_slots_covered", "Slots of a cluster that a master serves.", gauge, nil,
		func(s sample, to emit) {
			if s.health.Slots != nil {
				to(float64(s.health.Slots.Covered))
			}
		}},
	{"redisconn_slots_expected", "Slots that a cluster has.", gauge, nil,
		func(s sample, to emit) {
			if s.health.Slots != nil {
				to(float64(s.health.Slots.Total))
			}
		}},
	{"redisconn_sentinels_known", "Sentinels that are known.", gauge, nil,
		quorum(func(q redisconn.Quorum) int { return q.Sentinels })},
	{"redisconn_sentinels_answering", "Sentinels that answer.", gauge, nil,
		quorum(func(q redisconn.Quorum) int { return q.Answering })},
	{"redisconn_sentinels_needed", "Sentinels that must agree before they replace a master.", gauge, nil,
		quorum(func(q redisconn.Quorum) int { return q.Needed })},

	{"redisconn_certificate_expiry_timestamp_seconds", "When a certificate that the connection depends on ends.", gauge, []string{"of", "node"},
		func(s sample, to emit) {
			soonest := slices.SortedFunc(slices.Values(s.health.Certificates), func(a, b redisconn.CertificateHealth) int {
				return a.NotAfter.Compare(b.NotAfter)
			})
			for _, c := range soonest {
				to(float64(c.NotAfter.Unix()), c.Of, c.Node)
			}
		}},
}

var states = []redisconn.State{
	redisconn.StateIdle, redisconn.StateConnecting, redisconn.StateReady, redisconn.StateDegraded,
	redisconn.StateDown, redisconn.StateDraining, redisconn.StateClosed,
}

var statuses = []redisconn.Status{redisconn.StatusPass, redisconn.StatusWarn, redisconn.StatusFail}

// one is a metric that every client has.
func one(value func(sample) float64) func(sample, emit) {
	return func(s sample, to emit) { to(value(s)) }
}

func count(value func(redisconn.Stats) int64) func(sample, emit) {
	return func(s sample, to emit) { to(float64(value(s.stats))) }
}

// instant is a point in time that may not have come.
func instant(when func(sample) time.Time) func(sample, emit) {
	return func(s sample, to emit) {
		if at := when(s); !at.IsZero() {
			to(float64(at.UnixMilli()) / 1e3)
		}
	}
}

// latency is absent before the first PING: a 0 would read as a good one.
func latency(value func(redisconn.Latency) time.Duration) func(sample, emit) {
	return func(s sample, to emit) {
		if s.health.Latency.Samples > 0 {
			to(value(s.health.Latency).Seconds())
		}
	}
}

func cached(value func(redisconn.CacheStats) float64) func(sample, emit) {
	return func(s sample, to emit) {
		if s.stats.Cache != nil {
			to(value(*s.stats.Cache))
		}
	}
}

func nodes(each func(redisconn.NodeHealth, emit)) func(sample, emit) {
	return func(s sample, to emit) {
		for _, n := range s.health.Nodes {
			each(n, to)
		}
	}
}

func quorum(value func(redisconn.Quorum) int) func(sample, emit) {
	return func(s sample, to emit) {
		if s.health.Quorum != nil {
			to(float64(value(*s.health.Quorum)))
		}
	}
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
