package redisconn

import (
	"errors"
	"runtime"
	"time"
)

// pilot flies one flight after the other until nobody waits. It is a goroutine
// for as long as there is work: an idle lane has none.
type pilot struct {
	lane   *lane
	flight *flight     // in the air; guarded by the lane's mu
	late   bool        // and for so long that it counts as overdue; guarded by the lane's mu
	watch  *time.Timer // runs out when it does
}

func (p *pilot) work() {
	p.watch = time.AfterFunc(time.Hour, p.overdue)
	defer p.watch.Stop()
	for {
		p.gather()
		f := p.lane.depart()
		if f == nil {
			return
		}
		if len(f.cmds) > 0 {
			p.fly(f)
		}
	}
}

// gatherRounds bounds how often a pilot lets others go first.
const gatherRounds = 4

// gather lets the callers whose flight has just landed come back with their next
// commands, as long as they do. It is no pause: when no goroutine is ready to run,
// yielding returns at once, so a lone caller does not wait for anybody.
func (p *pilot) gather() {
	for seen, round := -1, 0; round < gatherRounds; round++ {
		n := p.lane.gathered()
		if n == seen {
			return
		}
		seen = n
		runtime.Gosched()
	}
}

// fly sends a flight and wakes its passengers.
func (p *pilot) fly(f *flight) {
	l := p.lane
	ctx := f.ctx
	now := time.Now()
	if ctx == nil {
		ctx, _ = l.deadlines.bound(background, now)
	}
	p.takeOff(f)
	_, err := exchange(ctx, l.client.Pipeline(), f.cmds)
	if err != nil {
		l.assess(f, err)
	}
	p.land(f, time.Since(now), err)
	l.counts.batches.Add(1)
	l.counts.lane.Add(int64(len(f.cmds)))
	close(f.landed)
}

func (p *pilot) takeOff(f *flight) {
	l := p.lane
	l.mu.Lock()
	p.flight = f
	p.watch.Reset(l.policy.patience(l.usual))
	l.mu.Unlock()
}

func (p *pilot) land(f *flight, took time.Duration, err error) {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	p.watch.Stop()
	p.flight = nil
	if p.late {
		p.late = false
		l.overdue.Add(-1)
	}
	if isAnswer(err) {
		l.observe(took, len(f.cmds))
	}
}

// overdue notes that the flight in the air is stuck, or slow. New calls are led
// around it until it lands, and who waits already gets another pilot, with a
// connection of its own.
func (p *pilot) overdue() {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.flight == nil || p.late {
		return // it landed just now
	}
	p.late = true
	l.overdue.Add(1)
	if l.open != nil {
		l.callPilot()
	}
}

// assess makes of the failure of a flight's connection that of each command: a
// write that failed proves that the last one was not executed, of the others it
// proves nothing. The retries that follow cost one token together, as it is one
// connection that was lost.
func (l *lane) assess(f *flight, err error) {
	var link *linkError
	if !errors.As(err, &link) {
		return
	}
	paid := link.phase != phaseDial && l.retries.take()
	last := &linkError{phase: link.phase, err: link.err, paid: paid}
	others := last
	if link.phase == phaseWrite && !link.none {
		others = &linkError{phase: phaseRead, err: link.err, paid: paid}
	}
	for i, cmd := range f.cmds {
		var own *linkError
		switch {
		case !errors.As(cmd.Err(), &own):
		case i == len(f.cmds)-1:
			cmd.SetErr(last)
		default:
			cmd.SetErr(others)
		}
	}
}
