package redisconn

import (
	"errors"
	"time"
)

// noticed passes a command's failure to the monitor when it may be the first
// sign of an outage.
func (c *Client) noticed(f failure) {
	watch, m := c.watch.Load(), c.monitor.Load()
	switch f.class {
	case ClassLost, ClassTimeout, ClassRefused, ClassUnreachable, ClassDNS, ClassLoading, ClassMasterDown, ClassAuth, ClassTLS:
		c.suspect()
		if watch != nil {
			watch.doubt()
		}
	case ClassClusterDown:
		if c.onCluster() {
			c.generation.Load().cluster.misled("")
		}
	case ClassReadOnly:
		if c.onCluster() {
			c.generation.Load().cluster.misled("")
		}
		if watch != nil {
			m.denied.Store(true)
			m.suspect()
			watch.hurry()
		}
	}
}

// suspect asks the monitor, if there is one, for a sample.
func (c *Client) suspect() {
	if m := c.monitor.Load(); m != nil {
		m.suspect()
	}
}

// wentDown begins an outage, or gives the one there is another cause: commands
// wait at the gate, or fail fast. One log line tells of it, however many
// commands meet it.
func (c *Client) wentDown(f failure) {
	if c.machine.to(StateDown, f.class.Info().Meaning) {
		c.counts.outages.Add(1)
		c.recorder.record(Event{Kind: EventOutageBegan, Class: f.class, Detail: peerText(cause(f.err))})
		if watch := c.watch.Load(); watch != nil {
			watch.doubt() // commands will wait now, and give no more reasons to ask
		}
	}
	if out := c.gate.outage.Load(); out != nil && ClassOf(out.cause) == f.class {
		return
	}
	// What only an intervention can mend is not worth waiting for.
	c.gate.close(&ConnectError{Stage: stageOf(f.err), Addr: c.server(), Class: f.class, Attempts: 1, Err: cause(f.err)}, !f.class.Info().Fatal)
	if w := c.watch.Load(); w != nil {
		w.doubt() // while there is an outage the sentinels are asked again and again
	}
}

// cameBack ends an outage. The gate opens also for a client that drains: calls
// that wait are calls to drain.
func (c *Client) cameBack() {
	lasted := time.Since(c.gate.outage.Load().since)
	c.generation.Load().breakers.reset()
	c.gate.open() // before it is told: who hears of it may send a command at once
	c.recorder.record(Event{Kind: EventOutageEnded, Took: lasted})
	c.machine.to(StateReady, "answering again after "+lasted.Round(time.Millisecond).String())
}

// isDecisive reports whether one failure of this class is proof: nothing listens,
// or the server itself says that it serves nobody, or not us.
func isDecisive(class Class) bool {
	switch class {
	case ClassRefused, ClassLoading, ClassMasterDown, ClassReadOnly: // the last from a master behind sentinels alone
		return true
	}
	return class.Info().Fatal
}

// stageOf is the stage that an error belongs to.
func stageOf(err error) Stage {
	var stage *stageError
	if errors.As(err, &stage) {
		return stage.stage
	}
	return StagePing
}
