package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/redisconn/redisconn"
)

// network carries the demo's connections. It can lose exactly one reply, and it
// can be slow.
type network struct {
	open      redisconn.DialFunc
	dialled   atomic.Int64
	lossAhead atomic.Bool
	delay     atomic.Int64 // of every reply, in nanoseconds
}

// dial opens a connection. The first is the health monitor's and stays whole:
// what the demo breaks is commands.
func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := n.open(ctx, network, addr)
	if err != nil || n.dialled.Add(1) == 1 {
		return conn, err
	}
	return &frailConn{Conn: conn, network: n}, nil
}

// loseNextReply lets the next request arrive and its reply vanish, and the
// connection with it.
func (n *network) loseNextReply() { n.lossAhead.Store(true) }

// slowDown delays every reply.
func (n *network) slowDown(delay time.Duration) { n.delay.Store(int64(delay)) }

// frailConn is a connection through a network.
type frailConn struct {
	net.Conn
	network *network
	losing  atomic.Bool
}

func (c *frailConn) Write(p []byte) (int, error) {
	if c.network.lossAhead.CompareAndSwap(true, false) {
		c.losing.Store(true)
	}
	return c.Conn.Write(p)
}

// Read passes on what the server says. A reply that is to be lost is waited for,
// so that the server has executed the request for certain.
func (c *frailConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.losing.Load() {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Conn.Close())
	}
	time.Sleep(time.Duration(c.network.delay.Load()))
	return n, err
}

// embeddedNetwork is a network that leads to an embedded server.
type embeddedNetwork struct{ *network }

func (embeddedNetwork) Start() error { return nil }
func (embeddedNetwork) Close()       {}
func (n embeddedNetwork) Dial(ctx context.Context) (net.Conn, error) {
	return n.dial(ctx, "", "")
}
