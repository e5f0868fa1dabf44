package otelredisconn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/otelredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// pings queues commands of one kind.
func pings(n int) func(redis.Pipeliner) error {
	return func(p redis.Pipeliner) error {
		for range n {
			p.Ping(context.Background())
		}
		return nil
	}
}

func TestACallIsOneSpanWithTheNamesOfTheConventions(t *testing.T) {
	b := newBench(t)
	if err := b.client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	span := b.span()
	if span.Name() != "SET" || span.SpanKind() != trace.SpanKindClient || span.Status().Code != codes.Unset {
		t.Errorf("span %q, kind %s, status %v", span.Name(), span.SpanKind(), span.Status())
	}
	wantAttributes(t, "SET", span.Attributes(), map[string]string{
		"db.system.name": "redis", "db.namespace": "1", "db.operation.name": "SET",
		"server.address": "127.0.0.1", "server.port": strings.TrimPrefix(b.proxy.Addr(), "127.0.0.1:"),
		"network.peer.address": "127.0.0.1", "network.peer.port": strings.TrimPrefix(b.proxy.Addr(), "127.0.0.1:"),
		"redisconn.attempts": "1", "redisconn.route": "direct",
	})
}

func TestASpanCoversEveryAttemptAndCountsThem(t *testing.T) {
	b := newBench(t)
	b.proxy.Answer(redisconntest.Command("set"), 2, redisconntest.Loading)
	if err := b.client.Set(context.Background(), "k", "v", 0).Err(); err != nil { // a context without an end
		t.Fatal(err)
	}
	if got := attributes(b.span().Attributes())["redisconn.attempts"]; got != "3" {
		t.Errorf("%s attempts, want 3", got)
	}
}

func TestASpanIsAChildOfTheCallersOwn(t *testing.T) {
	b := newBench(t)
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(tracetest.NewSpanRecorder()))
	ctx, parent := provider.Tracer("program").Start(t.Context(), "request")
	b.client.Ping(ctx)
	if span := b.span(); span.Parent().SpanID() != parent.SpanContext().SpanID() {
		t.Errorf("the parent is %s, want %s", span.Parent().SpanID(), parent.SpanContext().SpanID())
	}
}

func TestABatchIsOneSpanAndOneRecord(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	mixed := func(p redis.Pipeliner) error {
		p.Set(ctx, "k", "v", 0)
		p.Get(ctx, "k")
		return nil
	}
	for _, c := range []struct {
		name, size string
		run        func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error)
		queue      func(redis.Pipeliner) error
	}{
		{"PIPELINE PING", "3", b.client.Pipelined, pings(3)},
		{"PIPELINE", "2", b.client.Pipelined, mixed},
		{"MULTI PING", "4", b.client.TxPipelined, pings(4)},
		{"MULTI", "2", b.client.TxPipelined, mixed},
		{"PING", "", b.client.Pipelined, pings(1)},   // a batch of one
		{"PING", "", b.client.TxPipelined, pings(1)}, // is no batch
	} {
		if _, err := c.run(ctx, c.queue); err != nil {
			t.Fatal(err)
		}
		span := b.span()
		texts := attributes(span.Attributes())
		if span.Name() != c.name || texts["db.operation.name"] != c.name || texts["db.operation.batch.size"] != c.size || texts["redisconn.attempts"] != "1" {
			t.Errorf("span %q has %v, want the name %q and the size %q", span.Name(), texts, c.name, c.size)
		}
	}
	if _, err := b.client.RunPipeline(ctx, pings(3)); err != nil {
		t.Fatal(err)
	}
	if span := b.span(); span.Name() != "PIPELINE PING" {
		t.Errorf("RunPipeline is the span %q", span.Name())
	}
	counts := durations(t, b.collect()["db.client.operation.duration"])
	for name, want := range map[string]uint64{"PIPELINE PING ": 2, "PIPELINE ": 1, "MULTI PING ": 1, "MULTI ": 1, "PING ": 2} {
		if counts[name] != want {
			t.Errorf("%d records of %q, want %d", counts[name], name, want)
		}
	}
}

func TestABatchOfNothingHasASize(t *testing.T) {
	multi, exec := redis.NewStatusCmd(t.Context(), "multi"), redis.NewSliceCmd(t.Context(), "exec")
	if got := otelredisconn.BatchName(multi, exec); got != "MULTI" {
		t.Errorf("an empty transaction is named %q", got)
	}
	odd := redis.NewCmd(t.Context(), "not a name")
	if got := otelredisconn.BatchName(odd, odd); got != "PIPELINE" {
		t.Errorf("a pipeline of what is no command is named %q", got)
	}
}

