package otelredisconn

import (
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/redisconn/redisconn"
)

// failure is what is reported of a call that failed: words, never a text.
type failure struct {
	class   redisconn.Class
	code    string            // the word that the server's error begins with, "" when it is none of Redis's own
	applied redisconn.Applied // "" when the server answered
}

// failureOf reports how a command failed; redis.Nil is an answer and no failure.
func failureOf(err error) (failure, bool) {
	if err == nil || errors.Is(err, redis.Nil) {
		return failure{}, false // before anything that allocates: this is the way of most calls
	}
	f := failure{class: redisconn.ClassOf(err)}
	var command *redisconn.CommandError
	if errors.As(err, &command) {
		f.applied = command.Applied
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		if word, _, _ := strings.Cut(reply.Error(), " "); replyCodes[word] {
			f.code = word
		}
	}
	return f, true
}

// failureOfBatch reports the first failure of a batch, and that something in it
// may have been applied where that holds. Neither is always what the driver
// returns: its error is the first of any kind, also a redis.Nil.
func failureOfBatch(cmds []redis.Cmder, err error) (first failure, failed bool) {
	first, failed = failureOf(err)
	for _, cmd := range cmds {
		f, bad := failureOf(cmd.Err())
		if !bad {
			continue
		}
		if !failed {
			first, failed = f, true
		}
		if f.applied == redisconn.AppliedMaybe {
			first.applied = f.applied
		}
	}
	return first, failed
}

// attributes are those of the conventions, for metrics and spans.
func (f failure) attributes() []attribute.KeyValue {
	if f.code == "" {
		return []attribute.KeyValue{semconv.ErrorTypeKey.String(string(f.class))}
	}
	return []attribute.KeyValue{semconv.ErrorTypeKey.String(f.code), semconv.DBResponseStatusCode(f.code)}
}

// replyCodes are the words that errors of Redis, Valkey, Sentinel and the common
// modules begin with. A script may begin its own with anything, a secret among it,
// so no other word is repeated. Source: createSharedObjects in server.c,
// cluster.c, script.c, sentinel.c and t_stream.c of Redis 7 and Valkey 8.
var replyCodes = func() map[string]bool {
	codes := map[string]bool{}
	for code := range strings.FieldsSeq(`
		ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT DENIED ERR EXECABORT INPROG INVALIDOBJ IOERR
		LOADING MASTERDOWN MISCONF MOVED NOADDR NOAUTH NOGOODSLAVE NOGROUP NOMASTERLINK NOPERM NOPROTO
		NOQUORUM NOREPLICAS NOSCRIPT NOSUB NOTBUSY NOTREADY OOM READONLY REDIRECT SYNTAX TRYAGAIN UNBLOCKED
		UNKILLABLE WRONGPASS WRONGTYPE`) {
		codes[code] = true
	}
	return codes
}()
