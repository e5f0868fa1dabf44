package redisconn_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A hundred SETs in one pipeline, on one real server: the driver alone, this
// layer's Pipelined, and RunPipeline with its accounts.
func BenchmarkPipelineOf100(b *testing.B) { benchmarkPipelines(b, false) }

// The same without the server and the network, whose noise hides what there is to
// see: what the client itself does.
func BenchmarkPipelineOf100Unsent(b *testing.B) { benchmarkPipelines(b, true) }

// agreeing is a connection that, once it is told so, sends nothing and answers
// every SET with OK.
type agreeing struct {
	*net.TCPConn
	now  *atomic.Bool
	owed int
}

func (c *agreeing) Write(p []byte) (int, error) {
	if !c.now.Load() {
		return c.TCPConn.Write(p)
	}
	c.owed += bytes.Count(p, []byte("*3\r\n"))
	return len(p), nil
}

func (c *agreeing) Read(p []byte) (n int, err error) {
	if !c.now.Load() {
		return c.TCPConn.Read(p)
	}
	if c.owed == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	for c.owed > 0 && n+5 <= len(p) {
		n += copy(p[n:], "+OK\r\n")
		c.owed--
	}
	return n, nil
}

func benchmarkPipelines(b *testing.B, unsent bool) {
	server := redisconntest.NewServer(b)
	var agree atomic.Bool
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &agreeing{TCPConn: conn.(*net.TCPConn), now: &agree}, nil
	}
	options := server.Options()
	options.Dialer, options.ContextTimeoutEnabled = dial, true
	plain := redis.NewClient(options)
	defer plain.Close()
	cfg := server.Config()
	cfg.Health.Interval = time.Hour
	client := openClient(b, cfg, redisconn.WithDialer(dial))

	ctx := context.Background()
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprintf("bench:%d", i)
	}
	queue := func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Set(ctx, key, "value", 0)
		}
		return nil
	}
	ways := []struct {
		name string
		run  func() error
	}{
		{"GoRedis", func() error { _, err := plain.Pipelined(ctx, queue); return err }},
		{"Pipelined", func() error { _, err := client.Pipelined(ctx, queue); return err }},
		{"RunPipeline", func() error { _, err := client.RunPipeline(ctx, queue); return err }},
	}
	for _, way := range ways {
		if err := way.run(); err != nil { // it is connected
			b.Fatal(err)
		}
	}
	agree.Store(unsent)
	defer agree.Store(false)
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := way.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
