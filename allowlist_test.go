package redisconn_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAddressesThatRedisNamesAreJudged(t *testing.T) {
	const home, office, world = "127.0.0.1:6379", "10.1.2.3:6379", "52.1.2.3:6379"
	for _, c := range []struct {
		configured, allowed, addr string
		refused                   string // part of the reason; "" for an address that is allowed
	}{
		{home, "", "127.0.0.1:7000", ""},
		{home, "", "[::1]:7000", ""},
		{home, "", "127.9.9.9:1", ""},
		{home, "", "10.1.2.3:6379", "it is private, and the configured addresses are loopback"},
		{office, "", "10.1.2.4:6379", ""},
		{office, "", "192.168.7.1:6379", ""},
		{office, "", "100.64.3.2:6379", ""},
		{office, "", "[fd00::7]:6379", ""},
		{office, "", "[::ffff:10.1.2.4]:6379", ""},
		{office, "", "127.0.0.1:6379", "it is loopback"},
		{office, "", "[::ffff:127.0.0.1]:6379", "it is loopback"},
		{office, "", "8.8.8.8:6379", "it is public, and the configured addresses are private"},
		{office + "," + world, "", "8.8.8.8:6379", ""},
		{"/run/redis.sock", "", "127.0.0.1:7000", ""},
		{"localhost:6379", "", "127.0.0.1:7000", ""},

		{office, "", "169.254.169.254:80", "link-local addresses are refused always"},
		{office, "", "[fe80::1%eth0]:6379", "link-local"},
		{office, "", "[::ffff:169.254.169.254]:6379", "link-local"},
		{office, "0.0.0.0/0,::/0", "169.254.169.254:80", "link-local"},
		{office, "0.0.0.0/0", "0.0.0.0:6379", "no address of a single host"},
		{office, "0.0.0.0/0,::/0", "[::]:6379", "no address of a single host"},
		{office, "0.0.0.0/0", "239.1.1.1:6379", "many hosts"},
		{office, "0.0.0.0/0", "255.255.255.255:6379", "many hosts"},
		{office, "", "/var/run/docker.sock", "unix socket"},
		{office, "", ":6379", "no host:port"},
		{office, "", "10.1.2.3", "no host:port"},
		{office, "", "10.1.2.3:0", "no host:port"},
		{office, "", "10.1.2.3:http", "no host:port"},
		{office, "", "a b:6379", "no host:port"},

		{office, "10.2.0.0/16", "10.2.3.4:6379", ""},
		{office, "10.2.0.0/16", "10.3.3.4:6379", "nothing in connection.allow_addrs covers it"},
		{office, "10.2.0.0/16", office, ""},
		{office, "10.2.0.0/16:6379", "10.2.3.4:6379", ""},
		{office, "10.2.0.0/16:6379", "10.2.3.4:22", "nothing in"},
		{office, "10.2.3.4", "10.2.3.4:22", ""},
		{office, "[fd00::/8]:6379", "[fd12::1]:6379", ""},
		{office, "fd00::/8", "[fd12::1]:6379", ""},
		{office, "::ffff:10.2.3.4", "10.2.3.4:6379", ""},
		{office, "localhost", "localhost:6379", ""},
		{office, "localhost", "LOCALHOST.:6379", ""},
		{office, ".localhost", "localhost:6379", "localhost stands for"},
		{office, "localhost:6380", "localhost:6379", "localhost stands for"},
		{office, "", "localhost:6379", "localhost stands for"},
	} {
		var allowed []string
		if c.allowed != "" {
			allowed = strings.Split(c.allowed, ",")
		}
		to, err := redisconn.Vet(t.Context(), strings.Split(c.configured, ","), allowed, c.addr)
		if c.refused == "" && (err != nil || len(to) == 0) || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s for %s, %q: %v, %v; want %q", c.addr, c.configured, c.allowed, to, err, c.refused)
		}
	}
}

// A name is dialled by the addresses that were judged: a second look-up might be
// answered differently.
func TestANameIsDialledByWhatWasJudged(t *testing.T) {
	to, err := redisconn.Vet(t.Context(), []string{"127.0.0.1:6379"}, nil, "localhost:7000")
	if err != nil || !slices.Contains(to, "127.0.0.1:7000") {
		t.Errorf("%v, %v", to, err)
	}
	if _, err := redisconn.Vet(t.Context(), []string{"127.0.0.1:6379"}, nil, noName+":7000"); redisconn.ClassOf(redisconn.LinkError("dial", err)) != redisconn.ClassDNS {
		t.Errorf("%v", err)
	}
	// A configured name that does not resolve is of no kind.
	if _, err := redisconn.Vet(t.Context(), []string{noName + ":6379"}, nil, "127.0.0.1:7000"); err == nil || !strings.Contains(err.Error(), "it is loopback") {
		t.Errorf("%v", err)
	}
}

