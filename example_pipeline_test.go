package redisconn_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// withClient runs an example on a Redis in this process, so that it needs nothing installed.
func withClient(example func(ctx context.Context, client *redisconn.Client)) {
	err := redisconntest.Run(func(t testing.TB) {
		cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{redisconntest.NewEmbedded(t).Addr()}}}
		client, err := redisconn.Open(t.Context(), cfg, redisconn.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		example(t.Context(), client)
	})
	if err != nil {
		fmt.Println(err)
	}
}

// The first error of a pipeline is not the whole story: here two commands
// succeed, one finds nothing, which is an answer, and one fails.
func ExampleClient_RunPipeline() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		res, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "name", "Ada", 0)
			p.Get(ctx, "nobody")
			p.Incr(ctx, "name")
			p.Incr(ctx, "visits")
			return nil
		})
		for _, o := range res.Outcomes() {
			fmt.Println(o)
		}
		fmt.Println(res.Succeeded, "succeeded,", res.Failed, "failed; safe to retry all:", redisconn.SafeToRetry(err))
	})
	// Output:
	// #0 set: done, applied: yes
	// #1 get: done, applied: yes
	// #2 incr: ERR value is not an integer or out of range, applied: no
	// #3 incr: done, applied: yes
	// 3 succeeded, 1 failed; safe to retry all: false
}

// Commands are sent in chunks while they are queued, so their number does not matter.
func ExampleClient_RunPipeline_chunks() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		res, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
			for i := range 250 {
				p.ZAdd(ctx, "scores", redis.Z{Score: float64(i), Member: i})
			}
			return nil
		}, redisconn.WithChunk(100, 0), redisconn.WithProgress(func(p redisconn.PipelineProgress) {
			fmt.Println(p.Commands, "sent")
		}))
		fmt.Println(res.Commands, "in", res.Chunks, "chunks,", err)
	})
	// Output:
	// 100 sent
	// 200 sent
	// 250 sent
	// 250 in 3 chunks, <nil>
}

// A command that fails inside EXEC does not undo the others.
func ExampleClient_RunTransaction() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		client.Set(ctx, "name", "Ada", 0)
		res, err := client.RunTransaction(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "visits")
			p.Incr(ctx, "name")
			return nil
		})
		fmt.Println("applied:", res.Applied)
		fmt.Println(res.Failed()[0])
		fmt.Println(client.Get(ctx, "visits").Val(), err != nil)
	})
	// Output:
	// applied: yes
	// #1 incr: ERR value is not an integer or out of range, applied: no
	// 1 true
}

// Somebody else buys the first time; the function sees that and runs again.
func ExampleClient_RunOptimistic() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		client.Set(ctx, "stock", 2, 0)
		runs := 0
		err := client.RunOptimistic(ctx, []string{"stock"}, func(tx *redis.Tx) error {
			stock, err := tx.Get(ctx, "stock").Int()
			if err != nil || stock == 0 {
				return err
			}
			if runs++; runs == 1 {
				client.Decr(ctx, "stock") // another customer
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Set(ctx, "stock", stock-1, 0)
				return nil
			})
			return err
		})
		fmt.Println(client.Get(ctx, "stock").Val(), "left after", runs, "runs,", err)
	})
	// Output: 0 left after 2 runs, <nil>
}

func ExampleClient_SetMany() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		prices := map[string]any{"price:tea": 3, "price:cake": 4}
		if _, err := client.SetMany(ctx, maps.All(prices), time.Hour); err != nil {
			fmt.Println(err) // counts and names the ones that failed
		}
		values, err := client.GetMany(ctx, []string{"price:tea", "price:cake", "price:gold"})
		fmt.Println(values, err)
	})
	// Output: map[price:cake:4 price:tea:3] <nil>
}

func ExampleClient_DeleteMatching() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		client.MSet(ctx, "session:1", "x", "session:2", "y", "user:1", "z")

		dry, err := client.DeleteMatching(ctx, "session:*", redisconn.DeleteOptions{DryRun: true})
		fmt.Println("would delete", dry.Matched, err)
		done, err := client.DeleteMatching(ctx, "session:*", redisconn.DeleteOptions{})
		fmt.Println("deleted", done.Deleted, err)

		for key, err := range client.ScanKeys(ctx, "*", redisconn.ScanOptions{}) {
			fmt.Println("left:", key, err)
		}
	})
	// Output:
	// would delete 2 <nil>
	// deleted 2 <nil>
	// left: user:1 <nil>
}
