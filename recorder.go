package redisconn

import (
	"sync"
	"time"
)

// EventKind is what an Event tells of.
type EventKind string

// The kinds of events.
const (
	EventStateChange  EventKind = "state"         // From, To, Detail: the reason
	EventStage        EventKind = "stage"         // Stage, Took, Detail: what was proved
	EventAttempt      EventKind = "attempt"       // an attempt to connect failed: Stage, Class, Attempt, Took: this attempt, Detail
	EventWarning      EventKind = "warning"       // a lint of the configuration or a file: Warning, Detail
	EventProbeFailed  EventKind = "probe"         // Class, Attempt: how many in a row, Detail
	EventOutageBegan  EventKind = "outage-began"  // Class, Detail
	EventOutageEnded  EventKind = "outage-ended"  // Took
	EventMaybeApplied EventKind = "maybe-applied" // Command, Class, Took
	EventDrained      EventKind = "drained"       // Took, Detail: the receipt

	EventGeneration     EventKind = "generation"      // another generation took over: Attempt: its number, Took: how long the change took, Detail: why
	EventReloadFailed   EventKind = "reload-failed"   // the old generation keeps serving: Stage, Class, Node: the one that refused, Detail
	EventTopology       EventKind = "topology"        // nodes or roles changed: Node, Detail
	EventAddressRefused EventKind = "address-refused" // Redis named an address outside the allow-list: Node, Detail
	EventLinkSilent     EventKind = "link-silent"     // a connection was closed for its silence: Node, Took, Detail
	EventGap            EventKind = "gap"             // a subscription may have missed messages: Node, Took, Detail
)

// Event is an entry of the flight recorder. Which fields are set depends on its kind.
type Event struct {
	At      time.Time     `json:"at"`
	Kind    EventKind     `json:"kind"`
	From    State         `json:"from,omitempty"`
	To      State         `json:"to,omitempty"`
	Stage   Stage         `json:"stage,omitempty"`
	Class   Class         `json:"class,omitempty"`
	Command string        `json:"command,omitempty"`
	Node    string        `json:"node,omitempty"`
	Attempt int           `json:"attempt,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Warning *Warning      `json:"warning,omitempty"`
	Detail  string        `json:"detail,omitempty"`
}

// recorderSize is how many events the flight recorder keeps.
const recorderSize = 512

// recorder keeps the last events and hands them to those who listen. It is off
// the way of commands: only failures and transitions come here.
type recorder struct {
	mu        sync.Mutex // guards everything below; no listener is called under it
	ring      [recorderSize]Event
	next      int // where the next event goes
	total     int64
	dropped   int64
	ended     bool
	listeners map[chan Event]EventKind // what each wants to hear; everything for ""
}

func newRecorder() *recorder { return &recorder{listeners: map[chan Event]EventKind{}} }

// record keeps an event and offers it to the listeners. Whoever is not ready
// misses it, which is counted.
func (r *recorder) record(e Event) {
	e.At = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next] = e
	r.next = (r.next + 1) % recorderSize
	r.total++
	for listener, kind := range r.listeners {
		if kind != "" && kind != e.Kind {
			continue
		}
		select {
		case listener <- e:
		default:
			r.dropped++
		}
	}
}

// history returns the events that are kept, oldest first.
func (r *recorder) history() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := int(min(r.total, recorderSize))
	events := make([]Event, 0, kept)
	for i := range kept {
		events = append(events, r.ring[(r.next-kept+i+recorderSize)%recorderSize])
	}
	return events
}

// listen returns a channel of the events of a kind, or of all for "", from now on.
func (r *recorder) listen(buffer int, kind EventKind) (chan Event, func()) {
	listener := make(chan Event, max(buffer, 1))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		close(listener)
		return listener, func() {}
	}
	r.listeners[listener] = kind
	return listener, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, ok := r.listeners[listener]; ok {
			delete(r.listeners, listener)
			close(listener)
		}
	}
}

// end closes the channels of all who listen.
func (r *recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for listener := range r.listeners {
		close(listener)
	}
	clear(r.listeners)
	r.ended = true
}

func (r *recorder) lost() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// History returns the flight recorder: the last 512 events, oldest first.
func (c *Client) History() []Event { return c.recorder.history() }

// Events returns a channel of the events from now on, and a function that ends
// it. The client never waits for a listener: what does not fit into the buffer
// is dropped and counted in [Stats].EventsDropped. The channel is closed by the
// function or by Shutdown.
func (c *Client) Events(buffer int) (<-chan Event, func()) { return c.recorder.listen(buffer, "") }

// OnStateChange calls fn for every transition from now on, in their order and
// on a goroutine of their own, until the last one, to closed, or until stop is
// called. A slow fn misses transitions rather than hold up the client; see
// [Client.Events]. It may call the client, Shutdown included.
func (c *Client) OnStateChange(fn func(StateChange)) (stop func()) {
	events, stop := c.recorder.listen(64, EventStateChange)
	go func() {
		for e := range events {
			fn(StateChange{From: e.From, To: e.To, At: e.At, Reason: e.Detail})
		}
	}()
	return stop
}
