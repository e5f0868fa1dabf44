package faults_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

// servers are what a client talks to, whatever finds them for it.
type servers struct {
	nodes []*redisconntest.Server
	plain func() redis.UniversalClient
	names func(*redisconn.Config) // says where they are
}

// each does something to every node.
func (s servers) each(do func(*redisconntest.Server)) {
	for _, node := range s.nodes {
		do(node)
	}
}

// disconnect closes every connection to them.
func (s servers) disconnect(t *testing.T) {
	t.Helper()
	killed := 0
	s.each(func(node *redisconntest.Server) { killed += node.Disconnect("default") })
	if killed == 0 {
		t.Error("there was no connection to kill")
	}
}

// topology is a way to run Redis.
type topology string

const (
	oneServer  topology = "server"
	aCluster   topology = "cluster"
	bySentinel topology = "sentinel"
)

var topologies = []topology{oneServer, aCluster, bySentinel}

// start runs servers with these options.
func (tp topology) start(t *testing.T, opts ...redisconntest.ServerOption) servers {
	t.Helper()
	at := func(addrs ...string) func(*redisconn.Config) {
		return func(cfg *redisconn.Config) { cfg.Connection.Addrs = addrs }
	}
	switch tp {
	case aCluster:
		cluster := redisconntest.NewCluster(t, 3, 0, opts...)
		return servers{cluster.Nodes(), func() redis.UniversalClient { return redis.NewClusterClient(cluster.ClusterOptions()) }, at(cluster.Addrs()...)}
	case bySentinel:
		s := redisconntest.NewSentinel(t, redisconntest.WithData(opts...))
		// By its address: go-redis has no options for data nodes alone that speak TLS.
		master := s.Master()
		plain := func() redis.UniversalClient {
			return redis.NewClient(&redis.Options{Addr: master.Addr(), Password: master.Password(), TLSConfig: master.TLSConfig()})
		}
		return servers{s.Nodes(), plain, func(cfg *redisconn.Config) {
			cfg.Connection.Addrs, cfg.Sentinel.Master = s.SentinelAddrs(), s.MasterName()
			cfg.Sentinel.TLS = redisconn.SentinelTLSOff
		}}
	}
	server := redisconntest.NewServer(t, opts...)
	plain := func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: server.Addr(), Password: server.Password(), TLSConfig: server.TLSConfig()})
	}
	return servers{[]*redisconntest.Server{server}, plain, at(server.Addr())}
}

// openPlain makes a plain client that the test closes.
func (s servers) openPlain(t *testing.T) redis.UniversalClient {
	t.Helper()
	client := s.plain()
	t.Cleanup(func() { _ = client.Close() }) // of a client that the fault hit: its own affair
	return client
}

// open connects a redisconn client that the test closes.
func (s servers) open(t *testing.T, change func(*redisconn.Config)) *redisconn.Client {
	t.Helper()
	return open(t, "", func(cfg *redisconn.Config) {
		s.names(cfg)
		change(cfg)
	})
}

// onEveryTopology makes a row for a fault on each topology.
func onEveryTopology(fault, promise string) map[topology]*faults.Row {
	return map[topology]*faults.Row{
		oneServer:  page.Row(fault, promise),
		aCluster:   page.Row("the same on a cluster of 3 masters", promise),
		bySentinel: page.Row("the same behind sentinels", promise),
	}
}
