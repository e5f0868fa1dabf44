package redisconn

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// reconnectPause is the time between two attempts to connect anew: Reload and
// ForceReconnect in a loop, as error handlers call them, must not become a storm of
// connections, or of passwords that are refused.
const reconnectPause = time.Second

// Reload reads anew what the configuration only names (the password's file, the
// certificates, the provider of credentials) and, where anything has changed,
// connects with it: a connection is opened and verified with the new material
// first, to every node of a cluster that answers, then every other one is replaced
// at once, and the old ones close when the commands on them have their replies. No
// command fails for it.
//
// When the new material is bad, or the server does not take it, the old
// connections stay in use, [Client.Health] warns and says why, and the error is
// a [*ConnectError]. Files are watched, so programs need not call Reload; see
// [ReloadConfig].
//
// Callers at the same time share one reload. One that comes within a second of the
// last attempt has that one's error, where that failed and nothing has changed
// since; otherwise it waits for the rest of the second, and a little longer so that
// processes do not reconnect in step.
func (c *Client) Reload(ctx context.Context) error {
	return c.renewals.reload.share(ctx, func() error { return c.renew(ctx, renewal{reason: materialChanged}) })
}

// ForceReconnect replaces every connection as [Client.Reload] does, also when
// nothing has changed: after a failover behind a name or a load balancer, for
// instance. Connections that were replaced less than a second ago count as
// fresh; after an attempt that failed it has the pace of Reload. Callers at the
// same time share one replacement.
func (c *Client) ForceReconnect(ctx context.Context) error {
	return c.renewals.force.share(ctx, func() error {
		return c.renew(ctx, renewal{reason: "ForceReconnect was called", always: true})
	})
}

const materialChanged = "the material changed"

// renewal is one way to connect anew.
type renewal struct {
	reason string
	always bool // also with the material that is in use
	urgent bool // a call waits for it: what has changed since the last attempt is tried at once
}

// renewals is what replaces generations for another reason than a failover.
type renewals struct {
	reload, force, urgent attempts
	asked                 chan struct{} // wakes whoever watches the material

	one   sync.Mutex // held by the renewal under way; guards what follows
	fresh time.Time  // until when the last one's connections count as fresh
	last  lastRenewal

	renewAt atomic.Pointer[time.Time]   // when credentials that end are to be asked for again; nil for never
	fault   atomic.Pointer[reloadFault] // why the newest material is not in use; nil when it is
}

// lastRenewal is the last attempt that asked a server, or the program's provider.
type lastRenewal struct {
	at  time.Time
	of  digest // of what there was to read
	err error
}

// reloadFault is a reload that failed.
type reloadFault struct {
	class Class
	text  string
}

// ask wakes whoever watches the material.
func (r *renewals) ask() {
	select {
	case r.asked <- struct{}{}:
	default: // it is awake
	}
}

// renew connects anew, at the pace of renewals.
func (c *Client) renew(ctx context.Context, r renewal) error {
	for {
		rest, err := c.renewInTime(ctx, r)
		if rest <= 0 {
			return err
		}
		select {
		case <-time.After(rest + rand.N(reconnectPause/10)):
		case <-ctx.Done():
			return &ConnectError{Stage: StageConfig, Addr: c.addr, Class: diagnose(ctx.Err()).class, Err: ctx.Err()}
		case <-c.life.Done():
			return c.alreadyBeyond()
		}
	}
}

