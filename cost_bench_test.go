package redisconn_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// What this layer costs where it does the least: one caller, and calls that
// are not sent at all.
func BenchmarkLayer(b *testing.B) {
	server := redisconntest.NewServer(b)
	cfg := configFor(server.Addr())
	cfg.Health.Interval = time.Hour
	cfg.WhenDown = redisconn.WhenDownFailFast
	client := openClient(b, cfg)
	options := server.Options()
	options.ContextTimeoutEnabled = true
	plain := redis.NewClient(options)
	defer plain.Close()
	never, gone := newClient(b, cfg), newClient(b, cfg)
	if err := gone.Close(); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for _, bench := range []struct {
		name string
		run  func()
	}{
		{"GET through plain go-redis", func() { plain.Get(ctx, "k") }},
		{"GET", func() { client.Get(ctx, "k") }},
		{"LastHealth", func() { client.LastHealth() }},
		{"refused, closed", func() { gone.Get(ctx, "k") }},
		{"refused, down", func() { never.Get(ctx, "k") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.run()
			}
		})
	}
}
