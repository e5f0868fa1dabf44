package redisconn

import (
	"context"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Seams for the black-box tests of clusters and of the addresses that Redis names.

// CrossSlot is the error of keys in different slots.
func CrossSlot(keys ...string) error { return crossSlot(keys) }

// SentOn is the error of a command that was sent on too often.
func SentOn(hops int, last error) error { return &strayError{hops, last} }

// Unserved is the error of a slot that nobody serves; -1 of a cluster that serves nothing.
func Unserved(slot int) error { return &unservedError{slot} }

// WrongMode is the error of a server of another kind.
func WrongMode(found, fix string) error { return &modeError{found, fix} }

// AddressRefused is the error of an address that Redis named.
func AddressRefused(addr, reason string) error { return &addressError{addr, reason} }

// Vet judges an address that Redis named, for a client with these addresses and
// this allow-list.
func Vet(ctx context.Context, configured, allowed []string, addr string) ([]string, error) {
	return newAllowList(ConnectionConfig{Addrs: configured, AllowAddrs: allowed}, func(*addressError) {}).vet(ctx, addr)
}

// TellRefused tells of an address that was refused.
func TellRefused(c *Client, addr string) { c.addressTeller()(&addressError{addr, "a test"}) }

// NeverAllowed is neverAllowed.
func NeverAllowed(ip netip.Addr) string { return neverAllowed(ip) }

// KindOf is kindOf.
func KindOf(ip netip.Addr) string { return kindOf(ip) }

// SlotOf is slotOf.
func SlotOf(key string) int { return slotOf(key) }

// SlotRanges is slotRanges.
func SlotRanges(slots []int) []string { return slotRanges(slots) }

// RedirectionOf reads a redirection.
func RedirectionOf(err error, slot int, from string) (addr string, ask, ok bool) {
	r, ok := redirectionOf(err, slot, from)
	return r.addr, r.ask, ok
}

// ClusterOptions is what a configuration, its defaults filled in, becomes for the
// driver's cluster client.
func ClusterOptions(c Config) *redis.ClusterOptions {
	return clusterOptions(c, func(context.Context) ([]redis.ClusterSlot, error) { return nil, nil }, nil)
}

// NodeOptions is what it becomes for a node.
func NodeOptions(c Config) *redis.Options { return nodeOptions(c, "a:1", nil) }

// Topology is a reply to CLUSTER SLOTS as it is read: for each shard its slots and
// its nodes, and who serves what is left.
func Topology(reply []any, origin string) (shards [][]string, uncovered, summary string, err error) {
	t, err := readTopology(reply, origin)
	if err != nil {
		return nil, "", "", err
	}
	for _, s := range t.shards {
		shards = append(shards, append([]string{s.name(), s.master}, s.replicas...))
	}
	return shards, joinRanges(t.uncovered()), t.summary(), nil
}

// TopologyChanges is what two replies to CLUSTER SLOTS differ in.
func TopologyChanges(before, now []any, origin string) []string {
	a, _ := readTopology(before, origin)
	b, _ := readTopology(now, origin)
	return b.changes(a)
}

// Succeed replaces the current generation of a client by one of the same
// configuration.
func Succeed(ctx context.Context, c *Client) error {
	began := time.Now()
	t, err := c.newTarget(background)
	if err != nil {
		return err
	}
	p, facts, err := t.verify(ctx, nil)
	if err != nil {
		return err
	}
	if !c.succeed(successor{target: t, probe: p, facts: facts, reason: "a test", began: began, grace: time.Second}) {
		return ErrClosed
	}
	return nil
}

// TestCluster is a cluster whose nodes nobody connects to.
type TestCluster struct{ cluster *cluster }

// NewTestCluster makes a cluster of a reply to CLUSTER SLOTS.
func NewTestCluster(cfg Config, reply []any) TestCluster {
	layout, _ := readTopology(reply, "seed:1")
	cl := newCluster(cfg, layout, func() {})
	resolved := cfg.withDefaults()
	silent := func(dialAddr) *redis.Options { return newSilentDriver().Options() }
	cl.begin(func(string) *drivers {
		off := &lane{client: newSilentDriver()}
		off.direct.Store(math.MaxInt64)
		return &drivers{direct: newSilentDriver(), lane: off, blocking: newBlockingRoute(resolved, silent, nil)}
	})
	return TestCluster{cl}
}

func (c TestCluster) At(addr string) { c.cluster.at(addr) }
func (c TestCluster) Sweep()         { c.cluster.sweep() }
func (c TestCluster) Close() error   { return c.cluster.close() }

// Adopt makes another reply the one that commands follow.
func (c TestCluster) Adopt(reply []any) {
	layout, _ := readTopology(reply, "seed:1")
	c.cluster.adopt(layout)
}

// Kill makes a node one that the monitor found dead.
func (c TestCluster) Kill(addr string) { c.cluster.at(addr).dead.Store(&outage{}) }

// Measure gives a node a latency.
func (c TestCluster) Measure(addr string, latency time.Duration) {
	c.cluster.at(addr).latency.Store(int64(latency))
}

// Nodes returns the addresses of the nodes.
func (c TestCluster) Nodes() []string {
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	return slices.Sorted(maps.Keys(c.cluster.nodes))
}

// Route returns the address that a command for a slot goes to.
func (c TestCluster) Route(slot int, args ...any) (string, error) {
	node, err := c.cluster.route(slot, args)
	if err != nil {
		return "", err
	}
	return node.addr, nil
}

// Process makes one attempt at a command.
func (c TestCluster) Process(ctx context.Context, cmd redis.Cmder) error {
	return c.cluster.process(ctx, cmd, (*clusterNode).sendPlain)
}

// TiedConnection wraps the connection of a subscription to the channels of a shard;
// cut is what happens to it when its slot moves.
func TiedConnection(conn net.Conn, left func(addr string)) (tied net.Conn, cut func()) {
	all := new(ties)
	return all.tie("a:1", conn, left), func() { all.cut("a:1") }
}
