package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// The limits of a chunk. A thousand commands hide the round trip; more of them
// only make the server hold more replies.
const (
	defaultChunkCount = 1000
	defaultChunkBytes = 1 << 20
)

// keptFailures is how many failures a PipelineResult keeps; the rest are counted.
const keptFailures = 100

// PipelineOption changes how RunPipeline works.
type PipelineOption func(*pipelineRun)

// WithChunk sends after count commands or about bytes bytes of them, whichever
// comes first, instead of 1,000 and 1 MiB. Zero keeps the default. Bytes count
// what is sent; a chunk of commands with large replies wants a small count.
func WithChunk(count, bytes int) PipelineOption {
	return func(r *pipelineRun) {
		if count > 0 {
			r.chunkCount = count
		}
		if bytes > 0 {
			r.chunkBytes = bytes
		}
	}
}

// WithProgress calls fn after each chunk, on the goroutine of RunPipeline.
func WithProgress(fn func(PipelineProgress)) PipelineOption {
	return func(r *pipelineRun) { r.progress = fn }
}

// WithOutcome calls fn with the outcome of every command, in their order, on
// the goroutine of RunPipeline: for pipelines whose failures are too many to be
// kept, or whose successes count as well.
func WithOutcome(fn func(Outcome)) PipelineOption {
	return func(r *pipelineRun) { r.outcome = fn }
}

// PipelineProgress is how far a pipeline has come.
type PipelineProgress struct {
	Commands  int           // commands that were sent
	Succeeded int           // of these, executed
	Failed    int           // of these, failed
	Chunks    int           // chunks that were sent
	Elapsed   time.Duration // since RunPipeline was called
}

// PipelineResult is what became of a pipeline.
// Commands = Succeeded + Failed + Unsent.
type PipelineResult struct {
	Commands     int           // commands that were queued
	Succeeded    int           // commands that the server executed; one that answers redis.Nil is among them
	Failed       int           // commands that were sent, or tried to be, and failed
	MaybeApplied int           // of these, commands that may have been executed nevertheless
	Unsent       int           // commands that were never tried, because the pipeline ended before
	Chunks       int           // chunks that were sent
	Took         time.Duration // from the call to the end

	addr     string
	cause    error         // what the function returned
	failures []Outcome     // the first of them
	only     []redis.Cmder // the commands of a pipeline of one chunk
}

// Failures returns the failed commands, the first 100 of them; Failed counts
// all. Commands that were never tried are not among them.
func (r *PipelineResult) Failures() []Outcome { return slices.Clone(r.failures) }

// Outcomes returns the outcome of each command of a pipeline that fitted into
// one chunk. Of a longer one, whose commands are dropped as they finish, it is
// Failures; see [WithOutcome].
func (r *PipelineResult) Outcomes() []Outcome {
	if r.only == nil {
		return r.Failures()
	}
	outcomes := make([]Outcome, len(r.only))
	for i, cmd := range r.only {
		outcomes[i] = outcomeOf(i, cmd)
	}
	return outcomes
}

// Err returns nil when every command that was queued succeeded, and a
// [*PipelineError] otherwise.
func (r *PipelineResult) Err() error {
	if r.cause == nil && r.Failed == 0 && r.Unsent == 0 {
		return nil
	}
	return &PipelineError{Result: r}
}

// PipelineError is a pipeline of which not all commands succeeded. errors.Is
// and errors.As reach what its function returned and every failure that is
// kept; [ErrMaybeApplied] is there when any command may have been applied, and
// [SafeToRetry] holds for the whole pipeline.
type PipelineError struct {
	Result *PipelineResult
}

// Error names the first failures and counts the rest.
func (e *PipelineError) Error() string {
	r := e.Result
	var parts []string
	if r.cause != nil {
		parts = append(parts, "its function returned: "+peerText(r.cause))
	}
	if r.Failed > 0 {
		text := fmt.Sprintf("%d of %s failed", r.Failed, plural(r.Commands, "command"))
		if r.MaybeApplied > 0 {
			text += fmt.Sprintf(", %d of them may have been applied", r.MaybeApplied)
		}
		parts = append(parts, text+": "+listOutcomes(r.failures, r.Failed))
	}
	if r.Unsent > 0 {
		parts = append(parts, plural(r.Unsent, "command")+" not sent")
	}
	if len(r.failures) > 0 {
		parts = append(parts, ClassOf(r.failures[0].Err).Info().advice())
	}
	return "redisconn: pipeline on " + r.addr + ": " + strings.Join(parts, "; ")
}

// Unwrap returns what the function returned, the failures that are kept, and ErrMaybeApplied where it holds.
func (e *PipelineError) Unwrap() []error {
	var errs []error
	if e.Result.cause != nil {
		errs = append(errs, e.Result.cause)
	}
	if e.Result.MaybeApplied > 0 {
		errs = append(errs, ErrMaybeApplied)
	}
	for _, o := range e.Result.failures {
		errs = append(errs, o.Err)
	}
	return errs
}

func (e *PipelineError) nothingApplied() bool {
	return e.Result.Succeeded == 0 && e.Result.MaybeApplied == 0
}

