package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// nodeOptions are the driver's options for a node of a cluster.
func nodeOptions(cfg Config, addr string, dial dialAddr) *redis.Options {
	options := driverOptions(cfg, addr, dial)
	if cfg.Cluster.ReadFrom != ReadFromMaster {
		// On a master it changes nothing, and roles change.
		options.OnConnect = func(ctx context.Context, conn *redis.Conn) error { return conn.ReadOnly(ctx).Err() }
	}
	return options
}

// clusterOptions are the options of a cluster client of the driver: the one that
// Unwrap lends, and the one that subscriptions belong to. Commands do not pass
// through it; see [cluster]. Who serves which slots it is told by us, so that it
// neither asks for it on its own terms nor learns an address that we do not.
//
// Every option is either set here or listed, with the reason, in driver_cluster_test.go.
func clusterOptions(cfg Config, slots func(context.Context) ([]redis.ClusterSlot, error), dial dialAddr) *redis.ClusterOptions {
	node := nodeOptions(cfg, "", dial)
	return &redis.ClusterOptions{
		ClusterSlots:               slots,
		ClusterStateReloadInterval: cfg.Cluster.RefreshInterval,
		// Every node gets the options that it has on the way of commands as well:
		// the driver leaves READONLY out where the slots are not its own to find.
		NewClient: func(own *redis.Options) *redis.Client {
			// The driver takes the host off a loopback address that it was told by
			// anybody but such a host, and it was told by us.
			options := nodeOptions(cfg, firstText(own.NodeAddress, own.Addr), dial)
			options.MinIdleConns = 0 // nobody may ever use it
			options.CredentialsProviderContext = own.CredentialsProviderContext
			return redis.NewClient(options)
		},

		MaxRedirects:   maxRedirections,
		ReadOnly:       cfg.Cluster.ReadFrom != ReadFromMaster,
		RouteByLatency: cfg.Cluster.ReadFrom == ReadFromNearest,

		ClientName:               node.ClientName,
		OnConnect:                node.OnConnect,
		Protocol:                 node.Protocol,
		Username:                 node.Username,
		Password:                 node.Password,
		MaxRetries:               node.MaxRetries,
		MinRetryBackoff:          node.MinRetryBackoff,
		MaxRetryBackoff:          node.MaxRetryBackoff,
		DialerRetries:            node.DialerRetries,
		DialTimeout:              node.DialTimeout,
		ReadTimeout:              node.ReadTimeout,
		WriteTimeout:             node.WriteTimeout,
		ContextTimeoutEnabled:    node.ContextTimeoutEnabled,
		PoolSize:                 node.PoolSize,
		PipelinePoolSize:         node.PipelinePoolSize,
		PoolTimeout:              node.PoolTimeout,
		MaxIdleConns:             node.MaxIdleConns,
		ConnMaxIdleTime:          node.ConnMaxIdleTime,
		ConnMaxLifetime:          node.ConnMaxLifetime,
		ConnMaxLifetimeJitter:    node.ConnMaxLifetimeJitter,
		DisableIdentity:          node.DisableIdentity,
		IdentitySuffix:           node.IdentitySuffix,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// slots tells the driver who serves which slots.
func (cl *cluster) slots(context.Context) ([]redis.ClusterSlot, error) {
	var slots []redis.ClusterSlot
	for _, layout := range cl.table.Load().topology.shards {
		nodes := []redis.ClusterNode{{ID: layout.ids[layout.master], Addr: layout.master}}
		for _, addr := range layout.replicas {
			nodes = append(nodes, redis.ClusterNode{ID: layout.ids[addr], Addr: addr})
		}
		for _, r := range layout.slots {
			slots = append(slots, redis.ClusterSlot{Start: r.first, End: r.last, Nodes: nodes})
		}
	}
	return slots, nil
}
