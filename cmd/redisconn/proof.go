package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// proof is what connecting proved, stage by stage.
type proof struct {
	steps    []step // of the last attempt, in the order of redisconn.Stages, none left out
	warnings []redisconn.Warning
	attempts int
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
// ctx lasts. Each attempt that fails is told to progress.
func prove(ctx context.Context, client *redisconn.Client, once bool, progress func(redisconn.Event)) *proof {
	began := time.Now()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	events, stop := client.Events(1024)
	w := &witness{}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for e := range events {
			if once && w.attempts > 0 {
				continue // the second attempt was begun before the first one's end was known
			}
			w.hear(e)
			if e.Kind == redisconn.EventAttempt {
				progress(e)
				if once {
					giveUp() // before Connect's pause for the next attempt is over
				}
			}
		}
	}()
	err := client.Connect(ctx)
	for err != nil && !once && !redisconn.ClassOf(err).Info().Fatal && pause(ctx) {
		err = client.Connect(ctx)
	}
	stop()
	<-heard
	return w.proof(client.Config(), err, time.Since(began))
}

// connectPause is how long a client rests that used up its own Timeouts.Connect
// while there is time left to wait.
const connectPause = 250 * time.Millisecond

// pause rests and reports whether ctx goes on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(connectPause):
		return true
	case <-ctx.Done():
		return false
	}
}

// witness hears a client's events.
type witness struct {
	warnings      []redisconn.Warning
	attempts      int
	configuration []step // proved once, before the first attempt
	current       []step // of the attempt under way
	last          []step // of the last attempt that failed
	class         redisconn.Class
}

// hear takes an event in.
func (w *witness) hear(e redisconn.Event) {
	switch e.Kind {
	case redisconn.EventWarning:
		if !slices.Contains(w.warnings, *e.Warning) {
			w.warnings = append(w.warnings, *e.Warning)
		}
	case redisconn.EventStage:
		s := step{e.Stage, passed, e.Detail, e.Took}
		if e.Stage == redisconn.StageConfig {
			w.configuration = []step{s}
		} else {
			w.current = append(w.current, s)
		}
	case redisconn.EventAttempt:
		w.attempts++
		w.class = e.Class
		w.last = w.stepsUntil(e)
		w.current = nil
	}
}

// stepsUntil are the steps up to the one that broke. An attempt that the end of
// the time cut short tells of the failure that the one before it met; it may
// have come less far than that, or further.
func (w *witness) stepsUntil(e redisconn.Event) []step {
	proved := map[redisconn.Stage]step{}
	for _, s := range slices.Concat(w.last, w.current) {
		if s.result == passed {
			proved[s.stage] = s
		}
	}
	var steps []step
	took := e.Took
	for _, stage := range redisconn.Stages() {
		if stage == e.Stage {
			break
		}
		if s, ok := proved[stage]; ok {
			steps = append(steps, s)
			took -= s.took
		}
	}
	return append(steps, step{e.Stage, failed, e.Detail, max(took, 0)})
}

// proof is what was heard, once Connect has returned err.
func (w *witness) proof(cfg redisconn.Config, err error, took time.Duration) *proof {
	if redisconn.ClassOf(err) == redisconn.ClassConfig {
		p := unproved(redisconn.FieldErrors(err))
		p.warnings, p.took = w.warnings, took
		return p
	}
	p := &proof{warnings: w.warnings, attempts: w.attempts, took: took}
	if err == nil {
		p.attempts++
		p.steps = slices.Concat(w.configuration, w.current)
	} else {
		p.class = w.class
		p.steps = slices.Concat(w.configuration, w.last)
	}
	p.complete(cfg)
	return p
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

// notNeeded says why a stage has nothing to prove under this configuration; it
// is empty for one that has.
func notNeeded(stage redisconn.Stage, cfg redisconn.Config) string {
	switch {
	case stage == redisconn.StageTLS && !cfg.TLS.Enabled:
		return "not asked for, the link is in clear"
	case stage != redisconn.StageResolve:
		return ""
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
