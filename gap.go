package redisconn

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gaps pairs the connections of subscriptions that broke with those that took
// their place. What was published between the two is lost, and Redis does not
// say so: whoever subscribed must hear it from us.
type gaps struct {
	told func(Event)

	mu   sync.Mutex // guards open
	open []gap      // the oldest first
}

// gap is a subscription without a connection.
type gap struct {
	since time.Time
	node  string // where it was connected
}

// maxGaps bounds what is remembered of subscriptions that never came back.
const maxGaps = 1024

// begin notes that the connection of a subscription broke, and since when nothing
// came.
func (g *gaps) begin(node string, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.open) == maxGaps {
		g.open = slices.Delete(g.open, 0, 1)
	}
	g.open = append(g.open, gap{since: since, node: node})
}

// end notes that a subscription stands again. Which one it is the driver does
// not tell; the one that waits longest is as good as any.
func (g *gaps) end(node string) {
	g.mu.Lock()
	if len(g.open) == 0 {
		g.mu.Unlock()
		return // it is a new one
	}
	one := g.open[0]
	g.open = slices.Delete(g.open, 0, 1)
	g.mu.Unlock()
	text := "a subscription moved from " + one.node + " to " + node
	if one.node == node {
		text = "a subscription connected to " + node + " again"
	}
	g.told(Event{Kind: EventGap, Node: node, Took: time.Since(one.since), Detail: text + "; what was published meanwhile is lost"})
}

// firstConnection marks the context of a subscription that is being made: its
// connection takes the place of none.
type firstConnection struct{}

func withFirstConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, firstConnection{}, true)
}

// watchGap wraps the connection of a subscription.
func (g *gaps) watchGap(ctx context.Context, conn net.Conn, node string) net.Conn {
	if _, broken := conn.(brokenLink); broken {
		return conn
	}
	return &subscriptionLink{Conn: conn, gaps: g, node: node, first: ctx.Value(firstConnection{}) != nil}
}

// subscriptionLink is the connection of a subscription. It stands from the first
// reply to SUBSCRIBE until it breaks or is closed.
type subscriptionLink struct {
	net.Conn
	gaps  *gaps
	node  string
	first bool

	asked atomic.Bool // SUBSCRIBE was written
	stood atomic.Bool // and answered
	ended atomic.Bool
}

func (l *subscriptionLink) Write(p []byte) (int, error) {
	if !l.asked.Load() && !isHandshake(p) {
		l.asked.Store(true)
	}
	n, err := l.Conn.Write(p)
	l.note(err)
	return n, err
}

func (l *subscriptionLink) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 && l.asked.Load() && l.stood.CompareAndSwap(false, true) && !l.first {
		l.gaps.end(l.node)
	}
	l.note(err)
	return n, err
}

// note notes how the connection ended, if that is what err means.
func (l *subscriptionLink) note(err error) {
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return
	}
	l.broke(time.Now())
}

// broke begins the gap of a subscription that stood.
func (l *subscriptionLink) broke(at time.Time) {
	if l.stood.Load() && l.ended.CompareAndSwap(false, true) {
		l.gaps.begin(l.node, at)
	}
}

// Close closes the connection. It breaks nothing: the program ended the
// subscription, or the driver a connection that had broken before.
func (l *subscriptionLink) Close() error {
	l.ended.Store(true)
	return l.Conn.Close()
}
