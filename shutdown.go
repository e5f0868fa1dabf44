package redisconn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrDrainIncomplete: a shutdown's deadline passed with commands in flight. The
// receipt counts them; their callers were told whether they may have been applied.
var ErrDrainIncomplete = errors.New("redisconn: drain incomplete")

// Receipt is what a shutdown did.
type Receipt struct {
	InFlight      int64         // calls under way when it began
	Drained       int64         // of these, calls that ended by themselves
	Abandoned     int64         // of these, calls that were cut at the deadline
	Subscriptions int           // subscriptions that were closed
	Took          time.Duration // from the call to the end
}

// String is the receipt as a sentence.
func (r Receipt) String() string {
	return fmt.Sprintf("%d in flight, %d drained, %d abandoned, %s closed, in %s",
		r.InFlight, r.Drained, r.Abandoned, plural(r.Subscriptions, "subscription"), r.Took.Round(10*time.Microsecond))
}

// shutdown is the one end of a client. Whoever calls first does it, the rest wait for it.
type shutdown struct {
	begun   atomic.Bool
	done    chan struct{}
	receipt Receipt
	err     error
}

// cutGrace is how long callers whose connection was cut get to return before
// the receipt is written.
const cutGrace = 50 * time.Millisecond

// Drain ends the client. New commands are refused with ErrDraining at once,
// those in flight may finish until ctx ends; then their connections are cut and
// their callers told, by [ErrMaybeApplied], what nobody can know. Subscriptions
// are closed. Nothing is left afterwards: no connection, timer or goroutine.
//
// It is idempotent and may be called at any time, also before Connect, during
// it and by many at once: every call returns the one receipt. The error is
// [ErrDrainIncomplete] when commands had to be abandoned, or ctx's when a
// later caller did not wait for the end.
func (c *Client) Drain(ctx context.Context) (Receipt, error) {
	if c.shutdown.begun.CompareAndSwap(false, true) {
		c.shutdown.receipt, c.shutdown.err = c.drain(ctx)
		close(c.shutdown.done)
		return c.shutdown.receipt, c.shutdown.err
	}
	select {
	case <-c.shutdown.done:
		return c.shutdown.receipt, c.shutdown.err
	default: // ctx may have ended as well, and the receipt is the better answer
	}
	select {
	case <-c.shutdown.done:
		return c.shutdown.receipt, c.shutdown.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// Shutdown is Drain in the shape that redis.UniversalClient prescribes for this
// name: the command's error is Drain's, its value the receipt as a sentence. It
// ends this client and never sends SHUTDOWN, which would end the server for
// everybody; Do(ctx, "SHUTDOWN"), ShutdownSave and ShutdownNoSave do that.
func (c *Client) Shutdown(ctx context.Context) *redis.StatusCmd {
	receipt, err := c.Drain(ctx)
	cmd := redis.NewStatusCmd(ctx, "drain")
	cmd.SetVal(receipt.String())
	cmd.SetErr(err)
	return cmd
}

// Close is Drain within Timeouts.Shutdown, without the receipt.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(background, c.config.Timeouts.Shutdown)
	defer cancel()
	_, err := c.Drain(ctx)
	return err
}

func (c *Client) drain(ctx context.Context) (Receipt, error) {
	began := time.Now()
	c.machine.to(StateDraining, "Drain was called")
	receipt := Receipt{InFlight: c.gate.shut()}
	var err error
	if !c.gate.awaitEmpty(ctx) {
		receipt.Abandoned = c.gate.inside()
	}
	if receipt.Abandoned > 0 {
		err = fmt.Errorf("%w: %s abandoned after %s: %w", ErrDrainIncomplete,
			plural(int(receipt.Abandoned), "call"), time.Since(began).Round(time.Millisecond), context.Cause(ctx))
	}
	receipt.Drained = max(receipt.InFlight-receipt.Abandoned, 0)
	c.gate.giveUp()

	c.installing.Lock()
	c.end() // ends the monitor and every dial, and cuts every connection
	receipt.Subscriptions = c.subscriptions.closeAll()
	if g := c.generation.Load(); g != nil {
		err = errors.Join(err, g.close())
	}
	c.installing.Unlock()
	c.awaitCut(receipt.Abandoned > 0)
	c.background.Wait()
	c.stopEmbedded()
	err = errors.Join(err, c.stream.end(), c.subscriptions.end(), c.face.Close(), c.blank.Close())
	unregisterDriverLog(c)

	receipt.Took = time.Since(began)
	c.recorder.record(Event{Kind: EventDrained, Took: receipt.Took, Detail: receipt.String()})
	c.machine.to(StateClosed, receipt.String())
	c.recorder.end()
	return receipt, err
}

// awaitCut lets callers whose connection was cut return: commands, if there
// are any, and a Connect.
func (c *Client) awaitCut(commands bool) {
	grace, cancel := context.WithTimeout(background, cutGrace)
	defer cancel()
	if commands {
		c.gate.awaitEmpty(grace)
	}
	c.attempts.await(grace)
}
