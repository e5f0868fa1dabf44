package redisconn_test

import (
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// leftOutOfClusters are the driver's options that clusterOptions does not set,
// each with the reason; beside these leftOut holds for clusters as well.
var leftOutOfClusters = map[string]string{
	"Addrs":                   "the slots are told by us, with the addresses in them",
	"Dialer":                  "NewClient gives every node its own",
	"MinIdleConns":            "nobody may ever use this client, and commands have pools of their own",
	"RouteByLatencyTolerance": "one node is the nearest; which others are near enough nobody has asked",
	"RouteRandomly":           "prefer-replica and replica take replicas in turn",
	"DisableRoutingPolicies":  "they are the driver's own affair: commands do not pass through it",
	"ShardPicker":             "likewise",
}

func TestEveryClusterOptionIsSetOrLeftOutForAReason(t *testing.T) {
	cfg := everyOption()
	cfg.Cluster.ReadFrom = redisconn.ReadFromNearest
	options := reflect.ValueOf(*redisconn.ClusterOptions(redisconn.WithDefaults(cfg)))
	for i := range options.NumField() {
		field := options.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		_, left := leftOut[field.Name]
		if _, own := leftOutOfClusters[field.Name]; own {
			left = true
		}
		if field.Name == "OnConnect" {
			left = false // reads that go to replicas need READONLY
		}
		switch set := !options.Field(i).IsZero(); {
		case !set && !left:
			t.Errorf("redis.ClusterOptions.%s is not set: set it in clusterOptions, or say in leftOutOfClusters why not", field.Name)
		case set && left:
			t.Errorf("redis.ClusterOptions.%s is set, and leftOutOfClusters says that it is not", field.Name)
		}
	}
	for name := range leftOutOfClusters {
		if _, ok := options.Type().FieldByName(name); !ok {
			t.Errorf("leftOutOfClusters names %s, which redis.ClusterOptions does not have", name)
		}
	}
}

// A node has the options of a single server, but for READONLY where reads go to
// replicas.
func TestNodesHaveTheOptionsOfAServer(t *testing.T) {
	cfg := redisconn.WithDefaults(everyOption())
	for from, readOnly := range map[redisconn.ReadFrom]bool{
		redisconn.ReadFromMaster: false, redisconn.ReadFromPreferReplica: true, redisconn.ReadFromReplica: true, redisconn.ReadFromNearest: true,
	} {
		cfg.Cluster.ReadFrom = from
		node := redisconn.NodeOptions(cfg)
		if (node.OnConnect != nil) != readOnly {
			t.Errorf("%s: OnConnect is set: %v", from, node.OnConnect != nil)
		}
		server := redisconn.DriverOptions(cfg)
		node.OnConnect, node.Addr = nil, server.Addr
		if !sameOptions(server, node) {
			t.Errorf("%s: a node has %+v, a server %+v", from, node, server)
		}
		cluster := redisconn.ClusterOptions(cfg)
		if cluster.ReadOnly != readOnly || cluster.RouteByLatency != (from == redisconn.ReadFromNearest) {
			t.Errorf("%s: ReadOnly %v, RouteByLatency %v", from, cluster.ReadOnly, cluster.RouteByLatency)
		}
	}
	made := redisconn.ClusterOptions(cfg).NewClient(&redis.Options{Addr: ":7000", NodeAddress: "127.0.0.1:7000"})
	defer func() { _ = made.Close() }()
	if got := made.Options(); got.Addr != "127.0.0.1:7000" || got.MinIdleConns != 0 || got.PipelinePoolSize != -1 {
		t.Errorf("%+v", got)
	}
}
