package otelredisconn

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/redisconn/redisconn"
)

// span is a call's span that somebody records. A nil span is one that nobody does.
type span struct {
	trace.Span
	journey *redisconn.Journey
}

// startSpan starts the span of a command.
func (h *hook) startSpan(ctx context.Context, op *operation, cmd redis.Cmder) (context.Context, *span) {
	start := op.start
	if h.queryText {
		start = append(slices.Clip(start), trace.WithAttributes(semconv.DBQueryText(queryText(cmd))))
	}
	ctx, s := h.start(ctx, op, start)
	if s != nil {
		if name := procedureOf(cmd); name != "" {
			s.SetAttributes(semconv.DBStoredProcedureName(name))
		}
	}
	return ctx, s
}

// startBatchSpan starts the span of a pipeline or a transaction.
func (h *hook) startBatchSpan(ctx context.Context, op *operation, cmds []redis.Cmder) (context.Context, *span) {
	if len(cmds) == 1 {
		return h.startSpan(ctx, op, cmds[0])
	}
	start := append(slices.Clip(op.start), trace.WithAttributes(semconv.DBOperationBatchSize(len(cmds))))
	if h.queryText {
		start = append(start, trace.WithAttributes(semconv.DBQueryText(queryText(cmds...))))
	}
	return h.start(ctx, op, start)
}

// start starts a span. When it is not recorded the call takes no journey along.
func (h *hook) start(ctx context.Context, op *operation, with []trace.SpanStartOption) (context.Context, *span) {
	ctx, started := h.tracer.Start(ctx, op.name, with...)
	if !started.IsRecording() {
		started.End()
		return ctx, nil
	}
	h.standIn.recorded()
	ctx, journey := redisconn.WithJourney(ctx)
	return ctx, &span{started, journey}
}

// end ends the span with what became of the call.
func (s *span) end(f failure, failed bool) {
	if s == nil {
		return
	}
	if s.journey.Attempts > 0 {
		s.SetAttributes(attempts.Int(s.journey.Attempts), route.String(string(s.journey.Route)))
		s.SetAttributes(peerOf(s.journey.Node)...)
	}
	if failed {
		s.fail(f)
	}
	s.End()
}

// fail adds what is known of the failure. Its text may repeat arguments, so
// what the class means stands for it.
func (s *span) fail(f failure) {
	s.SetAttributes(append(f.attributes(), class.String(string(f.class)))...)
	if f.applied != "" {
		s.SetAttributes(applied.String(string(f.applied)))
	}
	s.SetStatus(codes.Error, f.class.Info().Meaning)
}
