package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// Proof is what connecting proved, stage by stage: the short form of an examination.
type Proof struct {
	Steps    []Step // of the last attempt, in the order of redisconn.Stages, none left out but that of sentinels where there are none
	Warnings []redisconn.Warning
	Attempts int                     // that failed
	Class    redisconn.Class         // of the failure; empty when everything is proved
	Problems []*redisconn.FieldError // behind ClassConfig
	Took     time.Duration
}

// Step is one stage of a proof.
type Step struct {
	Stage   redisconn.Stage
	Outcome Outcome // pass, fail or skip
	Said    string  // what was proved, what failed, or why nothing was tried
	Took    time.Duration
}

// Unproved is the proof of a configuration that cannot even be tried.
func Unproved(problems []*redisconn.FieldError) *Proof {
	broken := Step{Stage: redisconn.StageConfig, Outcome: OutcomeFail, Said: plural(len(problems), "problem")}
	p := &Proof{Class: redisconn.ClassConfig, Problems: problems, Steps: []Step{broken}}
	p.complete(redisconn.Config{})
	return p
}

// Prove connects the client and keeps what its events tell. With once it makes
// one attempt, without it tries for as long as another attempt may succeed and
// ctx lasts. Once something failed, progress hears of it again and again.
func Prove(ctx context.Context, client *redisconn.Client, once bool, progress func(redisconn.Event)) *Proof {
	began := time.Now()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	events, stop := client.Events(1024)
	w := &witness{proved: map[redisconn.Stage]Step{}}
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
	p.Attempts, p.Took = attempts, time.Since(began)
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
	proved   map[redisconn.Stage]Step
	cluster  string           // what was found of one
	failure  *redisconn.Event // the last
}

func (w *witness) hear(e redisconn.Event) {
	switch e.Kind {
	case redisconn.EventWarning:
		w.warnings = append(w.warnings, *e.Warning)
	case redisconn.EventStage:
		w.proved[e.Stage] = Step{e.Stage, OutcomePass, e.Detail, e.Took}
	case redisconn.EventTopology:
		if strings.HasPrefix(e.Detail, "cluster") && w.cluster == "" {
			w.cluster = e.Detail
		}
	case redisconn.EventAttempt:
		w.failure = &e
	}
}

// proof is what was heard, once Connect has returned err.
func (w *witness) proof(cfg redisconn.Config, err error) *Proof {
	p := &Proof{}
	switch {
	case len(redisconn.FieldErrors(err)) > 0:
		p = Unproved(redisconn.FieldErrors(err))
	case err == nil:
		for _, s := range w.proved {
			if s.Stage == redisconn.StageReady && w.cluster != "" {
				s.Said += "; " + w.cluster
			}
			p.Steps = append(p.Steps, s)
		}
	case w.failure != nil:
		p.Class = w.failure.Class
		p.Steps = w.stepsUntil(*w.failure)
	default: // it was interrupted before there was anything to tell
		p.Class = redisconn.ClassOf(err)
	}
	p.Warnings = w.warnings
	p.complete(cfg)
	return p
}

// stepsUntil are the steps up to the one that broke. Its time is what is left of
// the attempt's.
func (w *witness) stepsUntil(broken redisconn.Event) []Step {
	var steps []Step
	took := broken.Took
	for _, stage := range redisconn.Stages() {
		if stage == broken.Stage {
			break
		}
		if s, ok := w.proved[stage]; ok {
			steps = append(steps, s)
			if stage != redisconn.StageConfig { // proved before the first attempt
				took -= s.Took
			}
		}
	}
	return append(steps, Step{broken.Stage, OutcomeFail, broken.Detail, max(took, 0)})
}

// complete adds the stages that were not tried, each with the reason: those
// before the one that broke were not needed, those after it need it.
func (p *Proof) complete(cfg redisconn.Config) {
	tried := map[redisconn.Stage]Step{}
	for _, s := range p.Steps {
		tried[s.Stage] = s
	}
	broken := p.Failure().Stage
	beyond := false
	p.Steps = nil
	for _, stage := range redisconn.Stages() {
		if stage == redisconn.StageDiscover && !hasSentinels(cfg) {
			continue
		}
		s, ok := tried[stage]
		if !ok {
			s = Step{Stage: stage, Outcome: OutcomeSkip, Said: "not needed"}
			if beyond {
				s.Said = "not checked, needs " + string(broken)
			}
			if reason := notNeeded(stage, cfg); reason != "" && broken != redisconn.StageConfig {
				s.Said = reason
			}
		}
		beyond = beyond || stage == broken
		p.Steps = append(p.Steps, s)
	}
}

// Step is what is known of a stage; the zero step where there is none.
func (p *Proof) Step(stage redisconn.Stage) Step {
	for _, s := range p.Steps {
		if s.Stage == stage {
			return s
		}
	}
	return Step{}
}

// Failure is the stage that broke; the zero step when none did.
func (p *Proof) Failure() Step {
	for _, s := range p.Steps {
		if s.Outcome == OutcomeFail {
			return s
		}
	}
	return Step{}
}

// Count is the number of stages with that outcome.
func (p *Proof) Count(outcome Outcome) int {
	n := 0
	for _, s := range p.Steps {
		if s.Outcome == outcome {
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
