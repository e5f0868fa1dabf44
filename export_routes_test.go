package redisconn

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// LaneChoice is a lane's choice of calls, without its flights.
type LaneChoice struct{ lane *lane }

// NewLaneChoice returns the choice as a new generation has it.
func NewLaneChoice(cfg Config) LaneChoice {
	l := &lane{policy: newLanePolicy(cfg.withDefaults()), least: nothingSeen}
	l.direct.Store(l.policy.directUpTo(0))
	return LaneChoice{l}
}

func (c LaneChoice) Wanted(inFlight int64) bool              { return c.lane.wanted(inFlight) }
func (c LaneChoice) Observe(took time.Duration, carried int) { c.lane.observe(took, carried) }
func (c LaneChoice) NoFarther(roundTrip time.Duration)       { c.lane.noFarther(roundTrip) }
func (c LaneChoice) Patience() time.Duration                 { return c.lane.policy.patience(c.lane.usual) }

// Stick makes so many more pilots wait for a flight that is overdue.
func (c LaneChoice) Stick(n int) {
	c.lane.pilots += n
	c.lane.long += n
	c.lane.overdue.Add(int32(n))
}

// Board reports whether somebody may join the next flight.
func (c LaneChoice) Board() bool { return c.lane.board(nil, nil, 1) != nil }

// Refused reports whether a lane whose generation was replaced, and has no pilot
// any more, refuses a command, for a caller who stays and for one who may leave.
func (c LaneChoice) Refused(leaving context.Context, cmd redis.Cmder) bool {
	users := newTally(unbounded)
	users.shut()
	c.lane.users = &users
	d := &deadlines{life: background, operation: time.Second}
	staying, _ := d.bound(background, time.Now())
	return c.lane.carry(staying, cmd, 1) == errLaneShut && c.lane.carry(leaving, cmd, 1) == errLaneShut
}

// Together is together.
func Together(inFlight int64) int { return together(inFlight) }

// IsFaithful is isFaithful.
func IsFaithful(cmd, standIn redis.Cmder) bool { return isFaithful(cmd, standIn) }
