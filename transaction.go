package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// TransactionResult is what became of a transaction.
type TransactionResult struct {
	// Applied tells of the transaction as a whole: yes when the server executed
	// it, also if single commands failed, because Redis does not roll back; no
	// when it refused or never saw it; maybe when no reply came back.
	Applied  Applied
	Outcomes []Outcome     // of every command, in order
	Took     time.Duration // from the call to the end

	addr    string
	err     error // what kept it from being executed
	culprit int   // the command whose refusal did, or -1
}

// Failed returns the commands that failed.
func (r *TransactionResult) Failed() []Outcome {
	return slices.DeleteFunc(slices.Clone(r.Outcomes), func(o Outcome) bool { return o.Err == nil })
}

// Culprit returns the command whose refusal made the server discard the whole
// transaction, if it was a command of it.
func (r *TransactionResult) Culprit() (Outcome, bool) {
	if r.culprit < 0 {
		return Outcome{}, false
	}
	return r.Outcomes[r.culprit], true
}

// Err returns nil when every command succeeded, and a [*TransactionError] otherwise.
func (r *TransactionResult) Err() error {
	if r.err == nil && len(r.Failed()) == 0 {
		return nil
	}
	return &TransactionError{Result: r}
}

// TransactionError is a transaction of which not all commands succeeded.
// errors.Is and errors.As reach the cause and the failure of every command.
type TransactionError struct {
	Result *TransactionResult
}

// Error says whether the server refused the transaction, and by which command,
// or which of its commands failed while the others were applied.
func (e *TransactionError) Error() string {
	r := e.Result
	failed := r.Failed()
	prefix := "redisconn: transaction on " + r.addr + ": "
	var command *CommandError
	switch {
	case r.Applied == AppliedYes && r.err == nil:
		return prefix + fmt.Sprintf("%d of %s failed inside EXEC, the others were applied, because Redis does not roll back: %s; %s",
			len(failed), plural(len(r.Outcomes), "command"), listOutcomes(failed, len(failed)), ClassOf(failed[0].Err).Info().advice())
	case errors.As(r.err, &command):
		return command.Error() // it says all of this itself
	}
	return prefix + fmt.Sprintf("%s; applied: %s; %s", peerText(r.err), r.Applied, ClassOf(r.err).Info().advice())
}

// Unwrap returns the cause and the failures of the commands.
func (e *TransactionError) Unwrap() []error {
	var errs []error
	if e.Result.err != nil {
		errs = append(errs, e.Result.err)
	}
	if e.Result.Applied == AppliedMaybe {
		errs = append(errs, ErrMaybeApplied)
	}
	for _, o := range e.Result.Failed() {
		errs = append(errs, o.Err)
	}
	return errs
}

func (e *TransactionError) nothingApplied() bool { return e.Result.Applied == AppliedNo }

// RunTransaction sends the commands that fn queues as one transaction, MULTI to
// EXEC: the server executes all of them with nothing in between, or none. It is
// sent again only while it is proved that nothing was executed.
// See https://redis.io/docs/latest/develop/using-commands/transactions/.
//
// Three things can go wrong, and the result tells them apart. A command may be
// refused when it is queued (a syntax error, READONLY, OOM): the server then
// discards all, and Culprit names it. A command may fail while EXEC runs (a
// wrong type): the others are applied all the same. Or the reply is lost: then
// Applied is maybe, for all of them.
//
// The result is never nil. The error is its Err: nil only when every command
// succeeded. When fn returns an error nothing is sent; Exec, in fn, does
// nothing, because RunTransaction sends the transaction when fn returns.
func (c *Client) RunTransaction(ctx context.Context, fn func(p redis.Pipeliner) error) (*TransactionResult, error) {
	began := time.Now()
	b := c.newBatch()
	b.admit = func(redis.Cmder, int) error { return nil }
	b.send = func(context.Context) ([]redis.Cmder, error) { return nil, nil }
	result := &TransactionResult{addr: c.server(), Applied: AppliedNo, culprit: -1}
	err := fn(b)
	b.end()
	cmds, misfits := b.take()
	switch {
	case err != nil:
		result.err = err
		failAll(cmds, c.neverSent("transaction", ClassUnknown, errWithdrawn))
	case misfits > 0:
		culprit := findCulprit(cmds)
		result.err, result.culprit = culprit, culprit.index
		failAll(sendable(cmds, misfits), c.neverSent("transaction", ClassUnknown, culprit))
	case len(cmds) > 0:
		err = c.hooks.current.Load().pipeline(ctx, transactionFrame(ctx, cmds))
		result.conclude(cmds, err)
	}
	for i, cmd := range cmds {
		o := outcomeOf(i, cmd)
		if result.Applied != AppliedYes {
			o.Applied = result.Applied // one for all
		}
		result.Outcomes = append(result.Outcomes, o)
	}
	result.Took = time.Since(began)
	return result, result.Err()
}

// conclude says what became of the transaction as a whole, from the errors of
// its commands and from err, which the way down returned.
func (r *TransactionResult) conclude(cmds []redis.Cmder, err error) {
	if firstError(cmds) == nil && err != nil {
		failAll(cmds, err) // a hook's own error
	}
	var culprit *culpritError
	switch failure := firstFailure(cmds); {
	case failure != nil:
		r.err, r.Applied = failure, failure.Applied
		if errors.As(failure, &culprit) {
			r.culprit = culprit.index
		}
	case redis.IsExecAbortError(err) || slices.ContainsFunc(cmds, isAborted):
		r.err = err
		if culprit = findCulprit(cmds); culprit != nil {
			r.err, r.culprit = culprit, culprit.index
		}
	case err == nil || isReply(err):
		r.Applied = AppliedYes
	default:
		r.err, r.Applied = err, diagnose(err).applied
	}
}

// firstFailure is the first error of cmds that is more than the server's answer.
func firstFailure(cmds []redis.Cmder) *CommandError {
	for _, cmd := range cmds {
		var failure *CommandError
		if errors.As(cmd.Err(), &failure) {
			return failure
		}
	}
	return nil
}

func isAborted(cmd redis.Cmder) bool { return redis.IsExecAbortError(cmd.Err()) }
