package otelredisconn

import (
	"math/rand/v2"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// standIn is the provider that package otel hands out before the program has set
// one, and that passes everything on afterwards. Until then a span from it is work
// for nobody, so calls look whether it still stands in instead of asking for one.
// A nil standIn is for providers that are real.
type standIn struct {
	provider trace.TracerProvider
	watched  atomic.Bool // it has given a span that is recorded, though nobody has set a provider
}

// askEvery is one in how many calls asks a stand-in for a span all the same: an
// instrumentation that attaches to the process from outside makes it give real ones
// and says so nowhere else.
const askEvery = 256

// standInOf recognises the stand-in by the package of its type, which has no name
// that others could use. One that is not recognised is asked for each call.
func standInOf(p trace.TracerProvider) *standIn {
	if t := reflect.TypeOf(p); t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/internal/global" {
		return &standIn{provider: p}
	}
	return nil
}

// idle reports whether nobody would record a span.
func (s *standIn) idle() bool {
	return s != nil && otel.GetTracerProvider() == s.provider && !s.watched.Load() && rand.Uint32()%askEvery != 0
}

// recorded notes that somebody records what the stand-in gives.
func (s *standIn) recorded() {
	if s != nil && !s.watched.Load() {
		s.watched.Store(true)
	}
}
