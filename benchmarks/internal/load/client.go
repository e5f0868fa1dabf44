// Package load puts a client under a load and measures it: callers in a closed
// loop, a histogram for each, and what the process spent meanwhile.
package load

import "context"

// Client is a client under load, for any number of callers at once. What it
// returns is checked: a client that hands out no values would be fast.
type Client interface {
	Get(ctx context.Context, key string) (string, error)
	Set(ctx context.Context, key, value string) error
	Incr(ctx context.Context, key string) (int64, error)

	// GetAll sends one GET for each key, as one pipeline, and returns how many
	// bytes the values have together.
	GetAll(ctx context.Context, keys []string) (int, error)

	Close() error
}

// Open connects a client to the server at that address, for so many callers.
type Open func(ctx context.Context, addr string, callers int) (Client, error)