// renewInTime connects anew, unless the last attempt was so short a time ago that
// its outcome has to do, or that this one has to wait for the rest of that time. A
// provider's answer is known only when it is asked, so that is an attempt as well.
func (c *Client) renewInTime(ctx context.Context, r renewal) (rest time.Duration, err error) {
	c.renewals.one.Lock()
	defer c.renewals.one.Unlock()
	old := c.generation.Load()
	switch {
	case old == nil:
		return 0, &ConnectError{Stage: StageConfig, Addr: c.addr, Class: ClassDown, Err: errNeverConnected}
	case r.always && time.Now().Before(c.renewals.fresh):
		return 0, nil
	}
	now, asks, last := c.readable(), c.opts.credentials != nil, c.renewals.last
	if rest = reconnectPause - time.Since(last.at); rest > 0 {
		switch same := !asks && now == last.of; {
		case same && last.err != nil, asks && r.urgent:
			return 0, last.err
		case !same && !r.urgent:
			return rest, nil
		}
	}
	tried, err := c.replace(ctx, old, r)
	if isOver(ctx) {
		now = digest{} // it was cut short, which says nothing of the material
	}
	if tried || asks {
		c.renewals.last = lastRenewal{time.Now(), now, err}
	}
	return 0, err
}

// readable is a digest of what there is to read without asking the program.
func (c *Client) readable() digest {
	files := digestFiles(c.config.namedFiles())
	if streamed := c.stream.latest.Load(); streamed != nil {
		return files.with(*streamed)
	}
	return files
}

// replace makes one attempt to put a generation in the place of the old one: always,
// or only with material that has changed. It reports whether there was one to make.
func (c *Client) replace(ctx context.Context, old *generation, r renewal) (tried bool, err error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeouts.Connect)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	next, err := c.newTarget(ctx)
	if err != nil {
		return true, c.renewalFailed(err)
	}
	if !r.always && next.digest == old.digest {
		next.end()
		c.reloaded()
		return false, nil
	}
	verified, facts, err := next.verify(ctx, nil)
	if err == nil {
		err = next.verifyNodes(ctx, old, verified.addr())
	}
	if err != nil {
		verified.close()
		next.end()
		return true, c.renewalFailed(err)
	}
	if !c.succeed(successor{target: next, probe: verified, facts: facts, reason: r.reason, began: began, grace: noHurry}) {
		verified.close()
		next.end()
		return true, c.alreadyBeyond()
	}
	c.renewals.fresh = time.Now().Add(reconnectPause)
	c.reloaded()
	return true, nil
}

// renewalFailed is reloadFailed, unless it failed because the client ends.
func (c *Client) renewalFailed(err error) error {
	if c.life.Err() != nil {
		return c.alreadyBeyond()
	}
	return c.reloadFailed(err)
}

// reloaded notes that the newest material is in use.
func (c *Client) reloaded() { c.renewals.fault.Store(nil) }

// reloadFailed notes that the newest material cannot be used and makes the error
// that says why. What did not change since the last time is not told again.
func (c *Client) reloadFailed(err error) error {
	failed := &ConnectError{Stage: stageOf(err), Addr: c.addr, Class: ClassOf(cause(err)), Attempts: 1, Err: cause(err)}
	fault := &reloadFault{class: failed.Class, text: failed.brief()}
	told := Event{Kind: EventReloadFailed, Stage: failed.Stage, Class: failed.Class}
	var at *nodeError
	if errors.As(err, &at) {
		failed.Addr, told.Node = at.addr, at.addr
		fault.text = at.addr + ": " + fault.text
	}
	if last := c.renewals.fault.Swap(fault); last != nil && *last == *fault {
		return failed
	}
	told.Detail = fault.text
	c.recorder.record(told)
	c.log.Warn("redis reload failed, the connections there are stay in use", "class", string(failed.Class), "error", fault.text)
	return failed
}

// remedied reloads after Redis refused the credentials or a certificate of an
// attempt that began at some time, and reports whether others are in use now: the
// attempt is worth a second one then.
func (c *Client) remedied(ctx context.Context, f failure, attempted time.Time) bool {
	if !c.renewable(f.class) {
		return false
	}
	newer := func() bool {
		since := c.generation.Load().since.Load()
		return since == nil || since.After(attempted)
	}
	now := renewal{reason: materialChanged, urgent: true}
	return newer() || c.renewals.urgent.share(ctx, func() error { return c.renew(ctx, now) }) == nil && newer()
}
