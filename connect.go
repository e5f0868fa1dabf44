package redisconn

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

const (
	// connectBackoffMin and connectBackoffMax bound the pause between attempts of
	// Connect: a server that is just starting is met within a quarter of a second,
	// the attempt itself included.
	connectBackoffMin, connectBackoffMax = 50 * time.Millisecond, 200 * time.Millisecond
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
// returns nil, and on one that was shut down, also meanwhile, [ErrDraining] or
// [ErrClosed]. After a failure it may be called again.
func (c *Client) Connect(ctx context.Context) error {
	for {
		a, mine := c.attempts.join()
		if mine {
			err := c.connectOnce(ctx)
			c.attempts.conclude(a, err, ctx.Err() != nil)
			return err
		}
		select {
		case <-a.done:
			if !a.gaveUp {
				return a.err
			}
		case <-ctx.Done():
			return c.waitedInVain(ctx.Err())
		}
	}
}

// connectOnce is Connect for the one caller who does it.
func (c *Client) connectOnce(ctx context.Context) error {
	if !c.machine.to(StateConnecting, "Connect was called") {
		return c.alreadyBeyond()
	}
	c.told = told{}
	c.gate.close(errConnecting, true)
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeouts.Connect)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	err := c.connect(ctx)
	if c.generation.Load() == nil {
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

// connectInBackground connects for as long as it takes. Connect, called
// meanwhile, shares the attempt.
func (c *Client) connectInBackground() {
	a, _ := c.attempts.join() // nobody else has the client yet
	c.machine.to(StateConnecting, "Open was called, in the background")
	c.gate.close(errConnecting, true)
	c.background.Go(func() {
		err := c.connect(c.life)
		for err != nil && c.life.Err() == nil {
			select {
			case <-time.After(fatalRecheck):
				err = c.connect(c.life)
			case <-c.life.Done():
			}
		}
		if err != nil {
			err = c.alreadyBeyond()
		}
		c.attempts.conclude(a, err, false)
	})
}

// connect makes attempts until one succeeds, fails for good, or ctx ends.
func (c *Client) connect(ctx context.Context) error {
	began := time.Now()
	target, err := c.newTarget()
	if err != nil {
		failed := &ConnectError{Stage: StageConfig, Addr: c.addr, Class: ClassConfig, Elapsed: time.Since(began), Err: err}
		c.attemptFailed(failed, failed.Elapsed)
		return failed
	}
	var met *ConnectError
	for attempt := 1; ; attempt++ {
		tried := time.Now()
		err := c.try(ctx, target)
		if err == nil || c.life.Err() != nil {
			return c.alreadyBeyond()
		}
		failed := &ConnectError{
			Stage: stageOf(err), Addr: c.addr, Class: diagnose(err).class, Attempts: attempt, Elapsed: time.Since(began), Err: cause(err),
		}
		if isOver(ctx) && met != nil {
			// An attempt that was cut short says less than the one before.
			failed.Stage, failed.Class, failed.Err = met.Stage, met.Class, met.Err
		}
		met = failed
		c.attemptFailed(failed, time.Since(tried))
		if failed.Class.Info().Fatal {
			return c.abandon(target, failed, nil)
		}
		if ended := c.pauseConnect(ctx); ended != nil {
			return c.abandon(target, failed, ended)
		}
	}
}

// abandon lets go of a target that could not be reached and returns why: what
// the last attempt met, and what ended them, if not that.
func (c *Client) abandon(t *target, met *ConnectError, ended error) error {
	t.dialer.end()
	c.stopEmbedded()
	if c.life.Err() != nil {
		return c.alreadyBeyond()
	}
	failed := *met // the calls that waited have the other in their errors
	failed.ended = ended
	return &failed
}

// try makes one attempt.
func (c *Client) try(ctx context.Context, t *target) error {
	probe, facts, err := t.verify(ctx, c.stageReport)
	if err == nil && !c.install(t, probe, facts) {
		probe.close()
		err = ErrClosed
	}
	return err
}

// cause strips the stage, which the ConnectError names itself.
func cause(err error) error {
	var stage *stageError
	if errors.As(err, &stage) {
		return stage.err
	}
	return err
}

// pauseConnect waits before the next attempt, or returns why there is no room for one.
func (c *Client) pauseConnect(ctx context.Context) error {
	pause := connectBackoffMin + rand.N(connectBackoffMax-connectBackoffMin)
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left < noRoomForAttempt {
			return context.DeadlineExceeded
		}
		pause = min(pause, left-noRoomForAttempt)
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
	d := &dialer{secret: cfg.Connection.Password, timeout: cfg.Timeouts.Dial, allow: newAllowList(cfg.Connection, c.addressTeller()), place: c.opts.place}
	if cfg.TLS.Enabled {
		tls, more, err := cfg.TLS.load()
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
	c.tellWarnings(warnings)
	c.stageReport(StageConfig, time.Since(began), "the configuration is valid")
	return &target{config: cfg, addr: serverName(cfg), dialer: d, suspect: c.suspect}, nil
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
		d.own, d.allow = true, nil
		d.open = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.opts.embedded.Dial(ctx) }
	case c.opts.dial != nil:
		d.own, d.allow.byName = true, true
		d.open = c.opts.dial
	default:
		d.open = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	return nil
}

// install makes a verified connection the current generation, begins to watch
// it and lets calls go. Calls that wait while the client drains are calls to
// drain, so only the end of the client's life comes too soon for it: then it
// reports false.
func (c *Client) install(t *target, p *probe, facts serverFacts) bool {
	c.installing.Lock()
	defer c.installing.Unlock()
	if c.life.Err() != nil {
		return false
	}
	c.generation.Store(newGeneration(1, t, c.hooks))
	if t.cluster != nil {
		c.subscriptions.begin(c.newClusterSubscribers(t))
	} else {
		driver := c.newSubscriber(t)
		c.subscriptions.begin(driver, driver)
	}
	m := newMonitor(c, t, p, facts)
	c.monitor.Store(m)
	registerDriverLog(c)
	c.background.Go(func() { m.run(c.life) })
	c.tellTopology(t)
	// Who hears that the client is ready may send a command at once.
	c.gate.open()
	c.machine.to(StateReady, "verified")
	return true
}

// stopEmbedded closes the embedded server if this client started it: one that
// several clients share counts them.
func (c *Client) stopEmbedded() {
	if c.embeds.CompareAndSwap(true, false) {
		c.opts.embedded.Close()
	}
}
