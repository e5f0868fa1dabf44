package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn/internal/printable"
)

// States that an error may stand for; test with errors.Is. The facts are in
// [*CommandError] and [*ConnectError], the kind of failure in [ClassOf].
var (
	// ErrDraining: the client is shutting down and took no new work. Nothing was sent.
	ErrDraining = errors.New("redisconn: client is draining")
	// ErrClosed: the client is closed. Nothing was sent, unless ErrMaybeApplied is there too.
	ErrClosed = errors.New("redisconn: client is closed")
	// ErrDown: Redis is known to be down, or the client was never connected. Nothing was sent.
	ErrDown = errors.New("redisconn: redis is down")
	// ErrOverloaded: as many calls are under way as Pool.MaxInFlight allows. Nothing was sent.
	ErrOverloaded = errors.New("redisconn: too many calls are under way")
	// ErrMaybeApplied: the command was sent and no reply came back, so it may
	// have been executed. Look before sending it again.
	ErrMaybeApplied = errors.New("redisconn: command may have been applied")
)

// CommandError is a command that failed for a reason other than the server's
// answer to it. Errors that are an answer (WRONGTYPE, NOSCRIPT, redis.Nil,
// redis.TxFailedErr …) are returned as the driver returns them.
//
// errors.Is finds the state sentinels, context.DeadlineExceeded where a deadline
// passed, and the driver's own error; errors.As finds net.Error and redis.Error.
type CommandError struct {
	Command  string        // the command's name in lower case; "pipeline" or "transaction" for a batch
	Keys     int           // how many keys it names; keys and values themselves are never kept
	Addr     string        // where it was meant to go
	Class    Class         // what kind of failure ended it
	Applied  Applied       // whether the server executed it
	Attempts int           // how often it was sent or tried to be
	Elapsed  time.Duration // from the call to the error
	State    State         // of the client when it failed
	Pool     PoolUse       // who held the connections when it failed
	Err      error         // the last failure

	expired error // what ended the call's context, if that is what ended the call
}

// Error says what failed, where, why, what is known about its effect, the likely
// cause and what to do next.
func (e *CommandError) Error() string {
	var b strings.Builder
	b.WriteString("redisconn: " + e.Command)
	if e.Keys > 0 {
		b.WriteString(" (" + plural(e.Keys, "key") + ")")
	}
	info := e.Class.Info()
	fmt.Fprintf(&b, " on %s: %s", e.Addr, info.Meaning)
	advice := info.advice()
	var outage *ConnectError
	switch {
	case errors.As(e.Err, &outage):
		b.WriteString(": " + e.Err.Error()) // ours, and brief
		advice = outage.Class.Info().advice()
	case e.Err != nil:
		b.WriteString(": " + peerText(e.Err))
	}
	b.WriteString("; applied: " + string(e.Applied))
	if e.Applied == AppliedMaybe {
		b.WriteString(" (look before you send it again)")
	}
	switch took := e.Elapsed.Round(10 * time.Microsecond); {
	case e.Attempts > 0:
		fmt.Fprintf(&b, "; %s in %s", plural(e.Attempts, "attempt"), took)
	case took > 0:
		fmt.Fprintf(&b, "; not sent, waited %s", took)
	}
	fmt.Fprintf(&b, "; state %s", e.State)
	if e.Pool.Size > 0 {
		b.WriteString("; " + e.Pool.String())
	}
	fmt.Fprintf(&b, "; %s [%s]", advice, e.Class)
	return b.String()
}

// Unwrap returns the cause and every sentinel that holds.
func (e *CommandError) Unwrap() []error {
	errs := make([]error, 0, 5)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if e.Applied == AppliedMaybe {
		errs = append(errs, ErrMaybeApplied)
	}
	switch e.Class {
	case ClassDraining:
		errs = append(errs, ErrDraining)
	case ClassClosed:
		errs = append(errs, ErrClosed)
	case ClassDown:
		errs = append(errs, ErrDown)
	case ClassOverloaded:
		errs = append(errs, ErrOverloaded)
	}
	switch {
	case e.expired != nil:
		errs = append(errs, e.expired)
	case e.Class == ClassTimeout:
		errs = append(errs, context.DeadlineExceeded)
	}
	return errs
}

// ConnectError is a Connect that failed.
type ConnectError struct {
	Stage    Stage         // the first stage that did not hold
	Addr     string        // the address, without credentials
	Class    Class         // what kind of failure it was
	Attempts int           // how many attempts were made
	Elapsed  time.Duration // all of them together
	Err      error         // the last failure

	ended error // what ended the attempts, if not the failure itself
}

// Error says which stage failed, where and why, the likely cause and what to do next.
func (e *ConnectError) Error() string {
	tried := ""
	if e.Attempts > 0 {
		tried = fmt.Sprintf("; %s in %s", plural(e.Attempts, "attempt"), e.Elapsed.Round(time.Millisecond))
	}
	return fmt.Sprintf("redisconn: connect to %s: %s: %s%s; %s [%s]",
		e.Addr, e.Stage, e.brief(), tried, e.Class.Info().advice(), e.Class)
}

// brief says what happened and no more.
func (e *ConnectError) brief() string { return e.Class.Info().Meaning + ": " + peerText(e.Err) }

// Unwrap returns the last failure and, where that is what ended the attempts,
// context.Canceled or context.DeadlineExceeded.
func (e *ConnectError) Unwrap() []error {
	errs := make([]error, 0, 2)
	for _, err := range []error{e.Err, e.ended} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// IsMaybeApplied reports whether err leaves open if the command was executed.
func IsMaybeApplied(err error) bool { return errors.Is(err, ErrMaybeApplied) }

// SafeToRetry reports whether err proves that nothing was applied, so that even
// a command that adds may be sent again. Of a pipeline or transaction it speaks
// as a whole.
func SafeToRetry(err error) bool {
	var batch interface{ nothingApplied() bool }
	if errors.As(err, &batch) {
		return batch.nothingApplied()
	}
	var command *CommandError
	if errors.As(err, &command) {
		return command.Applied == AppliedNo
	}
	return err != nil && diagnose(err).applied == AppliedNo
}

// peerTextLimit bounds what a peer can put into our errors and logs.
const peerTextLimit = 200

// peerText is an error's text made safe for one line of a log: a peer chooses the
// text of an error reply.
func peerText(err error) string {
	if err == nil {
		return "no further detail"
	}
	var bounded *noMasterError // ours: what is a peer's in it has gone through here
	if errors.As(err, &bounded) {
		return bounded.Error()
	}
	return printable.Line(err.Error(), peerTextLimit)
}

// advice is how an error ends: what usually brings the class about, and what to do.
func (i ClassInfo) advice() string { return "likely: " + i.Causes + "; next: " + i.Next }

// plural counts a noun: "1 key", "2 keys".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