// RunPipeline sends the commands that fn queues, and says of each what became
// of it. A pipeline is no transaction: the commands run in order, others may run
// between them, and one that fails does not keep the next from running.
//
// They go in chunks, the first while fn still queues: a million commands take
// the memory of one chunk, and commands whose chunk was sent carry their result
// before fn has returned. Every chunk has a time budget of its own where ctx has
// no deadline. What of a chunk may be sent again after a failure is; see
// [RetryConfig]. A chunk that cannot be sent, or is not answered in time, ends
// the pipeline: the commands behind it fail at once, in fn as well, and are
// counted as Unsent. So are those that are not sent yet when fn returns an error.
// A drain lets the chunk that is under way finish, and ends the pipeline there.
//
// The result is never nil. The error is its Err: nil only when every command
// succeeded. The Pipeliner is for the goroutine that fn runs on, and until fn
// returns; its Exec sends what is queued at once.
func (c *Client) RunPipeline(ctx context.Context, fn func(p redis.Pipeliner) error, opts ...PipelineOption) (*PipelineResult, error) {
	run := &pipelineRun{
		batch:      c.newBatch(),
		ctx:        ctx,
		began:      time.Now(),
		chunkCount: defaultChunkCount,
		chunkBytes: defaultChunkBytes,
		result:     &PipelineResult{addr: c.server()},
	}
	for _, opt := range opts {
		opt(run)
	}
	run.admit, run.send = run.makeRoom, run.exec
	if err := fn(run.batch); err != nil {
		run.result.cause = err
		left, _ := run.take()
		run.skip(left, c.neverSent("pipeline", ClassUnknown, errWithdrawn))
	} else {
		run.flush(ctx)
	}
	run.end()
	run.result.Took = time.Since(run.began)
	return run.result, run.result.Err()
}

// errWithdrawn: the function that queued a command failed before it was sent.
var errWithdrawn = errors.New("not sent, because the function that queued it returned an error")

// pipelineRun is one RunPipeline under way.
type pipelineRun struct {
	*batch
	ctx        context.Context
	began      time.Time
	chunkCount int
	chunkBytes int
	progress   func(PipelineProgress)
	outcome    func(Outcome)
	stopped    error // what every further command fails with
	result     *PipelineResult
}

// makeRoom sends the chunk that the next command does not fit into any more.
// Only then, and not when the chunk is full: no command may be sent before the
// call that queues it is over, because that call sets its error.
func (r *pipelineRun) makeRoom(cmd redis.Cmder, size int) error {
	if len(r.cmds) >= r.chunkCount || len(r.cmds) > 0 && r.bytes+size > r.chunkBytes {
		r.flush(r.ctx)
	}
	if r.stopped != nil {
		r.skip([]redis.Cmder{cmd}, r.stopped)
	}
	return r.stopped
}

// exec is the Exec of the Pipeliner.
func (r *pipelineRun) exec(ctx context.Context) ([]redis.Cmder, error) {
	cmds := r.flush(ctx)
	if len(cmds) == 0 {
		return nil, r.stopped
	}
	return cmds, firstError(cmds)
}

// flush sends what is queued as a chunk. The result has every error of it.
func (r *pipelineRun) flush(ctx context.Context) []redis.Cmder {
	cmds, misfits := r.take()
	if len(cmds) == 0 {
		return nil
	}
	if sent := sendable(cmds, misfits); len(sent) > 0 {
		err := r.client.hooks.current.Load().pipeline(ctx, sent)
		if err != nil && firstError(sent) == nil {
			failAll(sent, err) // a hook's own error
		}
		r.stopped = r.endedBy(sent[len(sent)-1])
	}
	r.count(cmds)
	r.result.Commands += len(cmds)
	r.result.Chunks++
	if r.progress != nil {
		r.progress(PipelineProgress{
			Commands: r.result.Commands, Succeeded: r.result.Succeeded, Failed: r.result.Failed,
			Chunks: r.result.Chunks, Elapsed: time.Since(r.began),
		})
	}
	return cmds
}

// endedBy returns what the commands behind a chunk fail with when they are not
// worth a try. Its last command tells: what that met is still there. A connection
// that broke is not, and what could not be sent again of that chunk was told so.
func (r *pipelineRun) endedBy(last redis.Cmder) error {
	err := last.Err()
	if err == nil || err == redis.Nil {
		return nil
	}
	class, cause := ClassOf(err), err
	var command *CommandError
	switch {
	case errors.As(err, &command):
		if class == ClassLost && command.Applied == AppliedMaybe {
			return nil
		}
		cause = command.Err
	case !isOpen(last):
		return nil
	}
	stop := errEarlierChunk
	if cause != nil {
		stop = fmt.Errorf("%w: %w", errEarlierChunk, cause)
	}
	return r.client.neverSent("pipeline", class, stop)
}

// errEarlierChunk: a command was not sent, because the one before it found nobody to answer.
var errEarlierChunk = errors.New("not sent, because an earlier chunk ended the pipeline")

// count enters the outcomes of a chunk.
func (r *pipelineRun) count(cmds []redis.Cmder) {
	result := r.result
	r.remember(cmds)
	for i, cmd := range cmds {
		if err := cmd.Err(); err == nil || err == redis.Nil {
			result.Succeeded++
			if r.outcome == nil {
				continue
			}
		}
		o := outcomeOf(result.Commands+i, cmd)
		if r.outcome != nil {
			r.outcome(o)
		}
		if o.Err == nil {
			continue
		}
		result.Failed++
		if o.Applied == AppliedMaybe {
			result.MaybeApplied++
		}
		if len(result.failures) < keptFailures {
			result.failures = append(result.failures, o)
		}
	}
}

// skip enters commands that are not sent.
func (r *pipelineRun) skip(cmds []redis.Cmder, err error) {
	if len(cmds) == 0 {
		return
	}
	r.remember(cmds)
	failAll(cmds, err)
	for i, cmd := range cmds {
		if r.outcome != nil {
			r.outcome(outcomeOf(r.result.Commands+i, cmd))
		}
	}
	r.result.Commands += len(cmds)
	r.result.Unsent += len(cmds)
}

// remember keeps the commands of the first chunk for Outcomes, until there is a second.
func (r *pipelineRun) remember(cmds []redis.Cmder) {
	r.result.only = nil
	if r.result.Commands == 0 {
		r.result.only = cmds
	}
}
