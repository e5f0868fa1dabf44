package redisconn_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// lookingHook lets a test look at the socket of a connection that a client dials:
// its options, by their names.
type lookingHook struct{ seen chan map[string]int }

// socketOptions are the options that decide when the kernel gives up a peer.
var socketOptions = map[string][2]int{
	"TCP_USER_TIMEOUT": {syscall.IPPROTO_TCP, 0x12},
	"SO_KEEPALIVE":     {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
	"TCP_KEEPIDLE":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE},
	"TCP_KEEPINTVL":    {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL},
	"TCP_KEEPCNT":      {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
}

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
			values := map[string]int{}
			for name, option := range socketOptions {
				value, err := syscall.GetsockoptInt(int(fd), option[0], option[1])
				if err != nil {
					value = -1
				}
				values[name] = value
			}
			select {
			case h.seen <- values:
			default:
			}
		})
	}
}
func (lookingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (lookingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestTheKernelGivesUpAPeerWithinTheSilenceTimeout(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Timeouts.Silence = 12 * time.Second
	hook := lookingHook{seen: make(chan map[string]int, 1)}
	client := openClient(t, cfg, redisconn.WithHooks(hook))
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	// Data that stays unacknowledged is given up by the first; an idle link is asked
	// after half of the time, three times.
	want := map[string]int{"TCP_USER_TIMEOUT": 12_000, "SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 6, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
	if got := <-hook.seen; !maps.Equal(got, want) {
		t.Errorf("the socket has %v, want %v", got, want)
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
