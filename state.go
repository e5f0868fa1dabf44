package redisconn

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State is where a Client is in its life.
//
//	          Connect            verified
//	idle ───────────▶ connecting ────────▶ ready ◀──────▶ degraded
//	  ▲                │      ▲              │ │             │
//	  └────────────────┘      │   FailAfter  ▼ │  FailAfter  │
//	   gave up                │            down◀─────────────┘
//	                          │              │   RecoverAfter: back to ready
//	  any state ── Shutdown ──▶ draining ──▶ closed
type State string

// The states.
const (
	StateIdle       State = "idle"       // New was called, Connect was not, or it failed
	StateConnecting State = "connecting" // Connect is under way
	StateReady      State = "ready"      // commands work
	StateDegraded   State = "degraded"   // commands work, but slowly, or the pool is saturated
	StateDown       State = "down"       // probes fail: commands wait or fail fast
	StateDraining   State = "draining"   // Shutdown is under way: no new commands
	StateClosed     State = "closed"     // for good
)

// successors are the transitions that exist.
var successors = map[State][]State{
	StateIdle:       {StateConnecting, StateDraining},
	StateConnecting: {StateReady, StateIdle, StateDraining},
	StateReady:      {StateDegraded, StateDown, StateDraining},
	StateDegraded:   {StateReady, StateDown, StateDraining},
	StateDown:       {StateReady, StateDraining},
	StateDraining:   {StateClosed},
}

// StateChange is a transition.
type StateChange struct {
	From, To State
	At       time.Time
	Reason   string
}

// machine holds the state. Every transition goes through to.
type machine struct {
	now      atomic.Pointer[StateChange] // the last transition; its To is the state
	recorder *recorder
	log      *slog.Logger

	moving sync.Mutex // held over a transition, so that they are told in their order
}

func newMachine(r *recorder, log *slog.Logger) *machine {
	m := &machine{recorder: r, log: log}
	m.now.Store(&StateChange{To: StateIdle, At: time.Now(), Reason: "made"})
	return m
}

func (m *machine) state() State { return m.now.Load().To }

// to makes a transition, if it exists from where the machine stands, and reports whether it did.
func (m *machine) to(next State, reason string) bool {
	was, ok := m.move(next, reason)
	if !ok {
		return false
	}
	level := slog.LevelInfo
	if next == StateDown || next == StateDegraded {
		level = slog.LevelWarn
	}
	m.log.Log(background, level, "redis connection "+string(next), "from", string(was.To), "after", time.Since(was.At), "reason", reason)
	return true
}

// move is the part of a transition that is done under the lock. A log handler
// is the program's own code and must not run there: it may use the client.
func (m *machine) move(next State, reason string) (was *StateChange, ok bool) {
	m.moving.Lock()
	defer m.moving.Unlock()
	was = m.now.Load()
	if was.To == next || !slices.Contains(successors[was.To], next) {
		return was, false
	}
	m.now.Store(&StateChange{From: was.To, To: next, At: time.Now(), Reason: reason})
	m.recorder.record(Event{Kind: EventStateChange, From: was.To, To: next, Detail: reason})
	return was, true
}

// State returns where the client is in its life. It is an atomic load.
func (c *Client) State() State { return c.machine.state() }

// StateSince returns the last transition.
func (c *Client) StateSince() StateChange { return *c.machine.now.Load() }
