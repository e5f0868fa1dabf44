package redisconn

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// sentinelPoll is how often the sentinels are asked without a reason, and half
	// as much again at most: announcements can be missed.
	sentinelPoll = 2 * time.Second
	// sentinelRecheck is how often while there is a reason that lasts.
	sentinelRecheck = 100 * time.Millisecond
	// choiceRecheck is how often a replica that was chosen is asked whether it is the master by now.
	choiceRecheck = 20 * time.Millisecond
	// sentinelSpacing is the least time between two questions for the sake of what
	// sentinels announce, doubtSpacing for that of commands that fail.
	sentinelSpacing, doubtSpacing = 50 * time.Millisecond, 500 * time.Millisecond
	// sentinelQuiet is how long a subscription to a sentinel may say nothing until
	// it is pinged, and how long the answer may take.
	sentinelQuiet, sentinelPong = 10 * time.Second, 2 * time.Second
	// listenBackoffMin and listenBackoffMax bound the pause before a subscription
	// to a sentinel is tried again.
	listenBackoffMin, listenBackoffMax = 100 * time.Millisecond, 5 * time.Second
	// failoverGrace is how long calls may finish on a master that was replaced. A
	// healthy one answers within it; a stopped or demoted one holds them for nothing.
	failoverGrace = 100 * time.Millisecond
)

// sentinelWatch follows the master: it listens to what each sentinel announces,
// asks all of them now and then, and when commands fail, and makes the client
// move. One goroutine decides; one for each sentinel listens.
type sentinelWatch struct {
	client *Client
	wake   chan struct{}
	urgent atomic.Bool            // a sentinel gave the reason to ask
	chosen atomic.Pointer[choice] // the replica that a failover under way will make the master

	// Owned by the goroutine that decides.
	set       *sentinels // of the current generation
	listening map[*sentinel]bool
	listeners sync.WaitGroup
	asked     time.Time
	epoch     int64 // of the configuration that made the current master one
	unsettled bool  // another master was named, which did not prove to be one yet
	ahead     lead
	complaint complaint // the last about a master that could not be moved to
}

// complaint is what was told of a master that could not be moved to.
type complaint struct {
	addr  string
	class Class
}

// choice is a replica that a sentinel chose.
type choice struct {
	addr string
	at   time.Time
}

// lead is a master that the client left before the sentinels said so.
type lead struct {
	left string
	at   time.Time
}

// holds reports whether a sentinel that still names the master that was left is
// only behind.
func (l lead) holds(addr string) bool { return l.left == addr && time.Since(l.at) < maxHold }

func newSentinelWatch(c *Client) *sentinelWatch {
	return &sentinelWatch{client: c, wake: make(chan struct{}, 1), listening: map[*sentinel]bool{}}
}

// run follows the master until ctx ends.
func (w *sentinelWatch) run(ctx context.Context) {
	w.attend(w.client.generation.Load().sentinels)
	due := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.client.writes.open()
			w.client.generation.Load().sentinels.end() // that may be another set by now
			w.set.end()
			w.listeners.Wait()
			return
		case <-w.wake:
			spacing := doubtSpacing
			if w.urgent.Load() {
				spacing = sentinelSpacing
			}
			if soon := w.asked.Add(spacing); soon.Before(due) {
				due = soon
			}
		case <-timer.C:
		}
		if time.Now().Before(due) {
			timer.Reset(time.Until(due))
			continue
		}
		w.look(ctx)
		due = time.Now().Add(w.pause())
		timer.Reset(time.Until(due))
	}
}

// pause is the time until the next question, jittered so that many processes do
// not ask in step.
func (w *sentinelWatch) pause() time.Duration {
	switch {
	case w.chosen.Load() != nil:
		return choiceRecheck
	case w.unsettled, w.client.gate.outage.Load() != nil, w.client.writes.held.Load() != nil:
		return sentinelRecheck + rand.N(sentinelRecheck)
	}
	return sentinelPoll + rand.N(sentinelPoll/2)
}

