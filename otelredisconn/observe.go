package otelredisconn

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/redisconn/redisconn"
)

// sample is what one collection reads of one client. Reading it does no I/O.
type sample struct {
	config redisconn.Config
	stats  redisconn.Stats
	health redisconn.Health
}

func sampleOf(client *redisconn.Client) sample {
	return sample{config: client.Config(), stats: client.Stats(), health: client.LastHealth()}
}

// emit takes one value with its attributes, besides the pool's name.
type emit func(value float64, attrs ...attribute.KeyValue)

// observed is a row of the table: an instrument that is read when metrics are
// collected, and where its values come from.
type observed struct {
	name, unit, help string
	kind             kind
	read             func(s sample, to emit)
}

// kind is the type of an instrument.
type kind string

const (
	counter kind = "counter"
	upDown  kind = "updowncounter" // a number that adds up over clients
	gauge   kind = "gauge"         // one that does not
	seconds kind = "gauge of fractions"
)

// make makes the row's instrument.
func (o observed) make(meter metric.Meter) (metric.Observable, error) {
	unit, help := metric.WithUnit(o.unit), metric.WithDescription(o.help)
	switch o.kind {
	case counter:
		return meter.Int64ObservableCounter(o.name, unit, help)
	case upDown:
		return meter.Int64ObservableUpDownCounter(o.name, unit, help)
	case gauge:
		return meter.Int64ObservableGauge(o.name, unit, help)
	}
	return meter.Float64ObservableGauge(o.name, unit, help)
}

// observe registers the instruments of the table; read tells what the client
// named pool has to say.
func observe(meter metric.Meter, pool string, read func() sample) (metric.Registration, error) {
	instruments := make([]metric.Observable, 0, len(table))
	for _, row := range table {
		instrument, err := row.make(meter)
		if err != nil {
			return nil, err
		}
		instruments = append(instruments, instrument)
	}
	name := semconv.DBClientConnectionPoolName(pool)
	return meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		s := read()
		for i, row := range table {
			row.read(s, func(value float64, attrs ...attribute.KeyValue) {
				with := metric.WithAttributes(append(attrs, name)...)
				switch instrument := instruments[i].(type) {
				case metric.Int64Observable:
					to.ObserveInt64(instrument, int64(value), with)
				case metric.Float64Observable:
					to.ObserveFloat64(instrument, value, with)
				}
			})
		}
		return nil
	}, instruments...)
}
