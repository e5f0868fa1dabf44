package redisconn_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redisconn/redisconn"
)

// Tokens that end are asked for again before they do.
func ExampleWithCredentials() {
	token := func(context.Context) (redisconn.Credentials, error) {
		// Ask the cloud's identity service here.
		return redisconn.Credentials{Username: "app", Password: "a token", Expires: time.Now().Add(15 * time.Minute)}, nil
	}
	client, err := redisconn.New(redisconn.Config{}, redisconn.WithCredentials(token))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.State())
	// Output: idle
}

// A file that has not changed replaces nothing; ForceReconnect does in any case.
func ExampleClient_Reload() {
	withServer(func(ctx context.Context, cfg redisconn.Config) {
		client, err := redisconn.Open(ctx, cfg, quiet)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()
		fmt.Println(client.Reload(ctx), client.Stats().Generation)
		fmt.Println(client.ForceReconnect(ctx), client.Stats().Generation)
	})
	// Output:
	// <nil> 1
	// <nil> 2
}
