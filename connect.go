package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"
)

const (
	// connectBackoffMin and connectBackoffMax bound the pause between attempts of
	// Connect: a server that is just starting is met within a quarter of a second.
	connectBackoffMin, connectBackoffMax = 50 * time.Millisecond, 250 * time.Millisecond
	// noRoomForAttempt is how much of the budget must be left for another attempt to make sense.
	noRoomForAttempt = 5 * time.Millisecond
)

// Connect opens and verifies a connection: name, TCP, TLS, user and password,
// database, not loading, an answer to PING. Failures that may pass by
// themselves are tried again, with jitter, until ctx or Timeouts.Connect ends;
// those that cannot (a wrong password, an untrusted certificate, no such
// database) end it at once. The error is a [*ConnectError].
//
// Callers at the same time share one attempt; on a client that is connected it
// returns nil. After a failure it may be called again.
func (c *Client) Connect(ctx context.Context) error {
	select {
	case c.connecting <- struct{}{}:
		defer func() { <-c.connecting }()
	case <-ctx.Done():
		return &ConnectError{Stage: StageDial, Addr: c.addr, Class: ClassTimeout, Err: ctx.Err()}
	}
	if !c.machine.to(StateConnecting, "Connect was called") {
		return c.alreadyBeyond()
	}
	c.gate.close(errConnecting, true)
	budget := c.config.Timeouts.Connect
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	err := c.connect(ctx)
	if err != nil {
		c.gate.close(err, false)
		c.machine.to(StateIdle, "Connect failed: "+string(ClassOf(err)))
	}
	return err
}

// alreadyBeyond is Connect's answer where there is nothing to connect.
func (c *Client) alreadyBeyond() error {
	switch c.State() {
	case StateDraining:
		return ErrDraining
	case StateClosed:
		return ErrClosed
	}
	return nil
}

// connectInBackground connects for as long as it takes.
func (c *Client) connectInBackground() {
	c.machine.to(StateConnecting, "Open was called, in the background")
	c.gate.close(errConnecting, true)
	c.background.Go(func() {
		for c.life.Err() == nil {
			if c.connect(c.life) == nil {
				return
			}
			select {
			case <-time.After(fatalRecheck):
			case <-c.life.Done():
			}
		}
	})
}

// connect makes attempts until one succeeds, fails for good, or ctx ends.
func (c *Client) connect(ctx context.Context) error {
	began := time.Now()
	target, err := c.newTarget()
	if err != nil {
		return &ConnectError{Stage: StageConfig, Addr: c.addr, Class: ClassConfig, Elapsed: time.Since(began), Err: err}
	}
	var last *ConnectError
	for attempt := 1; ; attempt++ {
		tried := time.Now()
		probe, facts, err := target.verify(ctx, c.stageReport)
		if err == nil {
			if c.install(target, probe, facts) {
				return nil
			}
			probe.close()
			err = &stageError{stage: StagePing, err: ErrClosed}
		}
		failed := &ConnectError{
			Stage: stageOf(err), Addr: c.addr, Class: connectClass(err), Attempts: attempt, Elapsed: time.Since(began), Err: cause(err),
		}
		// An attempt that the end of the budget cut short says less than the one before.
		if ctx.Err() == nil || last == nil {
			last = failed
		}
		last.Attempts, last.Elapsed = attempt, time.Since(began)
		c.attemptFailed(failed, time.Since(tried))
		if failed.Class.Info().Fatal || !c.pauseConnect(ctx) {
			target.dialer.end()
			c.stopEmbedded()
			return last
		}
	}
}

// connectClass is the class of an attempt's failure.
func connectClass(err error) Class {
	if errors.Is(err, ErrClosed) {
		return ClassClosed
	}
	return diagnose(err).class
}

// cause strips the stage, which the ConnectError names itself.
func cause(err error) error {
	var stage *stageError
	if errors.As(err, &stage) {
		return stage.err
	}
	return err
}