func TestAFailureIsToldInStableWords(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.client.LPush(ctx, "list", "x")
	for _, c := range []struct {
		what    string
		prepare func()
		run     func() error
		want    map[string]string // of the attributes that tell of failures
	}{
		{"an answer that is nil", nil, func() error { return b.client.Get(ctx, "absent").Err() }, map[string]string{}},
		{"an error of the server's own", nil, func() error { return b.client.Get(ctx, "list").Err() },
			map[string]string{"error.type": "WRONGTYPE", "db.response.status_code": "WRONGTYPE", "redisconn.class": "reply"}},
		{"an error in a script's words", nil, func() error { return b.client.Eval(ctx, "return redis.error_reply('TOKEN hunter2')", nil).Err() },
			map[string]string{"error.type": "reply", "redisconn.class": "reply"}},
		{"a reply that was lost", func() { b.proxy.DropReply(redisconntest.Command("incr"), 1) }, func() error { return b.client.Incr(ctx, "n").Err() },
			map[string]string{"error.type": "connection-lost", "redisconn.class": "connection-lost", "redisconn.applied": "maybe"}},
		{"a refusal", func() { b.proxy.Answer(redisconntest.Command("get"), 1, "-NOAUTH Authentication required.\r\n") }, func() error { return b.client.Get(ctx, "k").Err() },
			map[string]string{"error.type": "NOAUTH", "db.response.status_code": "NOAUTH", "redisconn.class": "auth", "redisconn.applied": "no"}},
		{"a failure behind a nil in a pipeline", func() { b.proxy.DropReply(redisconntest.Command("incr"), 1) }, func() error {
			_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.Get(ctx, "absent")
				p.Get(ctx, "list")
				p.Incr(ctx, "n")
				return nil
			})
			return err
		}, map[string]string{"error.type": "WRONGTYPE", "db.response.status_code": "WRONGTYPE", "redisconn.class": "reply", "redisconn.applied": "maybe"}},
		{"a watched key that changed", nil, func() error {
			return b.client.Watch(ctx, func(tx *redis.Tx) error {
				b.server.Client().Do(ctx, "select", 1) // the test's own connection
				pipe := b.server.Client().TxPipeline()
				pipe.Do(ctx, "select", 1)
				pipe.Set(ctx, "watched", "other", 0)
				if _, err := pipe.Exec(ctx); err != nil {
					return err
				}
				b.spans.Reset() // WATCH itself
				_, err := tx.TxPipelined(ctx, pings(2))
				if !errors.Is(err, redis.TxFailedErr) {
					t.Errorf("the transaction returned %v", err)
				}
				return err
			}, "watched")
		}, map[string]string{"error.type": "conflict", "redisconn.class": "conflict"}},
	} {
		b.spans.Reset()
		if c.prepare != nil {
			c.prepare()
		}
		err := c.run()
		ended := b.spans.Ended()
		if len(ended) == 0 {
			t.Fatalf("%s: no span", c.what)
		}
		span := ended[0]
		got := map[string]string{}
		for key, text := range attributes(span.Attributes()) {
			if key == "error.type" || key == "db.response.status_code" || key == "redisconn.class" || key == "redisconn.applied" {
				got[key] = text
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s (%v):\n  got  %v\n  want %v", c.what, err, got, c.want)
		}
		wantStatus := sdk.Status{}
		if len(c.want) > 0 {
			wantStatus = sdk.Status{Code: codes.Error, Description: redisconn.Class(c.want["redisconn.class"]).Info().Meaning}
		}
		if span.Status() != wantStatus {
			t.Errorf("%s: status %+v, want %+v", c.what, span.Status(), wantStatus)
		}
	}
}

// watchfulSampler notes what a sampler can decide by.
type watchfulSampler struct {
	mu   sync.Mutex // guards seen
	seen map[string]string
}

func (s *watchfulSampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = attributes(p.Attributes)
	return sdk.SamplingResult{Decision: sdk.Drop}
}

func (s *watchfulSampler) Description() string { return "watchful" }

func TestASamplerSeesWhatItMayDecideByAndItsVerdictHolds(t *testing.T) {
	sampler := &watchfulSampler{}
	recorder := tracetest.NewSpanRecorder()
	b := newBench(t, otelredisconn.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithSpanProcessor(recorder))))
	if err := b.client.Get(t.Context(), "k").Err(); err != redis.Nil {
		t.Fatal(err)
	}
	for _, key := range []string{"db.system.name", "db.namespace", "db.operation.name", "server.address", "server.port"} {
		if sampler.seen[key] == "" {
			t.Errorf("the sampler saw no %s: %v", key, sampler.seen)
		}
	}
	if n := len(recorder.Ended()); n != 0 {
		t.Errorf("%d spans in spite of the sampler", n)
	}
	if counts := durations(t, b.collect()["db.client.operation.duration"]); counts["GET "] != 1 {
		t.Errorf("durations of %v: metrics are not sampled", counts)
	}
}

