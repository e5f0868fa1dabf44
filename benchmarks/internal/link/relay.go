// Package link has networks that are farther away than loopback: a relay that
// holds every reply back for a while. It runs as a process of its own, so that
// its work is not counted as the client's.
package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// replyPiece is the most that one read of replies takes.
	replyPiece = 64 << 10

	// underway is how many pieces of one connection may be on their way. A
	// server that is faster waits, as it would behind a full window.
	underway = 4096

	upstreamLimit = 5 * time.Second
)

// Relay passes connections on to a server, and its replies back after a delay.
// All of the delay is on the way back: a client sees a round trip, and does not
// see which way was the long one.
type Relay struct {
	upstream string
	delay    time.Duration
	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// Listen starts a relay on a free loopback port.
func Listen(upstream string, delay time.Duration) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{upstream: upstream, delay: delay, listener: listener, conns: map[net.Conn]struct{}{}}
	r.work.Go(r.accept)
	return r, nil
}

// Addr is where clients connect.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close cuts all connections and waits for what served them.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	err := r.listener.Close()
	for conn := range r.conns {
		err = errors.Join(err, conn.Close())
	}
	r.mu.Unlock()
	r.work.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.work.Go(func() { r.serve(client) })
	}
}

func (r *Relay) serve(client net.Conn) {
	if !r.keep(client) {
		return
	}
	defer r.drop(client)
	server, err := net.DialTimeout("tcp", r.upstream, upstreamLimit)
	if err != nil {
		return // the client sees its connection end, as before a server that is gone
	}
	if !r.keep(server) {
		return
	}
	defer r.drop(server)
	r.work.Go(func() {
		_, _ = io.Copy(server, client) // ends with either side, and so does what comes now
		r.drop(server)
	})
	r.reply(client, server)
}

// piece is a part of the replies and when the client may have it.
type piece struct {
	due  time.Time
	data []byte
}

// reply passes replies back, each piece as late as the delay says and no later for the pieces before it.
func (r *Relay) reply(client, server net.Conn) {
	pieces := make(chan piece, underway)
	r.work.Go(func() {
		defer close(pieces)
		buffer := make([]byte, replyPiece)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			pieces <- piece{time.Now().Add(r.delay), append([]byte(nil), buffer[:n]...)}
		}
	})
	broken := false
	for p := range pieces { // to the end, so that the reader is never left behind
		if broken {
			continue
		}
		time.Sleep(time.Until(p.due))
		if _, err := client.Write(p.data); err != nil {
			broken = true
			r.drop(server)
		}
	}
}

func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = conn.Close() // nobody waits for it
		return false
	}
	r.conns[conn] = struct{}{}
	return true
}

func (r *Relay) drop(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	_ = conn.Close() // it may be closed already
}