// pauseConnect waits before the next attempt and reports whether there is room for one.
func (c *Client) pauseConnect(ctx context.Context) bool {
	pause := connectBackoffMin + rand.N(connectBackoffMax-connectBackoffMin)
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left < noRoomForAttempt {
			return false
		}
		pause = min(pause, left-noRoomForAttempt)
	}
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// attemptFailed tells of an attempt: the calls that wait, the flight recorder
// and, once for each kind of failure in a row, the log.
func (c *Client) attemptFailed(err *ConnectError, took time.Duration) {
	c.gate.close(err, !err.Class.Info().Fatal)
	c.recorder.record(Event{
		Kind: EventAttempt, Stage: err.Stage, Class: err.Class, Attempt: err.Attempts, Took: took, Detail: peerText(err.Err),
	})
	level := slog.LevelWarn
	if err.Class == c.toldClass {
		level = slog.LevelDebug
	}
	c.toldClass = err.Class
	c.log.Log(background, level, "redis connect attempt failed", "attempt", err.Attempts, "stage", string(err.Stage), "class", string(err.Class), "error", peerText(err.Err))
}

// stageReport records a stage that holds.
func (c *Client) stageReport(stage Stage, took time.Duration, detail string) {
	c.recorder.record(Event{Kind: EventStage, Stage: stage, Took: took, Detail: detail})
}

// newTarget reads what the configuration names: the password file and the
// certificates. What is unwise but possible becomes a warning.
func (c *Client) newTarget() (*target, error) {
	began := time.Now()
	cfg := c.config.Clone()
	warnings := cfg.Lint()
	if path := cfg.Connection.PasswordFile; path != "" {
		password, more, err := readPasswordFile(path)
		if err != nil {
			return nil, err
		}
		cfg.Connection.Password = password
		warnings = append(warnings, more...)
	}
	d := &dialer{network: addressNetwork(c.addr), addr: c.addr, timeout: cfg.Timeouts.Dial}
	if cfg.TLS.Enabled {
		tls, more, err := cfg.TLS.load(addressHost(c.addr))
		if err != nil {
			return nil, err
		}
		d.tls = tls
		warnings = append(warnings, more...)
	}
	if err := c.chooseDialer(d, cfg); err != nil {
		return nil, err
	}
	d.life, d.end = context.WithCancel(c.life)
	for _, w := range warnings {
		c.recorder.record(Event{Kind: EventWarning, Warning: &w, Detail: w.String()})
	}
	logWarnings(c.log, warnings)
	c.stageReport(StageConfig, time.Since(began), "the configuration is valid, "+plural(len(warnings), "warning"))
	return &target{config: cfg, dialer: d}, nil
}

func logWarnings(log *slog.Logger, warnings []Warning) {
	for _, w := range warnings {
		log.Warn("redis configuration: "+w.Text, "code", w.Code, "field", w.Field, "fix", w.Fix)
	}
}

// chooseDialer decides what opens the stream.
func (c *Client) chooseDialer(d *dialer, cfg Config) error {
	switch {
	case cfg.Mode == ModeEmbedded:
		if err := c.opts.embedded.Start(); err != nil {
			return err
		}
		c.embeds.Store(true)
		c.log.Warn("redis is embedded in this process: for development and tests, not for production")
		d.own = true
		d.open = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.opts.embedded.Dial(ctx) }
	case c.opts.dial != nil:
		d.own = true
		d.open = c.opts.dial
	default:
		d.open = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	return nil
}

// install makes a verified connection the current generation and begins to
// watch it. It reports false when the client was shut down meanwhile.
func (c *Client) install(t *target, p *probe, facts serverFacts) bool {
	c.installing.Lock()
	defer c.installing.Unlock()
	g := newGeneration(1, t, c.hooks)
	if !c.machine.to(StateReady, "verified") {
		_ = g.close() // it never carried anything
		return false
	}
	c.generation.Store(g)
	m := newMonitor(c, t, p, facts)
	c.monitor.Store(m)
	registerDriverLog(c)
	c.background.Go(func() { m.run(c.life) })
	c.gate.open()
	return true
}

// stopEmbedded closes the embedded server if this client started it: one that
// several clients share counts them.
func (c *Client) stopEmbedded() {
	if c.embeds.CompareAndSwap(true, false) {
		c.opts.embedded.Close()
	}
}
