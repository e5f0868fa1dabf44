package otelredisconn

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/redisconn/redisconn"
)

// hook sees every call once, with its final error.
type hook struct {
	operations *operations
	tracer     trace.Tracer            // nil: no spans
	durations  metric.Float64Histogram // of calls; nil: no metrics
	dials      metric.Float64Histogram // of connections; nil: no metrics
	pool       metric.RecordOption     // the pool's name
	queryText  bool
	stopped    atomic.Bool
}

var _ redis.Hook = (*hook)(nil)

// The bounds that the conventions advise, and two below them: most commands of
// a Redis that is near take less than their first, a millisecond.
var durationBounds = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

func (h *hook) makeHistograms(meter metric.Meter) error {
	durations, err := dbconv.NewClientOperationDuration(meter, metric.WithExplicitBucketBoundaries(durationBounds...))
	if err != nil {
		return err
	}
	dials, err := dbconv.NewClientConnectionCreateTime(meter, metric.WithExplicitBucketBoundaries(durationBounds...))
	if err != nil {
		return err
	}
	h.durations, h.dials = durations.Inst(), dials.Inst()
	return nil
}

// DialHook times the opening of connections: name, TCP and TLS, but not the
// handshake of the protocol, which the driver does.
func (h *hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if h.dials == nil || h.stopped.Load() {
			return next(ctx, network, addr)
		}
		began := time.Now()
		conn, err := next(ctx, network, addr)
		if err == nil {
			h.dials.Record(ctx, time.Since(began).Seconds(), h.pool)
		}
		return conn, err
	}
}

// ProcessHook reports a command.
func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.stopped.Load() {
			return next(ctx, cmd)
		}
		c := call{hook: h, op: h.operations.named("", cmd.Name())}
		ctx = c.begin(ctx, cmd)
		err := next(ctx, cmd)
		f, failed := failureOf(err)
		c.end(ctx, f, failed)
		return err
	}
}

// ProcessPipelineHook reports a pipeline or a transaction, as one.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.stopped.Load() {
			return next(ctx, cmds)
		}
		b := h.operations.batchOf(cmds)
		c := call{hook: h, op: b.op}
		ctx = c.begin(ctx, b.cmds...)
		err := next(ctx, cmds)
		f, failed := failureOfBatch(b.cmds, err)
		c.end(ctx, f, failed)
		return err
	}
}

// call is one call on its way.
type call struct {
	*hook
	op      *operation
	began   time.Time
	span    trace.Span         // nil: there is none, or nobody records it
	journey *redisconn.Journey // with a span
}

// begin starts the span, if there are spans, and the clock.
func (c *call) begin(ctx context.Context, cmds ...redis.Cmder) context.Context {
	if c.tracer != nil {
		ctx = c.beginSpan(ctx, cmds)
	}
	c.began = time.Now()
	return ctx
}

func (c *call) beginSpan(ctx context.Context, cmds []redis.Cmder) context.Context {
	start := c.op.start
	if c.queryText {
		start = append(slices.Clip(start), trace.WithAttributes(semconv.DBQueryText(queryText(cmds))))
	}
	ctx, span := c.tracer.Start(ctx, c.op.name, start...)
	if !span.IsRecording() {
		span.End()
		return ctx
	}
	switch {
	case len(cmds) != 1:
		span.SetAttributes(semconv.DBOperationBatchSize(len(cmds)))
	default:
		if name := procedureOf(cmds[0]); name != "" {
			span.SetAttributes(semconv.DBStoredProcedureName(name))
		}
	}
	c.span = span
	ctx, c.journey = redisconn.WithJourney(ctx)
	return ctx
}

// end reports the call.
func (c *call) end(ctx context.Context, f failure, failed bool) {
	if c.durations != nil {
		options := c.op.succeeded
		if failed {
			options = []metric.RecordOption{metric.WithAttributes(append(slices.Clip(c.op.attrs), f.attributes()...)...)}
		}
		c.durations.Record(ctx, time.Since(c.began).Seconds(), options...)
	}
	if c.span == nil {
		return
	}
	if j := c.journey; j.Attempts > 0 {
		c.span.SetAttributes(attempts.Int(j.Attempts), route.String(string(j.Route)))
	}
	if failed {
		f.markSpan(c.span)
	}
	c.span.End()
}
