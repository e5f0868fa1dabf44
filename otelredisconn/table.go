package otelredisconn

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/redisconn/redisconn"
)

// The attributes of ours.
const (
	attempts    = attribute.Key("redisconn.attempts")
	route       = attribute.Key("redisconn.route")
	class       = attribute.Key("redisconn.class")
	applied     = attribute.Key("redisconn.applied")
	state       = attribute.Key("redisconn.state")
	status      = attribute.Key("redisconn.status")
	nodeAddress = attribute.Key("redisconn.node.address")
	nodeRole    = attribute.Key("redisconn.node.role")
	certificate = attribute.Key("redisconn.certificate.of")
)

// table is every instrument that is read when metrics are collected.
// docs/observability.md is generated from it.
var table = []observed{
	{"db.client.connection.count", "{connection}", "Open connections of the pool, by state.", upDown, func(s sample, to emit) {
		to(float64(s.stats.Pool.InUse), semconv.DBClientConnectionStateUsed)
		to(float64(s.stats.Pool.Idle), semconv.DBClientConnectionStateIdle)
	}},
	{"db.client.connection.max", "{connection}", "The most connections the pool may open.", upDown,
		one(func(s sample) int { return s.config.Pool.Size })},
	{"db.client.connection.idle.max", "{connection}", "The most idle connections the pool keeps.", upDown,
		one(func(s sample) int { return s.config.Pool.MaxIdle })},
	{"db.client.connection.idle.min", "{connection}", "Connections that the pool opens in advance.", upDown,
		one(func(s sample) int { return s.config.Pool.MinIdle })},
	{"db.client.connection.pending_requests", "{request}", "Calls that wait for a connection of the pool.", upDown,
		one(func(s sample) int { return s.stats.Pool.Waiting })},
	{"db.client.connection.timeouts", "{timeout}", "Calls that failed because no connection came free in time.", counter,
		one(func(s sample) int64 { return s.stats.FailuresByClass[redisconn.ClassPool] })},

	{"redisconn.client.up", "{client}", "Whether commands work: 1 in the states ready and degraded, else 0.", gauge, func(s sample, to emit) {
		to(truth(s.stats.State == redisconn.StateReady || s.stats.State == redisconn.StateDegraded))
	}},
	{"redisconn.client.state", "{client}", "The state of the client: 1 for the one it is in, 0 for the others.", gauge, func(s sample, to emit) {
		for _, each := range states {
			to(truth(s.stats.State == each), state.String(string(each)))
		}
	}},
	{"redisconn.client.health", "{client}", "The verdict of the last probe: 1 for the one that holds, 0 for the others.", gauge, func(s sample, to emit) {
		for _, each := range statuses {
			to(truth(s.health.Status == each), status.String(string(each)))
		}
	}},
	{"redisconn.client.generation", "{generation}", "Number of the set of connections in use; it grows with every reload and failover.", gauge,
		one(func(s sample) int { return s.stats.Generation })},

	{"redisconn.client.commands", "{command}", "Commands that were admitted; each command of a pipeline counts.", counter,
		one(func(s sample) int64 { return s.stats.Commands })},
	{"redisconn.client.retries", "{retry}", "Attempts beyond the first.", counter,
		one(func(s sample) int64 { return s.stats.Retries })},
	{"redisconn.client.failures", "{failure}", "Calls that failed after they were admitted, or were refused as overloaded, by class; see docs/errors.md.", counter, func(s sample, to emit) {
		for _, info := range redisconn.Classes() { // also those at 0: a rate needs to see the first one
			to(float64(s.stats.FailuresByClass[info.Class]), class.String(string(info.Class)))
		}
	}},
	{"redisconn.client.maybe_applied", "{failure}", "Calls that failed with nobody knowing whether the server executed them.", counter,
		one(func(s sample) int64 { return s.stats.MaybeApplied })},
	{"redisconn.client.outages", "{outage}", "Times that Redis counted as down.", counter,
		one(func(s sample) int64 { return s.stats.Outages })},
	{"redisconn.client.probes", "{probe}", "PINGs of the health monitor.", counter,
		one(func(s sample) int64 { return s.stats.Probes })},
	{"redisconn.client.reloads", "{reload}", "Times that a new set of connections took over.", counter,
		one(func(s sample) int64 { return s.stats.Reloads })},
	{"redisconn.client.failovers", "{failover}", "Times that another node became master.", counter,
		one(func(s sample) int64 { return s.stats.Failovers })},
	{"redisconn.client.events.dropped", "{event}", "Events that a slow listener missed.", counter,
		one(func(s sample) int64 { return s.stats.EventsDropped })},
	{"redisconn.client.in_flight", "{call}", "Calls under way; a pipeline counts once.", upDown,
		one(func(s sample) int64 { return s.stats.InFlight })},

	{"redisconn.client.lane.commands", "{command}", "Commands that the automatic pipeline carried.", counter,
		one(func(s sample) int64 { return s.stats.Routes.Lane })},
	{"redisconn.client.lane.batches", "{batch}", "Round trips that the automatic pipeline needed.", counter,
		one(func(s sample) int64 { return s.stats.Routes.Batches })},
	{"redisconn.client.lane.queued", "{command}", "Commands that wait for the next batch of the automatic pipeline.", upDown,
		one(func(s sample) int { return s.stats.Routes.LaneQueued })},
	{"redisconn.client.blocking.commands", "{command}", "Commands that may block, on connections of their own.", counter,
		one(func(s sample) int64 { return s.stats.Routes.Blocking })},
	{"redisconn.client.blocking.connection.count", "{connection}", "Connections that a blocking command holds.", upDown,
		one(func(s sample) int { return s.stats.Routes.BlockingInUse })},
	{"redisconn.client.blocking.connection.max", "{connection}", "The most connections there may be for blocking commands.", upDown,
		one(func(s sample) int { return s.stats.Routes.BlockingMax })},

	{"redisconn.client.cache.hits", "{read}", "Reads that the client-side cache answered.", counter,
		cached(func(c redisconn.CacheStats) int64 { return c.Hits })},
	{"redisconn.client.cache.misses", "{read}", "Reads that the client-side cache could not answer.", counter,
		cached(func(c redisconn.CacheStats) int64 { return c.Misses })},
	{"redisconn.client.cache.invalidations", "{entry}", "Entries that the server told the client-side cache to forget.", counter,
		cached(func(c redisconn.CacheStats) int64 { return c.Invalidations })},
	{"redisconn.client.cache.entries", "{entry}", "Entries of the client-side cache.", upDown,
		cached(func(c redisconn.CacheStats) int64 { return int64(c.Entries) })},

	{"redisconn.client.ping.last", "s", "How long the last PING of the health monitor took.", seconds,
		latency(func(l redisconn.Latency) time.Duration { return l.Last })},
	{"redisconn.client.ping.p50", "s", "Median of the last 128 PINGs of the health monitor.", seconds,
		latency(func(l redisconn.Latency) time.Duration { return l.P50 })},
	{"redisconn.client.ping.p99", "s", "99th percentile of the last 128 PINGs of the health monitor.", seconds,
		latency(func(l redisconn.Latency) time.Duration { return l.P99 })},
	{"redisconn.client.ping.max", "s", "The longest of the last 128 PINGs of the health monitor.", seconds,
		latency(func(l redisconn.Latency) time.Duration { return l.Max })},
	{"redisconn.client.ping.failures", "{probe}", "PINGs of the health monitor that failed in a row, up to now.", gauge,
		one(func(s sample) int { return s.health.ConsecutiveFailures })},

	{"redisconn.client.node.up", "{node}", "Whether a node of a Sentinel deployment or a cluster is well: 0 when its verdict is fail, else 1.", gauge,
		nodes(func(n redisconn.NodeHealth, to emit) {
			to(truth(n.Status != redisconn.StatusFail), nodeAddress.String(clean(n.Addr)), nodeRole.String(clean(n.Role)))
		})},
	{"redisconn.client.node.ping", "s", "How long the last PING of a node took.", seconds,
		nodes(func(n redisconn.NodeHealth, to emit) {
			if n.Latency > 0 {
				to(n.Latency.Seconds(), nodeAddress.String(clean(n.Addr)), nodeRole.String(clean(n.Role)))
			}
		})},
	{"redisconn.client.node.replication_lag", "By", "How far a replica is behind its master.", gauge,
		nodes(func(n redisconn.NodeHealth, to emit) {
			if n.Lag != nil {
				to(float64(*n.Lag), nodeAddress.String(clean(n.Addr)))
			}
		})},
	{"redisconn.client.slots.covered", "{slot}", "Slots of a cluster that a master serves.", gauge, func(s sample, to emit) {
		if s.health.Slots != nil {
			to(float64(s.health.Slots.Covered))
		}
	}},
	{"redisconn.client.slots.expected", "{slot}", "Slots that a cluster has.", gauge, func(s sample, to emit) {
		if s.health.Slots != nil {
			to(float64(s.health.Slots.Total))
		}
	}},
	{"redisconn.client.sentinels.known", "{sentinel}", "Sentinels that are known.", gauge,
		quorum(func(q redisconn.Quorum) int { return q.Sentinels })},
	{"redisconn.client.sentinels.answering", "{sentinel}", "Sentinels that answer.", gauge,
		quorum(func(q redisconn.Quorum) int { return q.Answering })},
	{"redisconn.client.sentinels.needed", "{sentinel}", "Sentinels that must agree before they replace a master.", gauge,
		quorum(func(q redisconn.Quorum) int { return q.Needed })},
	{"redisconn.client.certificate.expiry", "s", "When a certificate that the connection depends on ends, in Unix time.", gauge, func(s sample, to emit) {
		soonestLast := slices.SortedFunc(slices.Values(s.health.Certificates), func(a, b redisconn.CertificateHealth) int {
			return b.NotAfter.Compare(a.NotAfter)
		})
		for _, c := range soonestLast { // of several with the same attributes the last counts
			to(float64(c.NotAfter.Unix()), certificate.String(c.Of), nodeAddress.String(clean(c.Node)))
		}
	}},
}

var states = []redisconn.State{
	redisconn.StateIdle, redisconn.StateConnecting, redisconn.StateReady, redisconn.StateDegraded,
	redisconn.StateDown, redisconn.StateDraining, redisconn.StateClosed,
}

var statuses = []redisconn.Status{redisconn.StatusPass, redisconn.StatusWarn, redisconn.StatusFail}

// one is a number that every client has.
func one[N int | int64](value func(sample) N) func(sample, emit) {
	return func(s sample, to emit) { to(float64(value(s))) }
}

// latency is absent before the first PING: a 0 would read as a good one.
func latency(value func(redisconn.Latency) time.Duration) func(sample, emit) {
	return func(s sample, to emit) {
		if s.health.Latency.Samples > 0 {
			to(value(s.health.Latency).Seconds())
		}
	}
}

func cached(value func(redisconn.CacheStats) int64) func(sample, emit) {
	return func(s sample, to emit) {
		if s.stats.Cache != nil {
			to(float64(value(*s.stats.Cache)))
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

// clean is a server's own words as an exporter takes them: one string that is
// not UTF-8 fails a whole export.
func clean(text string) string { return strings.ToValidUTF8(text[:min(len(text), 128)], "") }
