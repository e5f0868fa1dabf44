// Package embedded is a Redis in this process, so that a service and its tests
// run with nothing installed:
//
//	cfg, err := redisconn.ParseURL("embedded://")
//	client, err := redisconn.Open(ctx, cfg, embedded.Option())
//
// The option matters to the mode embedded only, so a program may pass it always
// and leave the choice to its configuration: REDIS_URL=embedded:// on a
// developer's machine, rediss://… in production. A program that never imports
// this package has none of it in its binary.
//
// The server is miniredis (https://github.com/alicebob/miniredis). It speaks
// RESP 2 and 3, knows the common commands, scripts and publish/subscribe, and is
// reached through memory: no port is opened. Keys expire by the clock, which is
// the bubble's inside testing/synctest; TTL rounds down where Redis rounds to the
// nearest second. It is for development and tests: nothing is kept on disk, there
// are no users, rules or limits, INFO says little, and what it does under load is
// no measure of a real server. Health and logs say so.
package embedded

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/redisconn/redisconn"
)

// Option gives the mode embedded a server of its own. It begins empty when the
// first client that has this option connects, and its data is forgotten when the
// last one is closed. For a server that outlives its clients see [New].
func Option() redisconn.Option { return redisconn.WithEmbedded(&private{}) }

// Server is an embedded Redis that several clients share and that outlives each
// of them, until Close. All methods are safe for concurrent use.
type Server struct {
	clock *clock
	mu    sync.Mutex           // guards redis
	redis *miniredis.Miniredis // nil after Close
}

// New makes a server that is empty. It opens no port and starts no goroutine;
// each connection has its own.
func New() *Server {
	redis := miniredis.NewMiniRedis()
	return &Server{redis: redis, clock: &clock{redis: redis, told: time.Now()}}
}

// Option connects clients to this server.
func (s *Server) Option() redisconn.Option { return redisconn.WithEmbedded(shared{s}) }

// FastForward lets that much time pass for the keys that have a time to live.
func (s *Server) FastForward(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis != nil {
		s.redis.FastForward(d)
	}
}

// Close ends the server: its connections break, its data is forgotten, and
// clients that connect later are refused. Closing it again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis != nil {
		s.redis.Close()
		s.redis = nil
	}
}

// errEnded refuses a connection to a server that is closed.
var errEnded = &net.OpError{Op: "dial", Net: pipeAddr{}.Network(), Addr: pipeAddr{}, Err: net.ErrClosed}

// Dial opens a connection to the server, for what is not a redisconn client:
// the Dialer of a plain driver client, a proxy in a test.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redis == nil {
		return nil, errEnded
	}
	if s.redis.Server() == nil {
		// miniredis's Start listens on a port, its Dial does not; but what Dial
		// returns cannot take a long pipeline, see newPipe.
		unused, err := s.redis.Dial()
		if err != nil {
			return nil, err
		}
		_ = unused.Close() // a net.Pipe's, which cannot fail
	}
	client, server := newPipe()
	s.redis.Server().ServeConn(clocked{server, s.clock})
	return client, nil
}

// shared is a Server as a client sees it: whether the client lives does not
// matter to the server.
type shared struct{ server *Server }

func (s shared) Start() error                               { return nil }
func (s shared) Dial(ctx context.Context) (net.Conn, error) { return s.server.Dial(ctx) }
func (s shared) Close()                                     {}

// private is a server that lives as long as the clients that use it.
type private struct {
	mu     sync.Mutex // guards what follows
	users  int
	server *Server // nil without users
}

// Start counts a client in.
func (p *private) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users++; p.users == 1 {
		p.server = New()
	}
	return nil
}

func (p *private) Dial(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	server := p.server
	p.mu.Unlock()
	if server == nil { // the dial of a client that is closed meanwhile
		return nil, errEnded
	}
	return server.Dial(ctx)
}

// Close counts a client out.
func (p *private) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		p.server.Close()
		p.server = nil
	}
}
