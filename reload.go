package redisconn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// reconnectPause is how long a replaced generation counts as fresh: ForceReconnect
// in a loop, as error handlers call it, must not become a storm of connections.
const reconnectPause = time.Second

// Reload reads anew what the configuration only names (the password's file, the
// certificates, the provider of credentials) and, where anything has changed,
// connects with it: a connection is opened and verified with the new material
// first, then every other one is replaced at once, and the old ones close when
// the commands on them have their replies. No command fails for it.
//
// When the new material is bad, or the server does not take it, the old
// connections stay in use, [Client.Health] warns and says why, and the error is
// a [*ConnectError]. Files are watched, so programs need not call Reload; see
// [ReloadConfig]. Callers at the same time share one reload.
func (c *Client) Reload(ctx context.Context) error {
	return c.renewals.reload.share(ctx, func() error { return c.renew(ctx, "the material changed", false) })
}

// ForceReconnect replaces every connection as [Client.Reload] does, also when
// nothing has changed: after a failover behind a name or a load balancer, for
// instance. Connections that were replaced less than a second ago count as
// fresh, and callers at the same time share one replacement.
func (c *Client) ForceReconnect(ctx context.Context) error {
	return c.renewals.force.share(ctx, func() error { return c.renew(ctx, "ForceReconnect was called", true) })
}

// renewals is what replaces generations for another reason than a failover.
type renewals struct {
	reload, force attempts
	asked         chan struct{} // wakes whoever watches the material

	one   sync.Mutex // held by the renewal under way; guards fresh
	fresh time.Time  // until when the last one's connections count as fresh

	renewAt atomic.Pointer[time.Time]   // when credentials that end are to be asked for again; nil for never
	fault   atomic.Pointer[reloadFault] // why the newest material is not in use; nil when it is
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

// renew connects anew: always, or only with material that has changed.
func (c *Client) renew(ctx context.Context, reason string, always bool) error {
	c.renewals.one.Lock()
	defer c.renewals.one.Unlock()
	old := c.generation.Load()
	switch {
	case old == nil:
		return &ConnectError{Stage: StageConfig, Addr: c.addr, Class: ClassDown, Err: errNeverConnected}
	case always && time.Now().Before(c.renewals.fresh):
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeouts.Connect)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	next, err := c.newTarget(ctx)
	if err == nil && !always && next.digest == old.digest {
		next.end()
		c.reloaded()
		return nil
	}
	var verified *probe
	var facts serverFacts
	if err == nil {
		verified, facts, err = next.verify(ctx, nil)
	}
	if err != nil {
		if next != nil {
			next.end()
		}
		if c.life.Err() != nil {
			return c.alreadyBeyond()
		}
		return c.reloadFailed(err)
	}
	if !c.succeed(successor{target: next, probe: verified, facts: facts, reason: reason, began: began, grace: noHurry}) {
		verified.close()
		next.end()
		return c.alreadyBeyond()
	}
	c.renewals.fresh = time.Now().Add(reconnectPause)
	c.reloaded()
	return nil
}

// reloaded notes that the newest material is in use.
func (c *Client) reloaded() { c.renewals.fault.Store(nil) }

// reloadFailed notes that the newest material cannot be used and makes the error
// that says why. What did not change since the last time is not told again.
func (c *Client) reloadFailed(err error) error {
	failed := &ConnectError{Stage: stageOf(err), Addr: c.addr, Class: ClassOf(cause(err)), Attempts: 1, Err: cause(err)}
	fault := &reloadFault{class: failed.Class, text: failed.brief()}
	if last := c.renewals.fault.Swap(fault); last != nil && *last == *fault {
		return failed
	}
	c.recorder.record(Event{Kind: EventReloadFailed, Stage: failed.Stage, Class: failed.Class, Detail: fault.text})
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
	newer := func() bool { return c.generation.Load().since.After(attempted) }
	return newer() || c.Reload(ctx) == nil && newer()
}
