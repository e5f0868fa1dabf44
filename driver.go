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

// serverName is what errors, health and the driver call the server: its address,
// or those by which a cluster is found.
func serverName(cfg Config) string {
	if len(cfg.Connection.Addrs) == 0 {
		return string(ModeEmbedded)
	}
	return strings.Join(cfg.Connection.Addrs, ",")
}
