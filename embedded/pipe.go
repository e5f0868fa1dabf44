package embedded

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// newPipe makes a connection inside the process. Unlike net.Pipe's, its writers
// never wait for a reader: miniredis answers each command before it reads the
// next, so over net.Pipe a client that writes a pipeline of some kilobytes and a
// server that writes the first reply would wait for each other. A real server
// keeps replies in memory likewise.
func newPipe() (client, server net.Conn) {
	requests, replies := newStream(), newStream()
	return &conn{in: replies, out: requests}, &conn{in: requests, out: replies}
}

// conn is one end of a pipe.
type conn struct {
	in, out *stream
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions. The other end can still read what was written.
func (c *conn) Close() error {
	c.in.abandon()
	c.out.finish()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *conn) RemoteAddr() net.Addr { return pipeAddr{} }

func (c *conn) SetDeadline(t time.Time) error     { return c.SetReadDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error { c.in.expire(t); return nil }

// SetWriteDeadline does nothing: a write never waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "embedded" }

// stream is one direction of a pipe.
type stream struct {
	mu        sync.Mutex // guards what follows
	changed   sync.Cond  // signals a change of it
	written   bytes.Buffer
	finished  bool      // by the writer: no more comes
	abandoned bool      // by the reader: nobody listens
	deadline  time.Time // of reads; zero for none
}

func newStream() *stream {
	s := &stream{}
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, net.ErrClosed
		case !s.deadline.IsZero() && time.Until(s.deadline) <= 0:
			return 0, os.ErrDeadlineExceeded
		case s.written.Len() > 0:
			return s.written.Read(p)
		case s.finished:
			return 0, io.EOF
		}
		s.wait()
	}
}

// wait waits for a change, or for the deadline.
func (s *stream) wait() {
	if !s.deadline.IsZero() {
		alarm := time.AfterFunc(time.Until(s.deadline), s.wake)
		defer alarm.Stop()
	}
	s.changed.Wait()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.finished:
		return 0, net.ErrClosed
	case s.abandoned:
		return 0, syscall.EPIPE
	}
	s.changed.Broadcast()
	return s.written.Write(p)
}

// finish ends the stream from the writer's side.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.changed.Broadcast()
}

// abandon ends the stream from the reader's side.
func (s *stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
	s.changed.Broadcast()
}

// expire sets the time at which reads give up; the zero time is never.
func (s *stream) expire(deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = deadline
	s.changed.Broadcast() // a reader that waits goes by the new deadline
}
