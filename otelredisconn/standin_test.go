package otelredisconn_test

import (
	"os"
	"os/exec"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/redisconn/redisconn/otelredisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A service may instrument its client before it installs an SDK: until then calls
// skip the tracer, which once cost each of them 2 % for spans that nobody saw. The
// first call after it must have its span.
func TestSpansBeginWithTheCallAfterAProviderWasSet(t *testing.T) {
	const child = "REDISCONN_TEST_LATE_PROVIDER"
	if os.Getenv(child) == "" { // a process has one chance to set the provider, and the other tests need it unset
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	client := clientOf(t, redisconntest.NewServer(t), func() []otelredisconn.Option { return nil })
	calls := func() {
		for range 100 {
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	calls()
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)))
	calls()
	if n := len(spans.Ended()); n != 100 {
		t.Errorf("%d spans of the 100 calls after the provider was set", n)
	}
}

// An instrumentation that attaches to the process from outside records through the
// provider that stands in for one; a call now and then finds out.
func TestAStandInIsAskedNowAndThenAndAlwaysOnceSomebodyRecords(t *testing.T) {
	s := otelredisconn.StandInOf(otel.GetTracerProvider())
	asked := func(calls int) (n int) {
		for range calls {
			if !s.Idle() {
				n++
			}
		}
		return n
	}
	if n := asked(100_000); n < 100 || n > 2000 {
		t.Errorf("%d of 100000 calls asked", n)
	}
	s.Recorded()
	if n := asked(100); n != 100 {
		t.Errorf("%d of 100 calls asked after one was recorded", n)
	}
	if real := otelredisconn.StandInOf(sdk.NewTracerProvider()); real != nil || real.Idle() {
		t.Error("a real provider is not asked for each call")
	}
}
