package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// proof is what connecting proved, stage by stage.
type proof struct {
	steps    []step // of the last attempt, in the order of redisconn.Stages, none left out but that of sentinels where there are none
	warnings []redisconn.Warning
	attempts int                     // that failed
	class    redisconn.Class         // of the failure; empty when everything is proved
	problems []*redisconn.FieldError // behind ClassConfig
	took     time.Duration
}

// step is one stage of a proof.
type step struct {
	stage  redisconn.Stage
	result mark
	said   string // what was proved, what failed, or why nothing was tried
	took   time.Duration
}

// unproved is the proof of a configuration that cannot even be tried.
func unproved(problems []*redisconn.FieldError) *proof {
	broken := step{stage: redisconn.StageConfig, result: failed, said: plural(len(problems), "problem")}
	p := &proof{class: redisconn.ClassConfig, problems: problems, steps: []step{broken}}
	p.complete(redisconn.Config{})
	return p
}

// prove connects the client and keeps what its events tell. With once it makes
// one attempt, without it tries for as long as another attempt may succeed and
// ctx lasts. Once something failed, progress hears of it again and again.
func prove(ctx context.Context, client *redisconn.Client, once bool, progress func(redisconn.Event)) *proof {
	began := time.Now()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	events, stop := client.Events(1024)
	w := &witness{proved: map[redisconn.Stage]step{}}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		again := time.NewTicker(progressPause)
		defer again.Stop()
		for {
			select {
			case e, more := <-events:
				if !more {
					return
				}
				w.hear(e)
				if once && w.failure != nil {
					giveUp() // before Connect's pause for the next attempt is over
				}
			case <-again.C:
			}
			if w.failure != nil {
				progress(*w.failure)
			}
		}
	}()
	var attempts int
	err := client.Connect(ctx)
	for err != nil && !once && !redisconn.ClassOf(err).Info().Fatal && pause(ctx) {
		attempts += attemptsOf(err)
		err = client.Connect(ctx)
	}
	if attempts += attemptsOf(err); once {
		attempts = min(attempts, 1) // a second one may have begun before the first one's end was known
	}
	stop()
	<-heard
	p := w.proof(client.Config(), err)
	p.attempts, p.took = attempts, time.Since(began)
	return p
}

const (
	// connectPause is how long a client rests that used up its own
	// Timeouts.Connect while there is time left to wait.
	connectPause = 250 * time.Millisecond
	// progressPause is how often whoever waits hears that there is nothing new.
	progressPause = time.Second
)

// pause rests and reports whether ctx goes on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(connectPause):
		return true
	case <-ctx.Done():
		return false
	}
}

// attemptsOf is how many attempts a Connect made that failed.
func attemptsOf(err error) int {
	var connect *redisconn.ConnectError
	if errors.As(err, &connect) {
		return connect.Attempts
	}
	return 0
}

// witness hears a client's events. The client tells of a stage when it holds for
// the first time, and of attempts that fail when the failure is another one.
type witness struct {
	warnings []redisconn.Warning
	proved   map[redisconn.Stage]step
	failure  *redisconn.Event // the last
}

func (w *witness) hear(e redisconn.Event) {
	switch e.Kind {
	case redisconn.EventWarning:
		w.warnings = append(w.warnings, *e.Warning)
	case redisconn.EventStage:
		w.proved[e.Stage] = step{e.Stage, passed, e.Detail, e.Took}
	case redisconn.EventAttempt:
		w.failure = &e
	}
}

// proof is what was heard, once Connect has returned err.
func (w *witness) proof(cfg redisconn.Config, err error) *proof {
	p := &proof{}
	switch {
	case redisconn.ClassOf(err) == redisconn.ClassConfig:
		p = unproved(redisconn.FieldErrors(err))
	case err == nil:
		for _, s := range w.proved {
			p.steps = append(p.steps, s)
		}
	case w.failure != nil:
		p.class = w.failure.Class
		p.steps = w.stepsUntil(*w.failure)
	default: // it was interrupted before there was anything to tell
		p.class = redisconn.ClassOf(err)
	}
	p.warnings = w.warnings
	p.complete(cfg)
	return p
}

// stepsUntil are the steps up to the one that broke. Its time is what is left of
// the attempt's.
func (w *witness) stepsUntil(broken redisconn.Event) []step {
	var steps []step
	took := broken.Took
	for _, stage := range redisconn.Stages() {
		if stage == broken.Stage {
			break
		}
		if s, ok := w.proved[stage]; ok {
			steps = append(steps, s)
			if stage != redisconn.StageConfig { // proved before the first attempt
				took -= s.took
			}
		}
	}
	return append(steps, step{broken.Stage, failed, broken.Detail, max(took, 0)})
}

// complete adds the stages that were not tried, each with the reason.
func (p *proof) complete(cfg redisconn.Config) {
	tried := map[redisconn.Stage]step{}
	for _, s := range p.steps {
		tried[s.stage] = s
	}
	broken := p.failure().stage
	p.steps = nil
	for _, stage := range redisconn.Stages() {
		if stage == redisconn.StageDiscover && !hasSentinels(cfg) {
			continue
		}
		s, ok := tried[stage]
		if !ok {
			s = step{stage: stage, result: skipped, said: "not checked, needs " + string(broken)}
			if reason := notNeeded(stage, cfg); reason != "" && broken != redisconn.StageConfig {
				s.said = reason
			}
		}
		p.steps = append(p.steps, s)
	}
}

// failure is the stage that broke; the zero step when none did.
func (p *proof) failure() step {
	for _, s := range p.steps {
		if s.result == failed {
			return s
		}
	}
	return step{}
}

// count is the number of stages with that result.
func (p *proof) count(result mark) int {
	n := 0
	for _, s := range p.steps {
		if s.result == result {
			n++
		}
	}
	return n
}

// hasSentinels reports whether the addresses of a valid configuration are those of sentinels.
func hasSentinels(cfg redisconn.Config) bool { return cfg.Sentinel.Master != "" }

// notNeeded says why a stage has nothing to prove under this configuration; it
// is empty for one that has.
func notNeeded(stage redisconn.Stage, cfg redisconn.Config) string {
	switch {
	case stage == redisconn.StageTLS && !cfg.TLS.Enabled:
		return "not asked for, the link is in clear"
	case stage != redisconn.StageResolve:
		return ""
	case hasSentinels(cfg):
		return "not needed, the sentinels name an address"
	case cfg.Mode == redisconn.ModeEmbedded:
		return "not needed, the server is in this process"
	}
	for _, addr := range cfg.Connection.Addrs {
		if strings.HasPrefix(addr, "/") {
			return "not needed, a unix socket has no name"
		}
		host, _, _ := net.SplitHostPort(addr) // validated
		if _, err := netip.ParseAddr(host); err == nil {
			return "not needed, " + host + " is an address"
		}
	}
	return ""
}
