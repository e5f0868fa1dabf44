package redisconn

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// Seams for the black-box tests of the connection.

// DriverOptions is what a configuration, its defaults filled in, becomes for the driver.
func DriverOptions(c Config) *redis.Options {
	return driverOptions(c, func(context.Context) (net.Conn, error) {
		return nil, errors.New("these options dial nothing")
	})
}

// TrackedSubscriptions is how many subscriptions the client would close.
func TrackedSubscriptions(c *Client) int {
	c.subscriptions.mu.Lock()
	defer c.subscriptions.mu.Unlock()
	return len(c.subscriptions.open)
}
