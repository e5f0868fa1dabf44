package otelredisconn

import (
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/redisconn/redisconn"
)

// scope names the instrumentation in what it reports.
const scope = "github.com/redisconn/redisconn/otelredisconn"

// Instrument reports what a client does and how it is, from now on. It adds a
// hook below those that the client has, and gauges that are read when metrics
// are collected. Providers are the global ones unless options name others.
//
// stop ends it: the gauges are gone then, and the hook lets every call pass.
// Call it before the client's name goes to another client. It may be called
// more than once. Instrumenting one client twice reports it twice.
func Instrument(client *redisconn.Client, opts ...Option) (stop func() error, err error) {
	o := options{meters: otel.GetMeterProvider(), tracers: otel.GetTracerProvider()}
	for _, opt := range opts {
		opt(&o)
	}
	server := serverOf(client.Config())
	if o.name == "" {
		o.name = server.poolName()
	}
	h := &hook{operations: newOperations(server), queryText: o.queryText, pool: metric.WithAttributes(semconv.DBClientConnectionPoolName(o.name))}
	if !o.noSpans {
		h.tracer = o.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
		if _, off := h.tracer.(noop.Tracer); off {
			h.tracer = nil // it stays off: nothing has to be asked for each call
		}
		h.standIn = standInOf(o.tracers)
	}
	end := func() error { return nil }
	if !o.noMetrics {
		meter := o.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
		if err := h.makeHistograms(meter); err != nil {
			return nil, instrumentError(err)
		}
		gauges, err := observe(meter, o.name, func() sample { return sampleOf(client) })
		if err != nil {
			return nil, instrumentError(err)
		}
		end = gauges.Unregister
	}
	if h.tracer != nil || h.durations != nil {
		client.AddHook(h)
	}
	return func() error {
		if h.stopped.Swap(true) {
			return nil
		}
		return end()
	}, nil
}

func instrumentError(err error) error {
	return fmt.Errorf("otelredisconn: the meter provider refused an instrument; another library may use its name: %w", err)
}

// Option changes what [Instrument] does.
type Option func(*options)

type options struct {
	meters    metric.MeterProvider
	tracers   trace.TracerProvider
	name      string
	queryText bool
	noSpans   bool
	noMetrics bool
}

// WithMeterProvider uses a provider of metrics other than the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider uses a provider of spans other than the global one.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithName is the client's value of db.client.connection.pool.name, which must be
// its own in the process. Default: the server and the database, as in cache:6379/0.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithQueryText gives spans a db.query.text: the command with a question mark
// for every argument, keys included.
func WithQueryText() Option { return func(o *options) { o.queryText = true } }

// WithoutSpans reports metrics only.
func WithoutSpans() Option { return func(o *options) { o.noSpans = true } }

// WithoutMetrics reports spans only.
func WithoutMetrics() Option { return func(o *options) { o.noMetrics = true } }
