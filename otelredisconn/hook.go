package otelredisconn

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/trace"
)

// hook sees every call once, with its final error.
type hook struct {
	operations *operations
	tracer     trace.Tracer            // nil: no spans
	standIn    *standIn                // where the tracer is from, while nobody has set a provider
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
		op := h.operations.named("", cmd.Name())
		var s *span
		if h.tracing() {
			ctx, s = h.startSpan(ctx, op, cmd)
		}
		began := h.clock()
		err := next(ctx, cmd)
		f, failed := failureOf(err)
		h.record(ctx, op, began, f, failed)
		s.end(f, failed)
		return err
	}
}

// ProcessPipelineHook reports a pipeline or a transaction, as one.
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.stopped.Load() {
			return next(ctx, cmds)
		}
		op, body := h.operations.ofBatch(cmds)
		var s *span
		if h.tracing() {
			ctx, s = h.startBatchSpan(ctx, op, body)
		}
		began := h.clock()
		err := next(ctx, cmds)
		f, failed := failureOfBatch(body, err)
		h.record(ctx, op, began, f, failed)
		s.end(f, failed)
		return err
	}
}

// tracing reports whether somebody may record a span.
func (h *hook) tracing() bool { return h.tracer != nil && !h.standIn.idle() }

// clock is the time, for those who will need it.
func (h *hook) clock() (now time.Time) {
	if h.durations != nil {
		now = time.Now()
	}
	return now
}

// record records the duration of a call. Its context carries the span, for exemplars.
func (h *hook) record(ctx context.Context, op *operation, began time.Time, f failure, failed bool) {
	if h.durations == nil {
		return
	}
	with := op.succeeded
	if failed {
		with = []metric.RecordOption{metric.WithAttributes(append(slices.Clip(op.attrs), f.attributes()...)...)}
	}
	h.durations.Record(ctx, time.Since(began).Seconds(), with...)
}
