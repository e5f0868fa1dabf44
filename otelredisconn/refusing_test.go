package otelredisconn_test

import (
	"errors"
	"testing"

	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/otelredisconn"
)

var errRefused = errors.New("this meter makes no such instrument")

// refusingMeters refuses one instrument.
type refusingMeters struct {
	metric.MeterProvider
	refused string
}

func (p refusingMeters) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return refusingMeter{p.MeterProvider.Meter(name, opts...), p.refused}
}

type refusingMeter struct {
	metric.Meter
	refused string
}

func (m refusingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	if name == m.refused {
		return nil, errRefused
	}
	return m.Meter.Float64Histogram(name, opts...)
}

func (m refusingMeter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	if name == m.refused {
		return nil, errRefused
	}
	return m.Meter.Float64ObservableGauge(name, opts...)
}

func TestAnInstrumentThatTheProviderRefusesIsAnError(t *testing.T) {
	for _, name := range []string{"db.client.operation.duration", "db.client.connection.create_time", "redisconn.client.ping.p99"} {
		client, err := redisconn.New(redisconn.Config{}, redisconn.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		stop, err := otelredisconn.Instrument(client, otelredisconn.WithMeterProvider(refusingMeters{sdk.NewMeterProvider(), name}))
		if !errors.Is(err, errRefused) || stop != nil {
			t.Errorf("%s: got %v, want the provider's error", name, err)
		}
	}
}

func TestTracingThatIsOffAddsNoHook(t *testing.T) {
	// TestTheOverheadStaysInItsBounds times it; here it must still work and end.
	b := newBench(t, off()...)
	if err := b.client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	if n, m := len(b.spans.Ended()), len(b.collect()); n != 0 || m != 0 {
		t.Errorf("%d spans, %d metrics, want none", n, m)
	}
}