// doubt asks for a question soon, because a command met a failure that may come
// from a failover.
func (w *sentinelWatch) doubt() {
	select {
	case w.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// hurry asks for a question now, because a sentinel announced something or the
// master denied that it is one.
func (w *sentinelWatch) hurry() {
	w.urgent.Store(true)
	w.doubt()
}

// look asks the sentinels and does what follows from their word.
func (w *sentinelWatch) look(ctx context.Context) {
	w.urgent.Store(false)
	g := w.client.generation.Load()
	w.attend(g.sentinels)
	if w.precede(ctx, g) || w.chosen.Load() != nil && time.Since(w.asked) < sentinelRecheck {
		return
	}
	began := time.Now()
	words := g.sentinels.ask(ctx)
	w.asked = time.Now()
	if ctx.Err() != nil {
		return
	}
	w.attend(g.sentinels) // some may have become known
	if addr, ok := words.chosen(); ok && addr != g.addr {
		w.chosen.CompareAndSwap(nil, &choice{addr: addr, at: w.asked}) // its announcement was missed
	}
	w.follow(ctx, g, words)
	w.client.survey(words)
	successor, _ := words.chosen() // a failover that has its successor names that one as the master
	for _, one := range words.words {
		switch {
		case one.err != nil:
		case one.failsOver():
			if one.addr != successor {
				w.hold(one.from, one.addr, "failover_in_progress") // its announcement may have been missed
			}
		case !w.unsettled:
			w.client.writes.settle(one.from.addr, began)
		}
	}
}

// attend listens to the sentinels of a set, and no longer to those of another:
// the configuration that leads to them was replaced.
func (w *sentinelWatch) attend(set *sentinels) {
	if w.set != nil && w.set != set {
		w.set.end()
		clear(w.listening)
	}
	w.set = set
	for _, one := range set.all() {
		if !w.listening[one] {
			w.listening[one] = true
			w.listeners.Go(func() { w.listen(set.master, one) })
		}
	}
}

// precede moves the client to the replica that a failover chose, as soon as that
// says that it is the master. The sentinels take up to a second more to notice,
// and whatever the old master acknowledges in that time is lost.
func (w *sentinelWatch) precede(ctx context.Context, g *generation) (moved bool) {
	chosen := w.chosen.Load()
	if chosen == nil {
		return false
	}
	if chosen.addr == g.addr || time.Since(chosen.at) > maxHold {
		w.chosen.CompareAndSwap(chosen, nil)
		return false
	}
	if w.move(ctx, g, chosen.addr) != nil {
		return false // not yet
	}
	w.chosen.CompareAndSwap(chosen, nil)
	w.ahead = lead{left: g.addr, at: time.Now()}
	return true
}

// follow moves the client to the master that the sentinels name.
func (w *sentinelWatch) follow(ctx context.Context, g *generation, words testimony) {
	w.unsettled = false
	for _, m := range words.candidates() {
		// A sentinel that was away answers for the past until the others have told it.
		if m.epoch < w.epoch && m.votes*2 <= len(words.words) || w.ahead.holds(m.addr) {
			continue
		}
		if m.addr == g.addr {
			w.epoch = m.epoch
			return
		}
		err := w.move(ctx, g, m.addr)
		if err == nil {
			w.epoch = m.epoch
			return
		}
		w.unsettled = true
		w.complain(m.addr, err)
		if diagnose(err).class != ClassReadOnly { // see target.verifyMaster
			return
		}
	}
}

// move verifies another master and makes it the client's.
func (w *sentinelWatch) move(ctx context.Context, from *generation, to string) error {
	c, began := w.client, time.Now()
	verifying, cancel := context.WithTimeout(ctx, from.config.Timeouts.Dial)
	defer cancel()
	next := from.target.moved(to, c.life)
	probe, facts, err := next.verify(verifying, nil)
	if err != nil {
		next.dialer.end()
		return err
	}
	w.complaint = complaint{}
	reason := "failover: " + to + " is the master now, " + from.addr + " was"
	if !c.succeed(successor{target: next, probe: probe, facts: facts, reason: reason, began: began, grace: failoverGrace}) {
		probe.close()
		next.dialer.end()
		return ErrClosed
	}
	c.counts.failovers.Add(1)
	c.recorder.record(Event{Kind: EventTopology, Node: to, Detail: reason})
	if held := c.writes.open(); held > 0 {
		c.log.Info("redis writes let go", "held", held.Round(time.Millisecond), "server", to)
	}
	return nil
}

// complain tells why another master is not moved to, once for each that is named
// and each kind of failure. One that is not the master yet is no failure.
func (w *sentinelWatch) complain(to string, err error) {
	now := complaint{to, diagnose(err).class}
	if now == w.complaint || now.class == ClassReadOnly {
		return
	}
	w.complaint = now
	w.client.recorder.record(Event{Kind: EventReloadFailed, Stage: stageOf(err), Class: now.class, Node: to, Detail: peerText(cause(err))})
	w.client.log.Warn("redis sentinels name another master, which cannot be used", "server", to, "class", string(now.class), "error", peerText(cause(err)))
}

// listen hears what a sentinel announces until nobody is to hear it any more.
func (w *sentinelWatch) listen(master string, one *sentinel) {
	backoff := listenBackoffMin
	for one.life.Err() == nil {
		if w.hear(master, one) {
			backoff = listenBackoffMin
		}
		select {
		case <-time.After(backoff/2 + rand.N(backoff/2)):
		case <-one.life.Done():
		}
		backoff = min(2*backoff, listenBackoffMax)
	}
}

// hear subscribes to a sentinel, on a connection of its own, and returns when
// that breaks; it reports whether the subscription stood.
func (w *sentinelWatch) hear(master string, one *sentinel) (stood bool) {
	ps := one.client.PSubscribe(one.life)
	end := func() { _ = ps.Close() } // closed twice, it says so, which is no news
	defer end()
	defer context.AfterFunc(one.life, end)()
	if ps.PSubscribe(one.life, "*") != nil {
		return false
	}
	limit := sentinelPong
	for {
		message, err := ps.ReceiveTimeout(one.life, limit)
		switch message := message.(type) {
		case *redis.Message:
			w.heed(master, one, message)
		case *redis.Subscription:
			stood = true
			w.hurry() // what was announced meanwhile was missed
		}
		switch {
		case err == nil:
			limit = sentinelQuiet
		case limit == sentinelPong, diagnose(err).class != ClassTimeout, ps.Ping(one.life) != nil:
			return stood
		default:
			limit = sentinelPong
		}
	}
}

// heed draws the conclusions from what a sentinel announced.
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#pubsub-messages.
func (w *sentinelWatch) heed(master string, one *sentinel, m *redis.Message) {
	name, addr := subject(m)
	if name != master {
		return
	}
	if failoverBegins[m.Channel] {
		w.hold(one, addr, m.Channel)
	}
	switch {
	case m.Channel == "+selected-slave":
		if words := strings.Fields(m.Payload); len(words) > 3 {
			if addr, err := nodeAddress(words[2], words[3]); err == nil {
				w.chosen.Store(&choice{addr: addr, at: time.Now()})
			}
		}
	case strings.HasPrefix(m.Channel, "-failover-abort"):
		w.chosen.Store(nil)
		w.client.writes.abort(one.addr)
	}
	w.hurry()
}

// hold holds writes because a sentinel fails a master over. One that was left
// already is no reason to wait any more.
func (w *sentinelWatch) hold(one *sentinel, master, said string) {
	if master == w.client.server() && w.client.config.Sentinel.WriteGate && w.client.writes.shut(one.addr) {
		w.client.log.Info("redis writes held", "sentinel", one.addr, "said", said)
	}
}

// failoverBegins are the announcements of the steps before the successor is
// made a master. Any may be the first that is heard.
var failoverBegins = map[string]bool{
	"+try-failover": true, "+elected-leader": true, "+failover-state-select-slave": true, "+selected-slave": true,
	"+failover-state-send-slaveof-noone": true, "+failover-state-wait-promotion": true,
}

// subject is the name and the address of the master that an announcement is
// about: "master <name> <ip> <port>", "<type> <its name> <ip> <port> @ <name> <ip>
// <port>", or for a switch "<name> <old ip> <old port> …".
func subject(m *redis.Message) (name, addr string) {
	words := strings.Fields(m.Payload)
	switch {
	case len(words) > 2 && m.Channel == "+switch-master":
	case len(words) > 3 && words[0] == "master":
		words = words[1:]
	case len(words) > 7 && words[4] == "@":
		words = words[5:]
	default:
		return "", ""
	}
	addr, _ = nodeAddress(words[1], words[2]) // an odd one is nobody's
	return words[0], addr
}
