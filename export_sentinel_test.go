package redisconn

import (
	"maps"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Seams for the black-box tests of sentinels.

// ErrUnknownMaster is what a sentinel says of a name that it does not know.
var ErrUnknownMaster = errUnknownMaster

// NoMasterError is the error of a question that sentinels, by their addresses,
// answered like this.
func NoMasterError(master string, said map[string]error) error {
	t := testimony{master: master}
	for _, addr := range slices.Sorted(maps.Keys(said)) {
		t.words = append(t.words, word{from: &sentinel{addr: addr}, err: said[addr]})
	}
	return t.failure()
}

// Word is what a sentinel says in a test.
type Word struct {
	Sentinel, Master string
	Epoch            int64
	Err              error
}

// Candidates are the addresses that sentinels name, the most credible first.
func Candidates(words ...Word) []string {
	var t testimony
	for _, w := range words {
		t.words = append(t.words, word{from: &sentinel{addr: w.Sentinel}, addr: w.Master, epoch: w.Epoch, err: w.Err})
	}
	var addrs []string
	for _, c := range t.candidates() {
		addrs = append(addrs, c.addr)
	}
	return addrs
}

// Concerns reports whether an announcement is about a master.
func Concerns(channel, payload, master string) bool {
	name, _ := subject(&redis.Message{Channel: channel, Payload: payload})
	return name == master
}

// WriteGate is the gate of a client's writes, on its own.
type WriteGate struct{ gate writeGate }

func (g *WriteGate) Shut(sentinel string) bool { return g.gate.shut(sentinel) }
func (g *WriteGate) Abort(sentinel string)     { g.gate.abort(sentinel) }
func (g *WriteGate) Open() time.Duration       { return g.gate.open() }
func (g *WriteGate) Held() bool                { return g.gate.held.Load() != nil }

// Stale is the end of a hold that has ended already.
func (g *WriteGate) Stale() func() time.Duration {
	h := g.gate.held.Load()
	return func() time.Duration { return g.gate.release(h) }
}

// MaxHold is maxHold.
const MaxHold = maxHold

// HoldWrites holds a client's writes as a sentinel's announcement does.
func HoldWrites(c *Client)  { c.writes.shut("a test") }
func LetGoWrites(c *Client) { c.writes.open() }

// Gaps is the books of broken subscriptions, with the events it told.
type Gaps struct {
	gaps   gaps
	Events []Event
}

// Connection wraps the connection of a subscription to a node.
func (g *Gaps) Connection(conn net.Conn, node string, first bool) net.Conn {
	g.gaps.told = func(e Event) { g.Events = append(g.Events, e) }
	ctx := background
	if first {
		ctx = withFirstConnection(ctx)
	}
	return g.gaps.watchGap(ctx, conn, node)
}

// ReplicaLags reads the lags from INFO replication.
var ReplicaLags = replicaLags

// QuorumFault says what sentinels cannot do any more.
func QuorumFault(q Quorum) string { return q.fault() }

// KnownSentinels are the addresses of those that a client asks.
func KnownSentinels(c *Client) []string {
	var addrs []string
	for _, one := range c.generation.Load().sentinels.all() {
		addrs = append(addrs, one.addr)
	}
	return addrs
}

// Announce is a sentinel's announcement to a client.
func Announce(c *Client, channel, payload string) {
	g := c.generation.Load()
	c.watch.Load().heed(g.sentinels.master, g.sentinels.all()[0], &redis.Message{Channel: channel, Payload: payload})
}

// Chosen is the replica that a failover chose, as far as a client knows.
func Chosen(c *Client) string {
	if chosen := c.watch.Load().chosen.Load(); chosen != nil {
		return chosen.addr
	}
	return ""
}

// WritesHeld reports whether a client holds writes.
func WritesHeld(c *Client) bool { return c.writes.held.Load() != nil }