func FuzzNoAddressThatIsNeverAllowedIsAllowed(f *testing.F) {
	for _, addr := range []string{
		"127.0.0.1:6379", "[::ffff:169.254.1.1]:80", "[fe80::1%25]:80", "169.254.169.254.:80", "[::1%lo]:80", "0177.0.0.1:80",
		"2130706433:80", "0x7f.1:80", "[::]:80", "/x", "10.0.0.1:6379:6379", "[10.0.0.1]:80",
	} {
		f.Add(addr, "10.0.0.0/8,::/0")
		f.Add(addr, "")
	}
	f.Fuzz(func(t *testing.T, addr, allowed string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a name is not looked up
		entries := strings.Split(allowed, ",")
		if cfg := (redisconn.Config{Connection: redisconn.ConnectionConfig{AllowAddrs: entries}}); allowed == "" || cfg.Validate() != nil {
			entries = nil
		}
		to, err := redisconn.Vet(ctx, []string{"10.1.2.3:6379"}, entries, addr)
		if err != nil {
			if len(to) > 0 {
				t.Errorf("%q is refused and dialled at %v", addr, to)
			}
			return
		}
		for _, place := range to {
			host, _, err := net.SplitHostPort(place)
			if err != nil {
				t.Fatalf("%q is dialled at %q", addr, place)
			}
			ip, err := netip.ParseAddr(strings.TrimSuffix(host, "."))
			if err != nil {
				t.Fatalf("%q is dialled by the name %q", addr, host)
			}
			ip = ip.Unmap().WithZone("")
			if reason := redisconn.NeverAllowed(ip); reason != "" {
				t.Errorf("%q is dialled: %s", addr, reason)
			}
			if entries == nil && redisconn.KindOf(ip) != "private" {
				t.Errorf("%q, which is %s, is dialled", addr, redisconn.KindOf(ip))
			}
		}
	})
}

// rogue is a server that answers as a node of a cluster does, and counts who comes.
func rogue(t *testing.T, slots func() string, get string) *redisconntest.Scripted {
	t.Helper()
	return redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		switch strings.ToLower(args[0]) {
		case "hello":
			return "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
		case "info":
			return "$0\r\n\r\n"
		case "ping":
			return "+PONG\r\n"
		case "cluster":
			if strings.EqualFold(args[1], "slots") {
				return slots()
			}
			return "$16\r\ncluster_state:ok\r\n"
		case "get":
			return get
		}
		return "+OK\r\n"
	}))
}

// slotsReply is a reply to CLUSTER SLOTS with one master, and replicas.
func slotsReply(addrs ...string) string {
	reply := fmt.Sprintf("*1\r\n*%d\r\n:0\r\n:16383\r\n", 2+len(addrs))
	for i, addr := range addrs {
		host, port, _ := net.SplitHostPort(addr)
		reply += fmt.Sprintf("*3\r\n$%d\r\n%s\r\n:%s\r\n$2\r\nn%d\r\n", len(host), host, port, i)
	}
	return reply
}

// go-redis handed its password in clear to whatever address a MOVED reply named:
// measured with a fake node.
func TestARogueAddressGetsNoConnection(t *testing.T) {
	target := redisconntest.NewScripted(t, redisconntest.Silence)
	away := target.Addr() // the allow-list covers another network
	slot := redisconn.SlotOf("k")
	for name, c := range map[string]struct {
		get   string
		nodes []string
		told  string // how the event names the address
	}{
		"named by MOVED":                      {fmt.Sprintf("-MOVED %d %s\r\n", slot, away), nil, away},
		"named by ASK":                        {fmt.Sprintf("-ASK %d %s\r\n", slot, away), nil, away},
		"link-local, named by MOVED":          {fmt.Sprintf("-MOVED %d 169.254.169.254:80\r\n", slot), nil, "169.254.169.254:80"},
		"a unix socket, named by MOVED":       {fmt.Sprintf("-MOVED %d /run/docker.sock:1\r\n", slot), nil, "/run/docker.sock:1"},
		"named by CLUSTER SLOTS as a master":  {"", []string{away}, away},
		"named by CLUSTER SLOTS as a replica": {"$2\r\nok\r\n", []string{"", away}, away},
	} {
		t.Run(name, func(t *testing.T) {
			var server *redisconntest.Scripted
			server = rogue(t, func() string {
				nodes := slices.Clone(c.nodes)
				if nodes == nil || nodes[0] == "" {
					nodes = append([]string{server.Addr()}, nodes[min(len(nodes), 1):]...)
				}
				return slotsReply(nodes...)
			}, c.get)
			cfg := configFor(server.Addr())
			cfg.Connection.Password = "canary-of-the-rogue"
			cfg.Connection.AllowAddrs = []string{"10.0.0.0/8"}
			cfg.Cluster.ReadFrom = redisconn.ReadFromNearest
			client := openClient(t, cfg)
			_ = client.Get(t.Context(), "k").Err() // an address is told of once
			err := client.Get(t.Context(), "k").Err()
			if c.get != "$2\r\nok\r\n" && redisconn.ClassOf(err) != redisconn.ClassAddress {
				t.Errorf("%v", err)
			}
			eventually(t, "an event names the address", func() bool {
				return slices.ContainsFunc(client.History(), func(e redisconn.Event) bool {
					return e.Kind == redisconn.EventAddressRefused && e.Node == c.told
				})
			})
			if n := target.Accepted(); n != 0 {
				t.Errorf("the rogue server got %d connections", n)
			}
		})
	}
}

func TestAnAddressThatIsRefusedIsToldOfOnce(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	for range 3 {
		redisconn.TellRefused(client, "10.0.0.1:6379")
	}
	if events := client.History(); len(events) != 1 || events[0].Node != "10.0.0.1:6379" || events[0].Detail != "a test" {
		t.Errorf("%+v", events)
	}
}

// Behind NAT the addresses that nodes announce lead nowhere.
func TestAnAddressMapLeadsToTheNodes(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0, redisconntest.WithDirective("cluster-announce-ip", "10.9.8.7"))
	cfg := configFor(cluster.Addrs()[0])
	client := openClient(t, cfg, redisconn.WithAddressMap(func(addr string) string {
		return strings.Replace(addr, "10.9.8.7:", "127.0.0.1:", 1)
	}))
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	if nodes := client.Health(t.Context()).Nodes; len(nodes) != 1 || !strings.HasPrefix(nodes[0].Addr, "10.9.8.7:") {
		t.Errorf("%+v", nodes)
	}
	if driver := client.Unwrap().(*redis.ClusterClient); driver.Get(t.Context(), "k").Val() != "v" {
		t.Error("the driver's client does not find its way")
	}
}
