package otelredisconn_test

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

var errRefused = errors.New("this meter makes no gauges")

// refusingMeters makes no gauges of fractions.
type refusingMeters struct{ metric.MeterProvider }

func (p refusingMeters) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return refusingMeter{p.MeterProvider.Meter(name, opts...)}
}

type refusingMeter struct{ metric.Meter }

func (refusingMeter) Float64ObservableGauge(string, ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return nil, errRefused
}
