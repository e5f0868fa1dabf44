package redisconntest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Ledger finds out what became of every single write. Each operation adds 1 to a hash field that no other operation
// uses, so the field's value afterwards is how often that operation was executed. The ledger remembers what the
// caller was told, [Ledger.Audit] compares.
//
// A Ledger is safe for concurrent use.
type Ledger struct {
	prefix string

	mu  sync.Mutex
	ops []*Op
}

// Op is one operation of a [Ledger]: to be executed as HINCRBY Key Field 1, once.
type Op struct {
	Key        string // "<prefix>:<worker>"
	Field      string // the operation's number in the ledger, from 1
	Err        error  // what the caller was told; nil if the operation was acknowledged or has not ended
	Executions int64  // how often the server has executed it; set in the results of Audit

	ledger *Ledger
	ended  bool
}

// NewLedger returns an empty ledger whose keys begin with the prefix and a colon. The server must have no such keys.
func NewLedger(prefix string) *Ledger { return &Ledger{prefix: prefix} }

// Begin enters a new operation of that worker, any number that spreads the operations over several keys. The caller
// executes it as it likes, alone or in a pipeline, and then calls [Op.End].
func (l *Ledger) Begin(worker int) *Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	op := &Op{ledger: l, Key: l.prefix + ":" + strconv.Itoa(worker), Field: strconv.Itoa(len(l.ops) + 1)}
	l.ops = append(l.ops, op)
	return op
}

// End enters what the caller was told about the operation: acknowledged, for nil, or failed.
func (op *Op) End(err error) {
	op.ledger.mu.Lock()
	defer op.ledger.mu.Unlock()
	op.ended, op.Err = true, err
}

// HashIncrementer is what [Ledger.Do] needs of a client; every driver client, pipeline and transaction has it.
type HashIncrementer interface {
	HIncrBy(ctx context.Context, key, field string, incr int64) *redis.IntCmd
}

// Do executes one operation of that worker and enters the outcome, which it returns.
func (l *Ledger) Do(ctx context.Context, client HashIncrementer, worker int) error {
	op := l.Begin(worker)
	err := client.HIncrBy(ctx, op.Key, op.Field, 1).Err()
	op.End(err)
	return err
}

// Audit is what became of the operations of a [Ledger]. An operation can be in several lists.
type Audit struct {
	Operations   int // entered
	Acknowledged int // the caller was told that it is done
	Failed       int // the caller was told an error
	Open         int // not ended: still under way, or forgotten

	Twice             []Op // executed more than once: a write was repeated
	Lost              []Op // acknowledged but not executed: a write was dropped
	ExecutedButFailed []Op // executed although the caller was told an error; right only if the error says maybe
	Strangers         int  // executed but never entered: something else writes to these keys
}

// Audit reads back what the server has executed. Ask a client that goes around what is tested ([Server.Client]),
// and only when nothing is under way any more ([Proxy.Settle]).
func (l *Ledger) Audit(ctx context.Context, client redis.Cmdable) (Audit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	executed := map[string]map[string]string{} // by key and field
	for _, op := range l.ops {
		if executed[op.Key] != nil {
			continue
		}
		fields, err := client.HGetAll(ctx, op.Key).Result()
		if err != nil {
			return Audit{}, fmt.Errorf("audit of %s: %w", op.Key, err)
		}
		executed[op.Key] = fields
	}

	audit := Audit{Operations: len(l.ops)}
	for _, entered := range l.ops {
		op := *entered
		if text, found := executed[op.Key][op.Field]; found {
			delete(executed[op.Key], op.Field)
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return Audit{}, fmt.Errorf("audit of %s: field %s is %q, not a count", op.Key, op.Field, text)
			}
			op.Executions = n
		}
		audit.enter(op)
	}
	for _, fields := range executed {
		audit.Strangers += len(fields)
	}
	return audit, nil
}

func (a *Audit) enter(op Op) {
	switch {
	case !op.ended:
		a.Open++
	case op.Err != nil:
		a.Failed++
	default:
		a.Acknowledged++
	}
	if op.Executions > 1 {
		a.Twice = append(a.Twice, op)
	}
	if op.ended && op.Err == nil && op.Executions == 0 {
		a.Lost = append(a.Lost, op)
	}
	if op.Err != nil && op.Executions > 0 {
		a.ExecutedButFailed = append(a.ExecutedButFailed, op)
	}
}

// Clean reports whether every operation was executed exactly once if acknowledged and at most once if not.
func (a Audit) Clean() bool {
	return len(a.Twice) == 0 && len(a.Lost) == 0 && a.Strangers == 0
}

// String returns the numbers on one line, then what each failed operation that was executed nevertheless was told.
func (a Audit) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d operations: %d acknowledged, %d failed, %d open; %d executed twice, %d lost, %d executed but failed",
		a.Operations, a.Acknowledged, a.Failed, a.Open, len(a.Twice), len(a.Lost), len(a.ExecutedButFailed))
	if a.Strangers > 0 {
		fmt.Fprintf(&text, ", %d not ours", a.Strangers)
	}
	times := map[string]int{}
	for _, op := range a.ExecutedButFailed {
		times[op.Err.Error()]++
	}
	messages := make([]string, 0, len(times))
	for message := range times {
		messages = append(messages, message)
	}
	slices.SortFunc(messages, func(a, b string) int { return cmp.Or(cmp.Compare(times[b], times[a]), cmp.Compare(a, b)) })
	for _, message := range messages {
		fmt.Fprintf(&text, "\n\texecuted but failed, %d times: %s", times[message], message)
	}
	return text.String()
}
