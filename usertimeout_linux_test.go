package redisconn_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// lookingHook lets a test look at the socket of a connection that a client dials.
type lookingHook struct{ seen chan int }

func (h lookingHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil, err
		}
		return conn, raw.Control(func(fd uintptr) {
			value, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 0x12)
			if err != nil {
				value = -1
			}
			select {
			case h.seen <- value:
			default:
			}
		})
	}
}
func (lookingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (lookingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestTheKernelGivesUpUnacknowledgedDataWithinTheSilenceTimeout(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Timeouts.Silence = 7 * time.Second
	hook := lookingHook{seen: make(chan int, 1)}
	client := openClient(t, cfg, redisconn.WithHooks(hook))
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := <-hook.seen; got != 7000 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, want 7000", got)
	}
}

func TestASocketThatIsClosedHasNoLimitToSet(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := redisconn.LimitUnacknowledged(conn, time.Second); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := redisconn.LimitUnacknowledged(conn, time.Second); err == nil {
		t.Error("no error")
	}
	if err := redisconn.LimitUnacknowledged(&net.TCPConn{}, time.Second); err == nil {
		t.Error("no error for no socket")
	}
	if err := redisconn.LimitUnacknowledged(&net.UnixConn{}, time.Second); err != nil {
		t.Errorf("a unix socket: %v", err)
	}
}

func TestADialThatReturnsAClosedSocketIsAFailedDial(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Timeouts.Connect = 100 * time.Millisecond
	client := newClient(t, cfg, redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return conn, conn.Close()
	}))
	var failed *redisconn.ConnectError
	if err := client.Connect(t.Context()); !errors.As(err, &failed) || failed.Stage != redisconn.StageDial {
		t.Errorf("got %v", err)
	}
}
