package redisconn

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/redis/go-redis/v9"
)

// subscriptions knows the subscriptions that may be open, to close them at the
// end: the driver's Close leaves one goroutine behind for each whose channel
// is in use. It holds them weakly, because nothing tells when a program closes one.
type subscriptions struct {
	driver  atomic.Pointer[subscriber] // that they belong to; nil before Connect
	sharded atomic.Pointer[subscriber] // that those of a cluster's shards belong to
	shards  ties                       // the connections of these
	gaps    gaps

	mu   sync.Mutex // guards what follows
	open map[weak.Pointer[redis.PubSub]]struct{}
	over bool
}

// track notes a subscription, or closes it when the client is closed.
func (s *subscriptions) track(ps *redis.PubSub) *redis.PubSub {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		_ = ps.Close() // Receive says so
		return ps
	}
	if s.open == nil {
		s.open = map[weak.Pointer[redis.PubSub]]struct{}{}
	}
	handle := weak.Make(ps)
	s.open[handle] = struct{}{}
	runtime.AddCleanup(ps, s.forget, handle)
	return ps
}

func (s *subscriptions) forget(handle weak.Pointer[redis.PubSub]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, handle)
}

// closeAll closes what is open and counts what was not closed before.
func (s *subscriptions) closeAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	closed := 0
	for handle := range s.open {
		if ps := handle.Value(); ps != nil && !errors.Is(ps.Close(), redis.ErrClosed) {
			closed++
		}
	}
	s.open = nil
	return closed
}

// subscriber is a driver client that subscriptions belong to.
type subscriber struct{ redis.UniversalClient }

// begin says which driver clients subscriptions belong to from now on.
func (s *subscriptions) begin(driver, sharded redis.UniversalClient) {
	s.driver.Store(&subscriber{driver})
	s.sharded.Store(&subscriber{sharded})
}

// end closes the driver clients of the subscriptions, which are closed already.
func (s *subscriptions) end() error {
	if driver := s.driver.Load(); driver != nil {
		return errors.Join(closeDriver(driver), closeDriver(s.sharded.Load()))
	}
	return nil
}

// newSubscriber makes the driver client of the subscriptions. It outlives
// generations: each of its connections leads to where the current one does, so
// that a subscription whose connection ends with its generation goes on in the next.
func (c *Client) newSubscriber(t *target) redis.UniversalClient {
	options := driverOptions(t.config, t.addr, func(ctx context.Context, _ string) (net.Conn, error) {
		g := c.generation.Load()
		conn, err := g.dialThrough(c.hooks)(ctx, g.addr)
		return c.subscriptions.gaps.watchGap(ctx, conn, g.addr), err
	})
	options.MinIdleConns = 0
	options.CredentialsProviderContext = func(context.Context) (username, password string, err error) {
		now := c.generation.Load().config.Connection
		return now.Username, now.Password.Reveal(), nil
	}
	return redis.NewClient(options)
}

// subscriber is the driver client that a new subscription belongs to. Before
// Connect it is one that cannot dial: the subscription's Receive says so.
func (c *Client) subscriber() redis.UniversalClient {
	if driver := c.subscriptions.driver.Load(); driver != nil {
		return driver
	}
	return c.face
}

// shardSubscriber is subscriber for the channels of a cluster's shard.
func (c *Client) shardSubscriber() redis.UniversalClient {
	if driver := c.subscriptions.sharded.Load(); driver != nil {
		return driver
	}
	return c.face
}

// Subscribe subscribes to channels, on a connection of its own that the driver
// opens again when it breaks. Shutdown closes it.
func (c *Client) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	return c.subscriptions.track(c.subscriber().Subscribe(withFirstConnection(ctx), channels...))
}

// PSubscribe is Subscribe for patterns.
func (c *Client) PSubscribe(ctx context.Context, patterns ...string) *redis.PubSub {
	return c.subscriptions.track(c.subscriber().PSubscribe(withFirstConnection(ctx), patterns...))
}

// SSubscribe is Subscribe for the channels of a cluster's shard.
func (c *Client) SSubscribe(ctx context.Context, channels ...string) *redis.PubSub {
	return c.subscriptions.track(c.shardSubscriber().SSubscribe(withFirstConnection(ctx), channels...))
}
