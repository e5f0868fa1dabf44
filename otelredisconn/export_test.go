package otelredisconn

import (
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/redisconn/redisconn"
)

// Observe registers the gauges of a client that tells what the test wants it to.
func Observe(meter metric.Meter, cfg redisconn.Config, stats redisconn.Stats, health redisconn.Health) error {
	_, err := observe(meter, "cache", func() sample { return sample{cfg, stats, health} })
	return err
}

// ServerAttributes is what a configuration gives to every call, and the pool's name.
func ServerAttributes(cfg redisconn.Config) ([]attribute.KeyValue, string) {
	s := serverOf(cfg)
	return s.attributes(), s.poolName()
}

// Names returns the names of operations for commands, in their order, of one client.
func Names(commands ...string) []string {
	o := newOperations(server{})
	var names []string
	for _, command := range commands {
		names = append(names, o.named("", command).name)
	}
	return names
}

// BatchName is the name of a batch.
func BatchName(cmds ...redis.Cmder) string {
	op, _ := newOperations(server{}).ofBatch(cmds)
	return op.name
}

// OperationLimit is how many names there may be.
const OperationLimit = operationLimit

// StandIn is the provider that waits for a real one.
type StandIn = standIn

// StandInOf is nil for a real provider.
var StandInOf = standInOf

// Idle reports whether a call skips the tracer.
func (s *standIn) Idle() bool { return s.idle() }

// Recorded notes a span that is recorded.
func (s *standIn) Recorded() { s.recorded() }

// PeerOf is what is told of a node.
var PeerOf = peerOf

// Row is an instrument as the documentation lists it.
type Row struct{ Name, Type, Unit, Help string }

// Rows returns every instrument that is read when metrics are collected.
func Rows() []Row {
	var rows []Row
	for _, o := range table {
		k := o.kind
		if k == seconds {
			k = gauge
		}
		rows = append(rows, Row{o.name, string(k), o.unit, o.help})
	}
	return rows
}
