package redisconn

import (
	"context"
	"errors"
	"math/rand/v2"
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
	err := c.attempts.share(ctx, func() error { return c.connectOnce(ctx) })
	var vain *sharedInVain
	if errors.As(err, &vain) {
		return c.waitedInVain(vain.ended)
	}
	return err
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
	var met *ConnectError
	for attempt := 1; ; attempt++ {
		tried := time.Now()
		err := c.try(ctx)
		if err == nil || c.life.Err() != nil {
			return c.alreadyBeyond()
		}
		failed := &ConnectError{
			Stage: stageOf(err), Addr: c.addr, Class: ClassOf(err), Attempts: attempt, Elapsed: time.Since(began), Err: cause(err),
		}
		if isOver(ctx) && met != nil {
			// An attempt that was cut short says less than the one before.
			failed.Stage, failed.Class, failed.Err = met.Stage, met.Class, met.Err
		}
		met = failed
		c.attemptFailed(failed, time.Since(tried))
		if failed.Class.Info().Fatal {
			return c.abandon(failed, nil)
		}
		if ended := c.pauseConnect(ctx); ended != nil {
			return c.abandon(failed, ended)
		}
	}
}

// abandon returns why Redis could not be reached: what the last attempt met, and
// what ended them, if not that.
func (c *Client) abandon(met *ConnectError, ended error) error {
	c.stopEmbedded()
	if c.life.Err() != nil {
		return c.alreadyBeyond()
	}
	failed := *met // the calls that waited have the other in their errors
	failed.ended = ended
	return &failed
}

// try makes one attempt.
func (c *Client) try(ctx context.Context) error {
	t, err := c.newTarget(ctx)
	if err != nil {
		return err
	}
	probe, facts, err := t.verify(ctx, c.stageReport)
	if err == nil && !c.install(t, probe, facts) {
		probe.close()
		err = ErrClosed
	}
	if err != nil {
		t.end()
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
	c.use(newGeneration(1, t, c))
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
	c.background.Go(func() { c.watchMaterial(c.life, t) })
	if t.sentinels != nil {
		w := newSentinelWatch(c)
		c.watch.Store(w)
		c.background.Go(func() { w.run(c.life) })
	}
	c.tellTopology(t)
	// Who hears that the client is ready may send a command at once.
	c.gate.open()
	c.machine.to(StateReady, "verified")
	return true
}

// startEmbedded starts the embedded server, unless this client has.
func (c *Client) startEmbedded() error {
	if c.embeds.Load() {
		return nil
	}
	if err := c.opts.embedded.Start(); err != nil {
		return err
	}
	c.embeds.Store(true)
	c.log.Warn("redis is embedded in this process: for development and tests, not for production")
	return nil
}

// stopEmbedded closes the embedded server if this client started it: one that
// several clients share counts them.
func (c *Client) stopEmbedded() {
	if c.embeds.CompareAndSwap(true, false) {
		c.opts.embedded.Close()
	}
}
