package redisconn_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// memoryServer is a server without a network, so that a test may fake the time
// (testing/synctest). It does what the test tells it at the moment.
type memoryServer struct {
	mu      sync.Mutex // guards what follows
	refuses bool
	mute    bool
	late    time.Duration
	role    string
	answers map[string]string // replies by command, in the place of the usual ones
	calls   map[string]int
	dials   int
	conns   []net.Conn
}

func newMemoryServer() *memoryServer {
	return &memoryServer{role: "master", answers: map[string]string{}, calls: map[string]int{}}
}

// set changes the server under its lock.
func (s *memoryServer) set(change func(*memoryServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// cut ends every connection.
func (s *memoryServer) cut() {
	s.set(func(s *memoryServer) {
		for _, conn := range s.conns {
			conn.Close()
		}
		s.conns = nil
	})
}

func (s *memoryServer) count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[command]
}

func (s *memoryServer) dialled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

func (s *memoryServer) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.refuses {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	s.conns = append(s.conns, far)
	go s.serve(far)
	return near, nil
}

// open connects a client to the server. It needs no cleanup of the test's, which
// would run outside the bubble: the caller drains it.
func (s *memoryServer) open(t *testing.T, change func(*redisconn.Config), opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{"memory:6379"}}, Pool: redisconn.PoolConfig{Size: 10}}
	if change != nil {
		change(&cfg)
	}
	client, err := redisconn.Open(t.Context(), cfg, append([]redisconn.Option{redisconn.WithDialer(s.dial), (&logLines{}).option()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *memoryServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		args, err := readRequest(in)
		if err != nil {
			return
		}
		reply, late := s.reply(args)
		time.Sleep(late) // fake time: the latency that the client is to see
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func (s *memoryServer) reply(args []string) (reply string, late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(args[0])
	s.calls[name]++
	if s.mute {
		return "", 0
	}
	if answer, ok := s.answers[name]; ok {
		return answer, s.late
	}
	switch name {
	case "hello":
		return "%5\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n" + bulk(s.role), s.late
	case "info":
		return bulk("redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:" + s.role + "\r\nconnected_slaves:0\r\nloading:0\r\n"), s.late
	case "ping":
		return "+PONG\r\n", s.late
	}
	return "+OK\r\n", s.late
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func readRequest(in *bufio.Reader) ([]string, error) {
	count, err := readNumber(in)
	if err != nil {
		return nil, err
	}
	args := make([]string, count)
	for i := range args {
		size, err := readNumber(in)
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		args[i] = string(text[:size])
	}
	return args, nil
}

// readNumber reads a line such as *3 or $5.
func readNumber(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
