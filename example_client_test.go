package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// quiet keeps the examples' output their own.
var quiet = redisconn.WithLogger(slog.New(slog.DiscardHandler))

// withServer runs an example on a Redis in this process.
func withServer(example func(ctx context.Context, cfg redisconn.Config)) {
	err := redisconntest.Run(func(t testing.TB) {
		example(t.Context(), redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{redisconntest.NewEmbedded(t).Addr()}}})
	})
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleOpen() {
	withServer(func(ctx context.Context, cfg redisconn.Config) {
		client, err := redisconn.Open(ctx, cfg, quiet)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()

		// All of go-redis's typed commands; a Client is a redis.UniversalClient.
		client.Set(ctx, "greeting", "hello", time.Minute)
		fmt.Println(client.Get(ctx, "greeting").Val())
		fmt.Println(client.State())
	})
	// Output:
	// hello
	// ready
}

// Drain lets commands in flight finish and says what it did.
func ExampleClient_Drain() {
	withServer(func(ctx context.Context, cfg redisconn.Config) {
		client, err := redisconn.Open(ctx, cfg, quiet)
		if err != nil {
			fmt.Println(err)
			return
		}

		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		receipt, err := client.Drain(ctx)
		fmt.Println(receipt.InFlight, receipt.Abandoned, err)

		err = client.Get(ctx, "greeting").Err()
		fmt.Println(errors.Is(err, redisconn.ErrClosed))
	})
	// Output:
	// 0 0 <nil>
	// true
}

// A readiness endpoint asks Health; one that only reports asks LastHealth, which
// does no I/O. A liveness endpoint should ask neither: restarting a service does
// not mend its Redis.
func ExampleClient_Health() {
	withServer(func(ctx context.Context, cfg redisconn.Config) {
		client, err := redisconn.Open(ctx, cfg, quiet)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()

		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		health := client.Health(ctx)
		fmt.Println(health.Status, health.State, health.ConsecutiveFailures)
	})
	// Output:
	// pass ready 0
}

func ExampleRegistry() {
	withServer(func(ctx context.Context, cfg redisconn.Config) {
		var clients redisconn.Registry
		cache, err := clients.Open(ctx, "cache", cfg, quiet)
		fmt.Println(cache.State(), err)

		same, err := clients.Open(ctx, "cache", cfg)
		fmt.Println(same == cache, err)

		cfg.Connection.DB = 3
		_, err = clients.Open(ctx, "cache", cfg)
		fmt.Println(err)

		receipts, err := clients.Shutdown(ctx)
		fmt.Println(len(receipts), err)
	})
	// Output:
	// ready <nil>
	// true <nil>
	// redisconn: client "cache" is open with another configuration, which differs in connection.db; use another name, or the same configuration
	// 1 <nil>
}

// What is known about a failed command decides what a program may do next.
func ExampleCommandError() {
	client, err := redisconn.New(redisconn.Config{
		Connection: redisconn.ConnectionConfig{Addrs: []string{"cache:6379"}},
	}, quiet)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	err = client.Incr(context.Background(), "visits").Err()
	switch {
	case errors.Is(err, redisconn.ErrMaybeApplied):
		fmt.Println("look before sending it again")
	case redisconn.SafeToRetry(err):
		fmt.Println("nothing was applied:", redisconn.ClassOf(err))
	}
	// Output:
	// nothing was applied: down
}

func ExampleClassOf() {
	_, err := redisconn.Open(context.Background(), redisconn.Config{
		Connection: redisconn.ConnectionConfig{Addrs: []string{"127.0.0.1:1"}},
		Timeouts:   redisconn.TimeoutConfig{Connect: 100 * time.Millisecond, Dial: 50 * time.Millisecond},
	}, quiet)
	info := redisconn.ClassOf(err).Info()
	fmt.Println(info.Class)
	fmt.Println(info.Meaning)
	fmt.Println(info.Next)
	// Output:
	// refused
	// nothing listens at the address
	// check that redis-server runs and listens on this address and port
}
