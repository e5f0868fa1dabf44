package redisconn_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// partly lets the shards that are well serve while another is not.
var partly = redisconntest.WithDirective("cluster-require-full-coverage", "no")

// setEverywhere writes a key of each of three shards.
func setEverywhere(t *testing.T, cluster *redisconntest.Cluster, client *redisconn.Client) {
	t.Helper()
	for shard := range 3 {
		if err := client.Set(t.Context(), keyIn(cluster, shard, 3, "k"), 1, 0).Err(); err != nil {
			t.Errorf("shard %d: %v", shard, err)
		}
	}
}

// nodeEvents is how many events tell of such a failure of a node.
func nodeEvents(client *redisconn.Client, class redisconn.Class, addr string) (n int) {
	for _, e := range eventsOf(client, redisconn.EventTopology) {
		if e.Class == class && e.Node == addr {
			n++
		}
	}
	return n
}

func nodeEvent(client *redisconn.Client, class redisconn.Class, addr string) bool {
	return nodeEvents(client, class, addr) > 0
}

// What a call learnt of a node that had refused the old password did not say that it
// was about a password, and pipelines never asked; so they failed where they do not
// with a single server.
func TestARefusalByOneNodeMakesACallReadThePasswordAnew(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithPassword("0"))
	file := replaceableFile(t, "0")
	cfg := clusterConfig(cluster)
	cfg.Connection.PasswordFile = file
	cfg.Reload.Off = true
	cfg.WhenDown = redisconn.WhenDownFailFast
	client := openClient(t, cfg)
	key, other := keyIn(cluster, 0, 3, "k"), keyIn(cluster, 1, 3, "k")
	for i, row := range []struct {
		name string
		call func(ctx context.Context) error
	}{
		{"a command", func(ctx context.Context) error { return client.Incr(ctx, key).Err() }},
		{"a pipeline", func(ctx context.Context) error {
			_, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, key)
				p.Incr(ctx, other)
				p.Incr(ctx, key)
				return nil
			})
			return err
		}},
		{"a transaction", func(ctx context.Context) error {
			_, err := client.RunTransaction(ctx, func(p redis.Pipeliner) error { return p.Incr(ctx, key).Err() })
			return err
		}},
		{"a watch", func(ctx context.Context) error {
			return client.Watch(ctx, func(tx *redis.Tx) error { return tx.Incr(ctx, key).Err() }, key)
		}},
	} {
		last, next := strconv.Itoa(i), strconv.Itoa(i+1)
		for _, node := range cluster.Nodes() {
			node.AddPassword("default", next)
		}
		node := cluster.Nodes()[0]
		node.RemovePassword("default", last)
		node.Disconnect("default")
		eventually(t, "the node counts as dead", func() bool { return nodeEvents(client, redisconn.ClassAuth, node.Addr()) == i+1 })
		redisconntest.ReplaceFile(t, file, []byte(next))
		within(t, 400*time.Millisecond, row.name, func() {
			if err := row.call(t.Context()); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
		})
		if got := client.Stats().Generation; got != i+2 {
			t.Errorf("%s: generation %d, want %d", row.name, got, i+2)
		}
	}
	if n, err := client.Get(t.Context(), key).Int(); n != 5 || err != nil {
		t.Errorf("counted to %d, %v, want 5", n, err)
	}
}