func TestAQueryTextHidesEveryArgument(t *testing.T) {
	b := newBench(t, otelredisconn.WithQueryText())
	ctx := t.Context()
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprint("key", i)
	}
	for want, run := range map[string]func(){
		"SET ? ?":    func() { b.client.Set(ctx, "k", "v", 0) },
		"PING; PING": func() { b.client.Pipelined(ctx, pings(2)) },
		"MGET" + strings.Repeat(" ?", 16) + " …": func() { b.client.MGet(ctx, many...) },
		strings.Repeat("PING; ", 16) + "…":       func() { b.client.Pipelined(ctx, pings(20)) },
		"_OTHER":                                 func() { b.client.Do(ctx, "SET k v") },
	} {
		run()
		if got := attributes(b.span().Attributes())["db.query.text"]; got != want {
			t.Errorf("text %q, want %q", got, want)
		}
	}
	plain := newBench(t)
	plain.client.Set(ctx, "k", "v", 0)
	if text, there := attributes(plain.span().Attributes())["db.query.text"]; there {
		t.Errorf("text %q that nobody asked for", text)
	}
}

func TestAScriptIsNamedByItsDigestAndAFunctionByItsName(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	const digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
	for want, run := range map[string]func(){
		digest:    func() { b.client.EvalSha(ctx, digest, nil) },
		"restock": func() { b.client.FCall(ctx, "restock", nil) },
		"":        func() { b.client.FCall(ctx, "not a name", nil) },
	} {
		run()
		if got := attributes(b.span().Attributes())["db.stored_procedure.name"]; got != want {
			t.Errorf("procedure %q, want %q", got, want)
		}
	}
}

func TestOnlyNamesOfCommandsBecomeNamesOfOperationsAndNotWithoutEnd(t *testing.T) {
	names := otelredisconn.Names("get", "ft._list", "set k v", "", strings.Repeat("x", 40), "pässword")
	if want := []string{"GET", "FT._LIST", "_OTHER", "_OTHER", "_OTHER", "_OTHER"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	var made []string
	for i := range 2 * otelredisconn.OperationLimit {
		made = append(made, fmt.Sprint("made.up", i))
	}
	distinct := map[string]bool{}
	for _, name := range otelredisconn.Names(made...) {
		distinct[name] = true
	}
	if len(distinct) != otelredisconn.OperationLimit+1 {
		t.Errorf("%d names, want %d and the rest", len(distinct), otelredisconn.OperationLimit)
	}
}

func TestOperationsMayAppearAllAtOnce(t *testing.T) {
	b := newBench(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				b.client.Do(context.Background(), fmt.Sprint("made.up", (i+j)%20))
			}
		})
	}
	all.Wait()
	var total uint64
	counts := durations(t, b.collect()["db.client.operation.duration"])
	for _, n := range counts {
		total += n
	}
	if total != 160 || len(counts) != 20 {
		t.Errorf("%d records of %d operations, want 160 of 20", total, len(counts))
	}
}

func TestNoSecretReachesSpansOrMetrics(t *testing.T) {
	const canary = "c4n4ry-s3cret"
	server := redisconntest.NewServer(t, redisconntest.WithPassword(canary))
	for name, opts := range map[string][]otelredisconn.Option{"by default": nil, "with the query's text": {otelredisconn.WithQueryText()}} {
		b := newBenchOf(t, server, opts...)
		ctx := t.Context()
		b.client.Set(ctx, canary, canary, 0)
		b.client.Do(ctx, "nosuchcommand", canary) // the server's error repeats the argument
		b.client.Do(ctx, "SET "+canary+" v")
		b.client.Eval(ctx, "return redis.error_reply(ARGV[1])", nil, canary)
		b.client.Eval(ctx, "return '"+canary+"'", nil)
		b.client.FCall(ctx, canary, nil)
		b.proxy.DropReply(redisconntest.Command("incr"), 1)
		b.client.Incr(ctx, canary)
		b.proxy.Answer(redisconntest.Command("get"), 1, "-"+strings.ToUpper(canary)+" "+canary+"\r\n")
		b.client.Get(ctx, canary)
		b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, canary, canary, 0)
			return p.LPush(ctx, canary, canary).Err()
		})
		b.client.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.LPush(ctx, canary, canary).Err() })
		b.client.Watch(ctx, func(tx *redis.Tx) error { return tx.Get(ctx, canary).Err() }, canary)
		if text := strings.ToLower(b.dump()); strings.Contains(text, canary) {
			at := strings.Index(text, canary)
			t.Errorf("%s: the secret is in …%s…", name, text[max(at-300, 0):min(at+50, len(text))])
		}
		if n := len(b.spans.Ended()); n < 11 {
			t.Errorf("%s: %d spans, want one for each call", name, n)
		}
	}
}
