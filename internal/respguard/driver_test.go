package respguard_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/respguard"
)

// The driver believes what a header announces: a peer that answers GET with the fourteen bytes "*2147483647\r\n" made
// it allocate 34 GB and the process died; an endless status line and nested headers took a gigabyte each. Behind a
// guard the call fails and next to nothing is allocated.
func TestTheDriverSurvivesAHostilePeer(t *testing.T) {
	for name, reply := range map[string]string{
		"huge array":      "*2147483647\r\n",
		"huge map":        "%1000000000\r\n",
		"huge set":        "~100000000\r\n",
		"huge bulk":       "$1073741824\r\n",
		"overflow":        "$9223372036854775807\r\n",
		"nested arrays":   strings.Repeat("*1\r\n", 1_000_000),
		"attribute chain": strings.Repeat("|0\r\n", 1_000_000),
		"endless line":    "+" + strings.Repeat("A", 8<<20),
		"multiplied":      "*2\r\n" + strings.Repeat("*8388608\r\n", 20),
	} {
		t.Run(name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{
				Protocol: 3, DisableIdentity: true, MaxRetries: -1,
				Dialer: func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go answer(far, reply)
					return &guardedConn{Conn: near, guard: respguard.New(respguard.Limits{Elements: 1 << 20})}, nil
				},
			})
			defer client.Close()

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := client.Do(t.Context(), "GET", "key").Err()
			runtime.ReadMemStats(&after)

			var limit *respguard.LimitError
			if !errors.As(err, &limit) {
				t.Errorf("GET: %v, want a LimitError", err)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32<<20 {
				t.Errorf("%d MiB allocated", allocated>>20)
			}
		})
	}
}

// answer plays an old server for the handshake and the hostile one for everything else.
func answer(conn net.Conn, reply string) {
	defer conn.Close()
	request := make([]byte, 4096)
	for {
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		text := reply
		if bytes.Contains(bytes.ToLower(request[:n]), []byte("hello")) {
			text = "-ERR unknown command 'hello'\r\n"
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			return
		}
	}
}

type guardedConn struct {
	net.Conn
	guard *respguard.Guard
}

func (c *guardedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if guardErr := c.guard.Check(p[:n]); guardErr != nil {
		c.Conn.Close()
		return 0, guardErr
	}
	return n, err
}
