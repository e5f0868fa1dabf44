package redisconntest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

// The reply to an INCR is lost after the server has executed it. The driver sends the command again and reports
// success: the counter is wrong and nobody knows.
func Example() {
	err := redisconntest.Run(func(t testing.TB) { // in a test: func TestCounter(t *testing.T)
		server := redisconntest.NewEmbedded(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
		defer client.Close()

		lost := proxy.DropReply(redisconntest.Command("incr"), 1)
		err := client.Incr(t.Context(), "visits").Err()

		visits, _ := server.Get("visits")
		fmt.Printf("replies lost: %d\n", lost.Hits())
		fmt.Printf("the caller was told: %v\n", err)
		fmt.Printf("the server counted: %s\n", visits)
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// replies lost: 1
	// the caller was told: <nil>
	// the server counted: 2
}

// A server that is loading its data refuses every command for a while. Without the driver's retries the caller sees
// it; the connection's set-up is not affected.
func ExampleProxy_Answer() {
	err := redisconntest.Run(func(t testing.TB) {
		proxy := redisconntest.NewProxy(t, redisconntest.NewEmbedded(t).Addr())
		client := redis.NewClient(&redis.Options{Addr: proxy.Addr(), MaxRetries: -1})
		defer client.Close()

		proxy.Answer(redisconntest.Any, 2, redisconntest.Loading)
		for range 3 {
			fmt.Println(client.Ping(t.Context()))
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// ping: LOADING Redis is loading the dataset in memory
	// ping: LOADING Redis is loading the dataset in memory
	// ping: PONG
}

// A ledger gives each write a field of its own and afterwards tells what became of it.
func ExampleLedger() {
	err := redisconntest.Run(func(t testing.TB) {
		server := redisconntest.NewEmbedded(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
		defer client.Close()

		proxy.DropReply(redisconntest.Command("hincrby"), 1)
		ledger := redisconntest.NewLedger("h")
		var failed error
		for range 100 {
			failed = errors.Join(failed, ledger.Do(t.Context(), client, 0))
		}
		proxy.Settle(time.Second)
		audit, err := ledger.Audit(t.Context(), server.Client())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(audit)
		fmt.Println("clean:", audit.Clean())
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 100 operations: 100 acknowledged, 0 failed, 0 open; 1 executed twice, 0 lost, 0 executed but failed
	// clean: false
}
