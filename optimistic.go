package redisconn

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// defaultOptimisticAttempts is how often RunOptimistic tries: with the default
// backoff, about as often as Timeouts.Operation has room for.
const defaultOptimisticAttempts = 16

// OptimisticOption changes how RunOptimistic works.
type OptimisticOption func(*optimistic)

type optimistic struct{ attempts int }

// WithAttempts lets fn run at most n times, and at least once. The default is 16.
func WithAttempts(n int) OptimisticOption {
	return func(o *optimistic) { o.attempts = max(n, 1) }
}

// RunOptimistic runs fn with the keys watched, and again when one of them was
// changed by somebody else before fn's transaction:
//
//	err := client.RunOptimistic(ctx, []string{"stock"}, func(tx *redis.Tx) error {
//		n, err := tx.Get(ctx, "stock").Int()
//		if err != nil || n == 0 {
//			return err
//		}
//		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
//			p.Decr(ctx, "stock")
//			return nil
//		})
//		return err
//	})
//
// fn must return what its transaction returned, and may run several times, so
// outside of the transaction it should only read. Between two attempts there is
// a pause with full jitter, from Retry.MinBackoff doubling up to
// Retry.MaxBackoff; all attempts together end with ctx, or after
// Timeouts.Operation where it has no deadline.
//
// Conflicts to the end make a [*CommandError] of [ClassConflict] with the number
// of attempts, for which errors.Is finds redis.TxFailedErr. Every other error
// of fn ends the loop and is returned as it is; see [Client.Watch].
func (c *Client) RunOptimistic(ctx context.Context, keys []string, fn func(tx *redis.Tx) error, opts ...OptimisticOption) error {
	o := optimistic{attempts: defaultOptimisticAttempts}
	for _, opt := range opts {
		opt(&o)
	}
	loop := &call{name: "optimistic transaction", keys: len(keys), began: time.Now()}
	ctx, cancel := c.deadlines.bound(ctx, loop.began)
	if cancel != nil {
		defer cancel()
	}
	for {
		loop.attempts++
		err := c.Watch(ctx, fn, keys...)
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
		if loop.attempts < o.attempts {
			select {
			case <-time.After(c.retries.backoff(loop.attempts)):
				continue
			case <-ctx.Done():
			}
		}
		return c.failed(ctx, loop, failure{class: ClassConflict, applied: AppliedNo, err: err})
	}
}
