package redisconn

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// lane carries commands of many callers together: those that come while a
// flight is in the air gather for the next one, which goes as one pipeline. A
// caller waits for its own command, so its commands keep their order.
//
// The driver's AutoPipeliner is not used: it forgets the context of a command
// that it has queued, fails and repeats batches as a whole, and callers cannot be
// led around a batch that is stuck.
type lane struct {
	client    *redis.Client // without the program's hooks; a connection for each flight in the air
	users     *tally        // of the generation: a pilot is a user, so flights land before it ends
	deadlines *deadlines
	retries   *retryBudget
	counts    *routeCounts
	policy    lanePolicy

	mu      sync.Mutex    // guards what follows
	full    []*flight     // gathered as many as are best together, and wait for a pilot
	open    *flight       // gathers; nil while nobody does
	pilots  int           // at work
	long    int           // of these, pilots whose flight takes so long that others fly meanwhile
	spare   []redis.Cmder // of a flight that landed, for one to come
	slender int           // flights in a row that a lane is not needed for
	usual   time.Duration // how long flights take, as a moving average
	least   time.Duration // how long the shortest took lately: a round trip

	opened  atomic.Int64 // connections, the failed ones with them
	overdue atomic.Int32 // flights in the air for so long that nobody is to queue behind them
	engaged atomic.Bool  // many were in flight lately
	direct  atomic.Int64 // up to how many calls in flight go direct
}

// flight is a pipeline that gathers, flies and lands.
type flight struct {
	cmds   []redis.Cmder
	bound  *sharedDeadline // of the passengers that stay; nil where all may leave
	left   int             // passengers that gave up before departure
	gone   bool            // it has departed: nobody can join or leave
	landed chan struct{}   // closed when every command has its reply or its error
}

const (
	// mostPilots bounds the connections of a lane. Near the server one flight in the
	// air is best, or two where there are many callers: those that wait make the next
	// one large. The others are for flights that are long on the way, or stuck.
	mostPilots = flightsPerTrip
	// laneBuffer holds a whole flight of small commands, so that one write sends it.
	laneBuffer = 128 << 10
)

var errLaneShut = errors.New("the lane takes nobody")

func newLane(c *Client, g *generation, options *redis.Options) *lane {
	options.PoolSize, options.MinIdleConns, options.MaxIdleConns = mostPilots, 0, mostPilots
	options.ReadBufferSize, options.WriteBufferSize = laneBuffer, laneBuffer
	l := &lane{
		users:     &g.users,
		deadlines: c.deadlines,
		retries:   c.retries.budget,
		counts:    &c.routes,
		policy:    newLanePolicy(g.config),
		least:     nothingSeen,
	}
	dial := options.Dialer
	options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.opened.Add(1)
		return dial(ctx, network, addr)
	}
	l.client = newDriver(options)
	l.direct.Store(l.policy.directUpTo(0))
	return l
}

// carry makes one attempt at a command in the next flight, when so many are in
// flight to this server, or on their way to it.
func (l *lane) carry(ctx context.Context, cmd redis.Cmder, inFlight int64) error {
	if bound, shared := ctx.(*sharedDeadline); shared {
		// The flight ends no later than the context, so the caller is still there
		// when it lands, and the command can travel itself.
		f := l.board(bound, cmd, inFlight)
		if f == nil {
			return errLaneShut
		}
		<-f.landed
		return cmd.Err()
	}
	if l.policy.outlives(ctx) {
		return errLaneShut
	}
	return l.carryFor(ctx, cmd, inFlight)
}

// carryFor carries a command whose caller may leave before it lands. Nothing may
// be written to the command from then on, so a copy travels in its place.
func (l *lane) carryFor(ctx context.Context, cmd redis.Cmder, inFlight int64) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	standIn := cmd.Clone()
	if !isFaithful(cmd, standIn) {
		return errLaneShut
	}
	f := l.board(nil, standIn, inFlight)
	if f == nil {
		return errLaneShut
	}
	select {
	case <-f.landed:
	case <-ctx.Done():
		if l.leave(f, standIn) {
			return &linkError{phase: phaseWrite, err: ctx.Err()}
		}
		select {
		case <-f.landed: // at the same time, and a reply is the better answer
		default:
			return &linkError{phase: phaseRead, err: ctx.Err()}
		}
	}
	takeOver(cmd, standIn)
	return cmd.Err()
}

// board joins the next flight, or returns nil. A bound that is not nil bounds the flight.
func (l *lane) board(bound *sharedDeadline, cmd redis.Cmder, inFlight int64) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.open
	if f != nil && len(f.cmds) >= together(inFlight) {
		l.full, l.open = append(l.full, f), nil
		l.reinforce()
		f = nil
	}
	if f == nil {
		if !l.callPilot() {
			return nil
		}
		f = &flight{cmds: l.spare, landed: make(chan struct{})}
		l.open, l.spare = f, nil
	}
	if f.bound == nil {
		f.bound = bound // the first ends first
	}
	f.cmds = append(f.cmds, cmd)
	return f
}

// callPilot sees to it that somebody will fly what gathers, and reports whether
// that is so. Pilots whose flight takes long need not be waited for while there
// may be more; those whose flight is overdue are not waited for at all.
func (l *lane) callPilot() bool {
	switch {
	case l.pilots > l.long:
		return true
	case l.pilots == mostPilots:
		return int(l.overdue.Load()) < mostPilots
	case l.pilots == 0 && !l.users.enter():
		return false
	}
	l.startPilot()
	return true
}

func (l *lane) startPilot() {
	l.pilots++
	p := &pilot{lane: l}
	go p.work()
}

// reinforce calls a second pilot, for while one flight is at the server the other
// can be written or read.
func (l *lane) reinforce() {
	if free := l.pilots - l.long; free < pilotsAtOnce && l.pilots < mostPilots {
		l.startPilot()
	}
}

// leave takes a command out of a flight that has not departed, and reports
// whether that was so: then it will never be sent.
func (l *lane) leave(f *flight, cmd redis.Cmder) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.gone {
		return false
	}
	seat := slices.Index(f.cmds, cmd)
	f.cmds[seat] = nil
	f.left++
	return true
}

// depart returns the flight to fly next: a full one, or the one that gathers. It
// returns nil, and the pilot's work is over, when there is none.
func (l *lane) depart() *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.open
	if len(l.full) > 0 {
		f = l.full[0]
		l.full = slices.Delete(l.full, 0, 1)
	} else {
		l.open = nil
	}
	if f == nil {
		if l.pilots--; l.pilots == 0 {
			l.users.leave()
		}
		return nil
	}
	f.gone = true
	if f.left > 0 {
		f.cmds = slices.DeleteFunc(f.cmds, func(cmd redis.Cmder) bool { return cmd == nil })
	}
	return f
}

// gathered is how many wait for a flight, and whether one of these is full.
func (l *lane) gathered() (n int, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.full {
		n += len(f.cmds) - f.left
	}
	if l.open != nil {
		n += len(l.open.cmds) - l.open.left
	}
	return n, len(l.full) > 0
}