// Only one seed was asked whether it takes the new password. Where it was the only
// one, the client gave up connections that worked for ones that two of three shards
// refused.
func TestAPasswordThatOneNodeOfThreeKnowsIsNotTakenOver(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithPassword("first"))
	file := replaceableFile(t, "first")
	cfg := clusterConfig(cluster)
	cfg.Connection.PasswordFile = file
	cfg.Reload.Interval = 10 * time.Millisecond
	client := openClient(t, cfg)
	nodes := cluster.Nodes()
	nodes[0].AddPassword("default", "second")
	redisconntest.ReplaceFile(t, file, []byte("second"))
	eventually(t, "a warning", func() bool { return client.LastHealth().Status == redisconn.StatusWarn })
	told := eventsOf(client, redisconn.EventReloadFailed)
	if len(told) != 1 || told[0].Class != redisconn.ClassAuth || told[0].Node == nodes[0].Addr() || told[0].Node == "" {
		t.Fatalf("told %+v", told)
	}
	if h := client.LastHealth(); !strings.Contains(h.Reason, told[0].Node) || h.Generation != 1 {
		t.Errorf("health of generation %d says %q", h.Generation, h.Reason)
	}
	setEverywhere(t, cluster, client)
	for _, node := range nodes[1:] {
		node.AddPassword("default", "second")
	}
	eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
	setEverywhere(t, cluster, client)
}

func TestANodeThatIsDeadDoesNotKeepTheOthersFromANewPassword(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, partly, redisconntest.WithPassword("first"))
	file := replaceableFile(t, "first")
	cfg := clusterConfig(cluster)
	cfg.Connection.PasswordFile = file
	cfg.Reload.Off = true
	client := openClient(t, cfg)
	cluster.KillMaster(0)
	dead := cluster.Addrs()[0]
	eventually(t, "the node counts as dead", func() bool { return nodeEvent(client, redisconn.ClassRefused, dead) })
	for _, node := range cluster.Nodes()[1:] {
		node.AddPassword("default", "second")
		node.RemovePassword("default", "first")
	}
	redisconntest.ReplaceFile(t, file, []byte("second"))
	if err := client.Reload(t.Context()); err != nil || client.Stats().Generation != 2 {
		t.Errorf("%v, generation %d", err, client.Stats().Generation)
	}
}

// A node that does not answer holds up the others for as long as a dial may take;
// who has less time than that learns that they were not looked at.
func TestANodeThatHangsHoldsUpAReconnectForNoLongerThanADial(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, partly)
	cfg := clusterConfig(cluster)
	cfg.Health.Interval = time.Hour // nobody knows yet that it is dead
	client := openClient(t, cfg)
	defer cluster.PauseMaster(2).Resume()
	ctx, cancel := context.WithTimeout(t.Context(), cfg.Timeouts.Dial/2)
	defer cancel()
	if err := client.ForceReconnect(ctx); !errors.Is(err, context.DeadlineExceeded) || client.Stats().Generation != 1 {
		t.Errorf("with little time: %v, generation %d", err, client.Stats().Generation)
	}
	within(t, cfg.Timeouts.Dial+1500*time.Millisecond, "a reconnect, its turn included,", func() {
		if err := client.ForceReconnect(t.Context()); err != nil || client.Stats().Generation != 2 {
			t.Errorf("with time: %v, generation %d", err, client.Stats().Generation)
		}
	})
}

