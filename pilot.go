package redisconn

import (
	"errors"
	"runtime"
	"time"
)

// pilot flies one flight after the other until nobody waits. It is a goroutine
// for as long as there is work: an idle lane has none.
type pilot struct {
	lane  *lane
	stage flightStage // of the flight in the air; guarded by the lane's mu
	watch *time.Timer // runs out at the end of each stage
}

// flightStage is how far a flight is behind what is usual.
type flightStage int

const (
	onGround flightStage = iota
	inAir
	longInAir // who waits meanwhile gets another pilot, with a connection of its own
	overdue   // new calls are led around it until it lands
)

func (p *pilot) work() {
	p.watch = time.AfterFunc(time.Hour, p.nextStage)
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
// commands: once where they are many, and for as long as they do where they are few.
// A flight that is full the server had better have at once.
//
// It is no pause: when no goroutine is ready to run, yielding returns at once, so a
// lone caller does not wait for anybody.
func (p *pilot) gather() {
	for seen, round := -1, 0; round < gatherRounds; round++ {
		n, full := p.lane.gathered()
		if full || n == seen || round > 0 && n >= leastTogether {
			return
		}
		seen = n
		runtime.Gosched()
	}
}

// fly sends a flight and wakes its passengers.
func (p *pilot) fly(f *flight) {
	l := p.lane
	now := time.Now()
	ctx, _ := l.deadlines.bound(background, now)
	if f.bound != nil {
		ctx = f.bound
	}
	opened := l.opened.Load()
	p.takeOff()
	_, err := exchange(ctx, l.client, f.cmds)
	if err != nil {
		l.assess(f, err)
	}
	l.counts.batches.Add(1)
	l.counts.lane.Add(int64(len(f.cmds)))
	// What opens its connection tells nothing of the way, and what failed little.
	p.land(f, time.Since(now), isAnswer(err) && l.opened.Load() == opened)
	close(f.landed)
}

func (p *pilot) takeOff() {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	p.stage = inAir
	p.watch.Reset(l.policy.overlap(l.usual, l.least))
}

// land ends a flight; of one that tells of the way the lane learns.
func (p *pilot) land(f *flight, took time.Duration, telling bool) {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	p.watch.Stop()
	if p.stage >= longInAir {
		l.long--
	}
	if p.stage == overdue {
		l.overdue.Add(-1)
	}
	p.stage = onGround
	if telling {
		l.observe(took, len(f.cmds))
	}
	clear(f.cmds)
	l.spare, f.cmds = f.cmds[:0], nil
}

// nextStage notes that the flight in the air takes long, and then that it is stuck.
func (p *pilot) nextStage() {
	l := p.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p.stage {
	case inAir:
		p.stage = longInAir
		l.long++
		p.watch.Reset(l.policy.patience(l.usual) - l.policy.overlap(l.usual, l.least))
	case longInAir:
		p.stage = overdue
		l.overdue.Add(1)
	}
	if l.open != nil || len(l.full) > 0 {
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
