// Command hello writes a key, reads it back and says where. It is the same for
// every topology: REDIS_URL makes the difference.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redisconn/redisconn"
)

func main() {
	if err := hello(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hello(ctx context.Context) error {
	cfg, err := redisconn.FromEnv()
	if err != nil {
		return err
	}
	client, err := redisconn.Open(ctx, cfg, redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer client.Close()

	if err := client.Set(ctx, "greeting", "hello", time.Minute).Err(); err != nil {
		return err
	}
	greeting, err := client.Get(ctx, "greeting").Result()
	if err != nil {
		return err
	}
	h := client.Health(ctx)
	fmt.Printf("%s from %s: %s, %s\n", greeting, h.Target, h.State, h.Status)
	for _, n := range h.Nodes {
		fmt.Printf("  %s %s: %s\n", n.Role, n.Addr, n.Status)
	}
	return nil
}
