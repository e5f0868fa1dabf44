package otelredisconn

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// operation is a command, or a kind of batch, with what is reported of each call.
// It is made once: the way of a command has no attributes to put together.
type operation struct {
	name      string
	attrs     []attribute.KeyValue
	start     []trace.SpanStartOption // of a span
	succeeded []metric.RecordOption   // of the duration of a call that did not fail
}

// other stands for what is no name of a command.
const other = "_OTHER"

// operationLimit bounds how many names there are: a program that makes names up
// must not fill the memory of whoever keeps the metrics. Redis and its modules
// have some 450 commands.
const operationLimit = 1024

// operations knows the operations that have been used. They are few and read by
// every call, so a new one replaces the map.
type operations struct {
	common []attribute.KeyValue

	adding sync.Mutex // held by whoever replaces known
	known  atomic.Pointer[map[string]*operation]
	rest   *operation // of names that are none, or one too many
}

func newOperations(s server) *operations {
	o := &operations{common: s.attributes()}
	o.known.Store(&map[string]*operation{})
	o.rest = o.make(other)
	return o
}

// named returns the operation with a name, of which prefix is what a batch puts
// before that of its commands.
func (o *operations) named(prefix, command string) *operation {
	key := command
	if prefix != "" {
		key = prefix + " " + command
	}
	if op, ok := (*o.known.Load())[key]; ok {
		return op
	}
	if !isCommandName(command) {
		return o.rest
	}
	o.adding.Lock()
	defer o.adding.Unlock()
	known := *o.known.Load()
	if op, ok := known[key]; ok {
		return op
	}
	if len(known) >= operationLimit {
		return o.rest
	}
	op := o.make(strings.ToUpper(key))
	known = maps.Clone(known)
	known[key] = op
	o.known.Store(&known)
	return op
}

func (o *operations) make(name string) *operation {
	attrs := append(slices.Clone(o.common), semconv.DBOperationName(name))
	return &operation{
		name:      name,
		attrs:     attrs,
		start:     []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...)},
		succeeded: []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))},
	}
}

// isCommandName reports whether text, in lower case, can be the name of a command.
// Do("SET k v") in one string is a mistake that would otherwise put a key and
// a value into the name of a span.
func isCommandName(text string) bool {
	return text != "" && len(text) <= 32 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// ofBatch recognises what the driver hands to a pipeline hook: a pipeline, or a
// transaction in its frame, which body is without. A batch of one is that one command.
func (o *operations) ofBatch(cmds []redis.Cmder) (op *operation, body []redis.Cmder) {
	kind, body := "pipeline", cmds
	if n := len(cmds); n >= 2 && cmds[0].Name() == "multi" && cmds[n-1].Name() == "exec" {
		kind, body = "multi", cmds[1:n-1]
	}
	if len(body) == 1 {
		return o.named("", body[0].Name()), body
	}
	if name, same := commonName(body); same && isCommandName(name) {
		return o.named(kind, name), body
	}
	return o.named("", kind), body
}

// commonName is the name that all of cmds have.
func commonName(cmds []redis.Cmder) (name string, same bool) {
	for i, cmd := range cmds {
		if i == 0 {
			name = cmd.Name()
		} else if cmd.Name() != name {
			return "", false
		}
	}
	return name, true
}
