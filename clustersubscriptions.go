package redisconn

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// newClusterSubscribers makes the driver clients of a cluster's subscriptions: one
// for channels and patterns, which every node carries, and one for the channels of
// shards, which only the node of their slot does. Both outlive generations; see
// newSubscriber.
func (c *Client) newClusterSubscribers(t *target) (driver, sharded redis.UniversalClient) {
	dial := func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := c.generation.Load().dialThrough(c.hooks)(ctx, addr)
		return c.subscriptions.gaps.watchGap(ctx, conn, addr), err
	}
	left := func(addr string) { c.generation.Load().cluster.misled(addr) }
	dialSharded := func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := dial(ctx, addr)
		return c.subscriptions.shards.tie(addr, conn, left), err
	}
	slots := func(ctx context.Context) ([]redis.ClusterSlot, error) { return c.generation.Load().cluster.slots(ctx) }
	make := func(dial dialAddr) redis.UniversalClient {
		options := clusterOptions(t.config, slots, dial)
		options.CredentialsProviderContext = func(context.Context) (username, password string, err error) {
			now := c.generation.Load().config.Connection
			return now.Username, now.Password.Reveal(), nil
		}
		return redis.NewClusterClient(options)
	}
	return make(dial), make(dialSharded)
}

// ties are the connections of subscriptions to channels of shards, by the node
// that they lead to.
type ties struct {
	mu     sync.Mutex // guards byAddr
	byAddr map[string]map[*tiedConn]struct{}
}

// tiedConn is a connection that its ties know of until it is closed.
type tiedConn struct {
	net.Conn
	addr string
	ties *ties
	left func(addr string) // tells that the node ended a subscription

	leaving atomic.Bool               // the program ended one: whose wish the next end is nobody can tell
	ended   atomic.Pointer[time.Time] // when the node did, unasked: nothing comes since
}

func (t *ties) tie(addr string, conn net.Conn, left func(addr string)) net.Conn {
	tied := &tiedConn{Conn: conn, addr: addr, ties: t, left: left}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byAddr == nil {
		t.byAddr = map[string]map[*tiedConn]struct{}{}
	}
	if t.byAddr[addr] == nil {
		t.byAddr[addr] = map[*tiedConn]struct{}{}
	}
	t.byAddr[addr][tied] = struct{}{}
	return tied
}

// cut closes the connections to a node. Nobody but us knows that they break.
func (t *ties) cut(addr string) {
	t.mu.Lock()
	tied := slices.Collect(maps.Keys(t.byAddr[addr]))
	t.mu.Unlock()
	for _, conn := range tied {
		if stood, ok := conn.Conn.(*subscriptionLink); ok {
			now := time.Now()
			stood.broke(*cmp.Or(conn.ended.Load(), &now))
		}
		closeQuietly(conn.Conn)
	}
}

// farewell is how the end of a subscription looks on the wire, asked for or not,
// and the command that asks for it.
var farewell = []byte("$12\r\nsunsubscribe\r\n")

// Write passes on what the driver sends, and notes when the program unsubscribes.
func (c *tiedConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, farewell) {
		c.leaving.Store(true)
	}
	return c.Conn.Write(p)
}

// Read passes on what the node sends. A node that gives a slot away ends the
// subscriptions to its channels unasked, and a client that only listens has no
// command that would be sent on. It is a hint and no more: one that is cut in two,
// or came after the program unsubscribed, is found by the next look at the node's
// epoch; a message with such a text costs a look at the slots.
func (c *tiedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.leaving.Load() && bytes.Contains(p[:n], farewell) {
		now := time.Now()
		c.ended.CompareAndSwap(nil, &now)
		c.left(c.addr)
	}
	return n, err
}

// Close closes the connection.
func (c *tiedConn) Close() error {
	c.ties.mu.Lock()
	delete(c.ties.byAddr[c.addr], c)
	if len(c.ties.byAddr[c.addr]) == 0 {
		delete(c.ties.byAddr, c.addr)
	}
	c.ties.mu.Unlock()
	return c.Conn.Close()
}

// follow makes subscriptions go by another topology. A node that gives a slot
// away ends the subscriptions to its channels, and the driver takes that for the
// program's own wish: so their connections are cut, and the driver subscribes
// anew, at the node that has the slot now.
func (s *subscriptions) follow(ctx context.Context, before, now *topology) {
	for _, driver := range []*subscriber{s.driver.Load(), s.sharded.Load()} {
		if client, ok := driver.UniversalClient.(*redis.ClusterClient); ok {
			// It asks for the slots, which are known here, and nothing else.
			_ = client.ForEachMaster(ctx, func(context.Context, *redis.Client) error { return nil })
		}
	}
	for _, was := range before.shards {
		kept := slices.ContainsFunc(now.shards, func(is shardLayout) bool {
			return is.master == was.master && len(complementIn(was.slots, is.slots)) == 0
		})
		if !kept {
			s.shards.cut(was.master)
		}
	}
}

// complementIn is the slots of ranges that others do not have.
func complementIn(ranges, others []slotRange) (missing []slotRange) {
	has := func(slot int) bool {
		return slices.ContainsFunc(others, func(r slotRange) bool { return r.first <= slot && slot <= r.last })
	}
	for _, r := range ranges {
		for slot := r.first; slot <= r.last; slot++ {
			if !has(slot) {
				missing = append(missing, slotRange{slot, slot})
			}
		}
	}
	return missing
}
