package redisconn

import (
	"context"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// dialAddr opens a connection to one of Redis's servers.
type dialAddr func(ctx context.Context, addr string) (net.Conn, error)

// driverOptions is the one place where a Config becomes the driver's options.
// They are built afresh for every driver client: the driver rewrites the struct
// it is given, and a second pass through it means something else (-1 becomes 0,
// 0 becomes a default). Every option is either set here or listed, with the
// reason, in driver_test.go.
func driverOptions(cfg Config, addr string, dial dialAddr) *redis.Options {
	protocol := cfg.Connection.Protocol
	if cfg.Connection.Compat {
		protocol = 2
	}
	return &redis.Options{
		Network:    addressNetwork(addr),
		Addr:       addr,
		ClientName: cfg.Connection.ClientName,
		Dialer:     func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) },
		Protocol:   protocol,
		Username:   cfg.Connection.Username,
		Password:   cfg.Connection.Password.Reveal(),
		DB:         cfg.Connection.DB,

		// Whether a command is sent again is decided above, by its effect and by
		// what the failure proves. The driver looks at the error alone.
		MaxRetries:      -1,
		MinRetryBackoff: -1,
		MaxRetryBackoff: -1,
		DialerRetries:   1,

		DialTimeout:           cfg.Timeouts.Dial,
		ReadTimeout:           cfg.Timeouts.Read,
		WriteTimeout:          cfg.Timeouts.Write,
		ContextTimeoutEnabled: true,

		PoolSize: cfg.Pool.Size,
		// Pipelines share the pool, so that Pool.Size is what the server sees.
		PipelinePoolSize:      -1,
		PoolTimeout:           cfg.Pool.Wait,
		MinIdleConns:          cfg.Pool.MinIdle,
		MaxIdleConns:          cfg.Pool.MaxIdle,
		ConnMaxIdleTime:       cfg.Pool.IdleTimeout,
		ConnMaxLifetime:       cfg.Pool.MaxLifetime,
		ConnMaxLifetimeJitter: cfg.Pool.LifetimeJitter,

		DisableIdentity: cfg.Connection.Compat,
		IdentitySuffix:  "redisconn",
		// In its automatic mode the driver resolves the host inside NewClient.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// serverName is what errors and health call a deployment: the address of its one
// server, those by which a cluster is found, or its master's name and the sentinels.
func serverName(cfg Config) string {
	addrs := cfg.Connection.Addrs
	switch {
	case cfg.asksSentinels():
		return cfg.Sentinel.Master + " (sentinels " + strings.Join(addrs[:min(len(addrs), sayingsInText)], ", ") + ")"
	case len(addrs) == 0:
		return string(ModeEmbedded)
	}
	return strings.Join(addrs, ",")
}

// server is what errors call the server that commands go to: behind sentinels
// the master that they named last.
func (c *Client) server() string {
	if g := c.generation.Load(); g != nil {
		return g.addr
	}
	return c.addr
}