// A node that had revoked the user was asked again with every look, and where all
// had, the seeds beside: 64 refusals in five seconds, of a client without traffic.
func TestARevokedUserTriesOnceASecondOnEveryTopology(t *testing.T) {
	app := redisconntest.WithUser("app", "secret", "~*", "&*", "+@all")
	asApp := func(cfg redisconn.Config) redisconn.Config {
		cfg.Connection.Username, cfg.Connection.Password = "app", "secret"
		cfg.WhenDown = redisconn.WhenDownFailFast
		return cfg
	}
	for _, row := range []struct {
		name    string
		revoked int
		start   func(t *testing.T) (redisconn.Config, []*redisconntest.Server)
		told    redisconn.EventKind
		killed  bool // the first node
	}{
		{"one node of a cluster", 1, func(t *testing.T) (redisconn.Config, []*redisconntest.Server) {
			cluster := redisconntest.NewCluster(t, 3, 0, app)
			return clusterConfig(cluster), cluster.Nodes()
		}, redisconn.EventTopology, false},
		{"a whole cluster", 3, func(t *testing.T) (redisconn.Config, []*redisconntest.Server) {
			cluster := redisconntest.NewCluster(t, 3, 0, app)
			return clusterConfig(cluster), cluster.Nodes()
		}, redisconn.EventOutageBegan, false},
		{"a cluster behind a name", 3, func(t *testing.T) (redisconn.Config, []*redisconntest.Server) {
			cluster := redisconntest.NewCluster(t, 3, 0, app)
			_, port, _ := net.SplitHostPort(cluster.Addrs()[0])
			return configFor("localhost:" + port), cluster.Nodes()
		}, redisconn.EventOutageBegan, false},
		{"a cluster behind a name, a node of which is dead", 3, func(t *testing.T) (redisconn.Config, []*redisconntest.Server) {
			cluster := redisconntest.NewCluster(t, 3, 0, partly, app)
			_, port, _ := net.SplitHostPort(cluster.Addrs()[1])
			return configFor("localhost:" + port), cluster.Nodes()
		}, redisconn.EventTopology, true},
		{"a master behind sentinels", 1, func(t *testing.T) (redisconn.Config, []*redisconntest.Server) {
			s := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0), redisconntest.WithData(app))
			return sentinelConfigFor(s), s.Nodes()
		}, redisconn.EventOutageBegan, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg, nodes := row.start(t)
			var dials dialLog
			client := openClient(t, asApp(cfg), dials.option())
			for _, node := range nodes[:row.revoked] {
				if err := node.Client().ACLSetUser(t.Context(), "app", "off").Err(); err != nil {
					t.Fatal(err)
				}
				node.Disconnect("app")
			}
			if row.killed {
				nodes[0].Kill()
			}
			eventually(t, "an event that names the class", func() bool {
				return slices.ContainsFunc(eventsOf(client, row.told), func(e redisconn.Event) bool { return e.Class == redisconn.ClassAuth })
			})
			const watched = 3 * time.Second
			addrs := slices.Clone(cfg.Connection.Addrs)
			for _, node := range nodes {
				addrs = append(addrs, node.Addr())
			}
			before := map[string]int64{}
			for _, addr := range addrs {
				before[addr] = dials.to(addr)
			}
			for began := time.Now(); time.Since(began) < watched; {
				_ = client.Set(t.Context(), "k", 1, 0).Err() // whatever it says: it must not make the client try
			}
			for _, addr := range addrs {
				revoked := slices.ContainsFunc(nodes[:row.revoked], func(node *redisconntest.Server) bool {
					return node.Addr() == addr && !(row.killed && node == nodes[0])
				})
				seed := strings.HasPrefix(addr, "localhost")
				if n := dials.to(addr) - before[addr]; n > int64(watched/time.Second)+1 && (revoked || seed) {
					t.Errorf("%d attempts at %s in %s, want at most one a second", n, addr, watched)
				}
			}
		})
	}
}

// The kit's certificates are for every name of this machine, so a client that held
// all nodes against the name of its seed passed as well.
func TestEachNodeOfAClusterIsHeldAgainstItsOwnName(t *testing.T) {
	for host, class := range map[string]redisconn.Class{
		"127.0.0.1": "", // as the cluster calls it
		"localhost": redisconn.ClassTLS,
	} {
		ca := redisconntest.NewCA(t)
		cluster := redisconntest.NewCluster(t, 2, 0, partly, redisconntest.WithTLS(ca))
		cluster.Nodes()[1].RotateCertificate(redisconntest.CertHosts(host))
		_, port, err := net.SplitHostPort(cluster.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		cfg := configFor("localhost:" + port)
		cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), ExpiryWarning: time.Hour}
		client := openClient(t, cfg)
		if err := client.Set(t.Context(), keyIn(cluster, 1, 2, "k"), "v", 0).Err(); redisconn.ClassOf(err) != class {
			t.Errorf("a node that is 127.0.0.1, whose certificate is for %s: %v", host, err)
		}
	}
}
