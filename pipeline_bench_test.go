package redisconn_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// A hundred SETs in one pipeline, on one real server: the driver alone, this
// layer's Pipelined, and RunPipeline with its accounts.
func BenchmarkPipelineOf100(b *testing.B) {
	server := redisconntest.NewServer(b)
	plain := redis.NewClient(server.Options())
	defer plain.Close()
	client, err := redisconn.Open(b.Context(), server.Config())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()

	ctx := b.Context()
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
	for _, way := range []struct {
		name string
		run  func() error
	}{
		{"GoRedis", func() error { _, err := plain.Pipelined(ctx, queue); return err }},
		{"Pipelined", func() error { _, err := client.Pipelined(ctx, queue); return err }},
		{"RunPipeline", func() error { _, err := client.RunPipeline(ctx, queue); return err }},
	} {
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
