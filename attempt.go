package redisconn

import (
	"context"
	"log/slog"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// attempt is a Connect or a reload under way. Callers at the same time share it.
type attempt struct {
	done   chan struct{} // closed when the rest is set
	err    error
	gaveUp bool // its own caller's context ended: that says nothing to those who share it
}

// attempts knows the attempt under way.
type attempts struct {
	mu      sync.Mutex // guards current
	current *attempt
}

// join returns the attempt under way, or begins one that is the caller's to make.
func (s *attempts) join() (_ *attempt, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return s.current, false
	}
	s.current = &attempt{done: make(chan struct{})}
	return s.current, true
}

// conclude makes the outcome of the attempt known.
func (s *attempts) conclude(a *attempt, err error, gaveUp bool) {
	a.err, a.gaveUp = err, gaveUp
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	close(a.done)
}

// share runs do, or waits for the caller who does. Where that one gave up itself,
// the next begins anew.
func (s *attempts) share(ctx context.Context, do func() error) error {
	for {
		a, mine := s.join()
		if mine {
			err := do()
			s.conclude(a, err, ctx.Err() != nil)
			return err
		}
		select {
		case <-a.done:
			if !a.gaveUp {
				return a.err
			}
		case <-ctx.Done():
			return &sharedInVain{ctx.Err()}
		}
	}
}

// sharedInVain: the context of a caller ended who waited for what another did.
type sharedInVain struct{ ended error }

func (e *sharedInVain) Error() string {
	return "another caller's attempt is still under way: " + e.ended.Error()
}
func (e *sharedInVain) Unwrap() error { return e.ended }

// await waits for the attempt under way, if there is one.
func (s *attempts) await(ctx context.Context) {
	s.mu.Lock()
	a := s.current
	s.mu.Unlock()
	if a == nil {
		return
	}
	select {
	case <-a.done:
	case <-ctx.Done():
	}
}

// waitedInVain is the error of a caller whose context ended before the attempt
// that it shared: what that one met last says more than that time was up.
func (c *Client) waitedInVain(ended error) error {
	failed := ConnectError{Stage: StageDial, Addr: c.addr, Class: diagnose(ended).class, Err: ended}
	if out := c.gate.outage.Load(); out != nil {
		if last, ok := out.cause.(*ConnectError); ok {
			failed = *last
			failed.ended = ended
		}
	}
	return &failed
}

// told is what the attempts to connect have told so far. A thousand of them that
// differ in nothing but their number leave few traces: in the background they
// may go on for weeks.
type told struct {
	stages   []Stage
	warnings []Warning
	stage    Stage // of the last failure
	class    Class // of the last failure
}

// stageReport records a stage that holds, the first time that it does.
func (c *Client) stageReport(stage Stage, took time.Duration, detail string) {
	if slices.Contains(c.told.stages, stage) {
		return
	}
	c.told.stages = append(c.told.stages, stage)
	c.recorder.record(Event{Kind: EventStage, Stage: stage, Took: took, Detail: detail})
}

// tellWarnings tells what is unwise about the configuration or its files.
func (c *Client) tellWarnings(warnings []Warning) {
	known := func(w Warning) bool { return slices.Contains(c.told.warnings, w) }
	warnings = slices.DeleteFunc(slices.Clone(warnings), known)
	c.told.warnings = append(c.told.warnings, warnings...)
	for _, w := range warnings {
		c.recorder.record(Event{Kind: EventWarning, Warning: &w, Detail: w.String()})
	}
	logWarnings(c.log, warnings)
}

func logWarnings(log *slog.Logger, warnings []Warning) {
	for _, w := range warnings {
		log.Warn("redis configuration: "+w.Text, "code", w.Code, "field", w.Field, "fix", w.Fix)
	}
}

// attemptFailed tells of an attempt. The calls that wait, and the log, hear of
// each kind of failure in a row once, the flight recorder also of attempts 2, 4,
// 8 and so on.
func (c *Client) attemptFailed(err *ConnectError, took time.Duration) {
	repeated := err.Stage == c.told.stage && err.Class == c.told.class
	c.told.stage, c.told.class = err.Stage, err.Class
	level := slog.LevelDebug
	if !repeated {
		level = slog.LevelWarn
		c.gate.close(err, !err.Class.Info().Fatal)
	}
	if !repeated || err.Attempts > 1 && bits.OnesCount(uint(err.Attempts)) == 1 {
		c.recorder.record(Event{
			Kind: EventAttempt, Stage: err.Stage, Class: err.Class, Attempt: err.Attempts, Took: took, Detail: peerText(err.Err),
		})
	}
	c.log.Log(background, level, "redis connect attempt failed", "attempt", err.Attempts, "stage", string(err.Stage), "class", string(err.Class), "error", peerText(err.Err))
}
