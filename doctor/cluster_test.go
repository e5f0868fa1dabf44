package doctor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// clusterConfig leads to a cluster by all its nodes.
func clusterConfig(cluster *redisconntest.Cluster, changes ...func(*redisconn.Config)) redisconn.Config {
	cfg := configFor("", changes...)
	cfg.Mode, cfg.Connection.Addrs = redisconn.ModeCluster, cluster.Addrs()
	return cfg
}

// prompt makes replicas join CLUSTER SLOTS within a second of their start rather than ten.
var prompt = redisconntest.WithDirective("repl-ping-replica-period", "1")

// await examines until a check ends as it is meant to, and returns that report.
func await(t *testing.T, cfg redisconn.Config, id string, outcome doctor.Outcome, detail string) *doctor.Report {
	t.Helper()
	var report *doctor.Report
	redisconntest.Eventually(t, 40*time.Second, id+" to "+string(outcome), func() bool {
		report = doctor.Run(t.Context(), cfg, only(t, "topology", "server", "clock", "client"))
		r := result(t, report, id)
		return r.Outcome == outcome && strings.Contains(r.Detail, detail)
	})
	return report
}

// expectIDs compares which checks failed and which warn, but for the version and
// the password, which are the machine's.
func expectIDs(t *testing.T, r *doctor.Report, fails, warns string) {
	t.Helper()
	warned := strings.Fields(ids(r, doctor.OutcomeWarn))
	warned = slices.DeleteFunc(warned, func(id string) bool { return id == "RC-S006" || id == "RC-Y001" || id == "RC-Y003" })
	if got := ids(r, doctor.OutcomeFail); got != fails || strings.Join(warned, " ") != warns {
		t.Errorf("fails: %q, want %q; warns: %q, want %q", got, fails, warned, warns)
	}
	sound(t, r)
}

// The doctor looked at a cluster through one of its nodes, and took that one's
// word for everything.
func TestAClusterIsExaminedAsAWhole(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 3, 1, prompt)
	for name, cfg := range map[string]redisconn.Config{"by its mode": clusterConfig(cluster), "by one address": configFor(cluster.Nodes()[1].Addr())} {
		t.Run(name, func(t *testing.T) {
			report := await(t, cfg, "RC-P003", doctor.OutcomePass, "all 6 nodes answer")
			expectIDs(t, report, "", "")
			for id, detail := range map[string]string{
				"RC-P001": "the server is cluster, as configured", "RC-P002": "3 masters", "RC-P010": "16384 of 16384 slots are served, by 3 shards",
				"RC-P011": "all 6 nodes are well", "RC-P012": "can be reached", "RC-P013": "are allowed", "RC-P014": "every master has a replica", "RC-P015": "the same layout", "RC-P016": "where it belongs",
				"RC-S002": "the other nodes are well, too", "RC-S007": "listens on its own machine alone", "RC-K001": "(all 6 nodes)", "RC-W001": "(all 6 nodes)", "RC-W003": "noticed within 15s",
			} {
				expect(t, result(t, report, id), doctor.OutcomePass, detail)
			}
			for _, id := range []string{"RC-P020", "RC-P021", "RC-P022"} {
				if r := result(t, report, id); !r.Moot {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestAFaultOfOneNodeIsFoundWhereItIs(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	ill := cluster.Nodes()[2]
	command(t, ill, "CONFIG", "SET", "tcp-keepalive", "0")
	r := examined(t, clusterConfig(cluster), "RC-W002")
	expect(t, r, doctor.OutcomeWarn, ill.Addr()+": the server never asks")
	if want := fmt.Sprintf("-p %d CONFIG SET tcp-keepalive 300", ill.Port()); !strings.Contains(r.Fix[0].Command, want) {
		t.Errorf("%+v", r.Fix)
	}
	command(t, cluster.Nodes()[1], "CONFIG", "SET", "tcp-keepalive", "0")
	r = examined(t, clusterConfig(cluster), "RC-W002")
	expect(t, r, doctor.OutcomeWarn, cluster.Nodes()[1].Addr()+": the server never asks")
	expect(t, r, doctor.OutcomeWarn, "; likewise "+ill.Addr())
	expect(t, examined(t, clusterConfig(cluster), "RC-P014"), doctor.OutcomeWarn, "3 of 3 masters have no replica")
}

func TestAMasterThatDiesWithoutAReplicaTakesItsSlotsAlong(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 3, 0)
	dead := cluster.KillMaster(1)
	report := await(t, clusterConfig(cluster), "RC-P010", doctor.OutcomeFail, "they serve nothing") // once the others are sure
	expect(t, result(t, report, "RC-P003"), doctor.OutcomeFail, "1 of 3 nodes do not answer: master "+dead.Addr()+" of slots")
	expectIDs(t, report, "RC-P003 RC-P010", "RC-P011 RC-P014")
	if r := result(t, report, "RC-P003"); r.Class != redisconn.ClassRefused {
		t.Errorf("%+v", r)
	}
	if r := result(t, report, "RC-P010"); r.Class != redisconn.ClassClusterDown || !strings.Contains(r.Detail, "slots are not served; master "+dead.Addr()) {
		t.Errorf("%+v", r)
	}
	expect(t, result(t, report, "RC-P011"), doctor.OutcomeWarn, dead.Addr()+" (fail")
}

func TestAMasterThatWasReplacedLeavesAShardWithoutAReplica(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 1, prompt)
	await(t, clusterConfig(cluster), "RC-P003", doctor.OutcomePass, "all 6 nodes")
	dead := cluster.KillMaster(0)
	cluster.AwaitCovered()
	report := await(t, clusterConfig(cluster), "RC-P015", doctor.OutcomePass, "")
	expectIDs(t, report, "", "RC-P011 RC-P014")
	expect(t, result(t, report, "RC-P011"), doctor.OutcomeWarn, dead.Addr()+" (fail")
	expect(t, result(t, report, "RC-P014"), doctor.OutcomeWarn, "1 of 3 masters have no replica that is well: "+cluster.Masters()[0].Addr())
}

func TestAMasterThatHangsDoesNotAnswer(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithNodeTimeout(time.Minute)) // none of the others notices
	hung := cluster.PauseMaster(2)
	defer hung.Resume()
	cfg := clusterConfig(cluster, func(c *redisconn.Config) {
		c.Timeouts.Dial, c.Timeouts.Read = 500*time.Millisecond, 500*time.Millisecond
	})
	report := doctor.Run(t.Context(), cfg, only(t, "topology"))
	expectIDs(t, report, "RC-P003", "RC-P014")
	r := result(t, report, "RC-P003")
	if expect(t, r, doctor.OutcomeFail, "master "+hung.Addr()+" of slots "); r.Class != redisconn.ClassTimeout {
		t.Errorf("%+v", r)
	}
}

func TestAReplicaThatHangsIsWarnedAbout(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 1, prompt, redisconntest.WithNodeTimeout(time.Minute))
	await(t, clusterConfig(cluster), "RC-P003", doctor.OutcomePass, "all 2 nodes")
	hung := cluster.Replicas(0)[0]
	hung.Pause()
	defer hung.Resume()
	cfg := clusterConfig(cluster, func(c *redisconn.Config) {
		c.Timeouts.Dial, c.Timeouts.Read = 500*time.Millisecond, 500*time.Millisecond
	})
	cfg.Connection.Addrs = cluster.Addrs()[:1]
	r := examined(t, cfg, "RC-P003")
	if expect(t, r, doctor.OutcomeWarn, "replica "+hung.Addr()+" of slots 0-16383"); r.Class != "" {
		t.Errorf("%+v", r)
	}
}

func TestSlotsThatNobodyServesAreCounted(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	for _, node := range cluster.Nodes() {
		command(t, node, "CLUSTER", "DELSLOTS", "0")
	}
	report := await(t, clusterConfig(cluster), "RC-P010", doctor.OutcomeFail, "1 of 16384 slots are not served, 1 of them are assigned to nobody; the cluster's state is fail, say 3 of 3 nodes")
	expectIDs(t, report, "RC-P010", "RC-P014")
}

func TestNodesThatDisagreeAreNamed(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	odd := cluster.Nodes()[2]
	command(t, odd, "CLUSTER", "DELSLOTS", 16383) // its own: the others believe that it is, and only an owner would tell them
	r := examined(t, clusterConfig(cluster), "RC-P015")
	expect(t, r, doctor.OutcomeWarn, "1 of 3 nodes have another layout than most: "+odd.Addr())
}

// An operator's resharding died in the middle, and for weeks commands with several
// keys were refused with TRYAGAIN, of one slot alone.
func TestASlotThatIsLeftOnTheMoveIsNamedWithBothItsNodes(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	move := cluster.MigrateSlot(93, 1)
	report := doctor.Run(t.Context(), clusterConfig(cluster), only(t, "topology"))
	expectIDs(t, report, "", "RC-P014 RC-P016")
	expect(t, result(t, report, "RC-P016"), doctor.OutcomeWarn, "1 slot on the move: 93 from "+move.From().Addr()+" to "+move.To().Addr())
	command(t, move.From(), "CLUSTER", "SETSLOT", 93, "STABLE") // what is left is known to the other alone
	expect(t, examined(t, clusterConfig(cluster), "RC-P016"), doctor.OutcomeWarn, "93 from "+move.From().Addr()+" to "+move.To().Addr())
	move.Finish()
	expect(t, examined(t, clusterConfig(cluster), "RC-P016"), doctor.OutcomePass, "where it belongs")
}

// A node that announces what nobody here can reach sends its clients away.
func TestAnAnnouncedAddressThatLeadsNowhereIsToldFromADeadNode(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0)
	dead := redisconntest.ReserveAddr(t)
	_, port, _ := strings.Cut(dead, ":")
	command(t, cluster.Nodes()[2], "CONFIG", "SET", "cluster-announce-port", port)
	cfg := clusterConfig(cluster)
	cfg.Connection.Addrs = cluster.Addrs()[:2]
	report := await(t, cfg, "RC-P012", doctor.OutcomeFail, "1 of 3 announced addresses cannot be reached from here: "+dead)
	expectIDs(t, report, "RC-P012", "RC-P014")
	if r := result(t, report, "RC-P012"); r.Class != redisconn.ClassRefused {
		t.Errorf("%+v", r)
	}
	expect(t, result(t, report, "RC-P003"), doctor.OutcomePass, "2 of 3")
}

// A cluster behind NAT: the seed answers, and none of the addresses that it names.
func TestAClusterThatAnnouncesOnlyWhatNobodyReachesHasOneRoot(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	dead := redisconntest.ReserveAddr(t)
	_, port, _ := strings.Cut(dead, ":")
	command(t, cluster.Nodes()[0], "CONFIG", "SET", "cluster-announce-port", port)
	permission, err := doctor.ParsePermission("get k:*")
	if err != nil {
		t.Fatal(err)
	}
	report := doctor.Run(t.Context(), configFor(cluster.Addrs()[0]), doctor.Options{Permissions: []doctor.Permission{permission}})
	if got := ids(report, doctor.OutcomeFail); got != "RC-P012" {
		t.Errorf("fails: %s", got)
	}
	expect(t, result(t, report, "RC-P012"), doctor.OutcomeFail, "1 of 1 announced addresses cannot be reached from here: "+dead)
	for _, id := range []string{"RC-L001", "RC-P010", "RC-P011", "RC-Y003", "RC-S002", "RC-K001", "RC-W001"} {
		if r := result(t, report, id); r.Root != "RC-P012" {
			t.Errorf("%+v", r)
		}
		expect(t, result(t, report, id), doctor.OutcomeSkip, "see RC-P012")
	}
}

func TestAnAnnouncedAddressThatIsNotAllowedIsNotDialled(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	command(t, cluster.Nodes()[1], "CONFIG", "SET", "cluster-announce-ip", "169.254.169.254")
	announced := fmt.Sprintf("169.254.169.254:%d", cluster.Nodes()[1].Port())
	cfg := clusterConfig(cluster)
	cfg.Connection.Addrs = cluster.Addrs()[:1]
	report := await(t, cfg, "RC-P013", doctor.OutcomeFail, "1 of 2 announced addresses are not allowed: "+announced)
	if r := result(t, report, "RC-P013"); r.Class != redisconn.ClassAddress || !strings.Contains(r.Evidence[0].String(), "link-local") {
		t.Errorf("%+v", r)
	}
	expectIDs(t, report, "RC-P013", "RC-P014")

	allowed := clusterConfig(cluster, func(c *redisconn.Config) { c.Connection.AllowAddrs = []string{"10.0.0.0/8"} })
	allowed.Connection.Addrs = cluster.Addrs()[:1]
	command(t, cluster.Nodes()[1], "CONFIG", "SET", "cluster-announce-ip", "127.0.0.1")
	await(t, allowed, "RC-P013", doctor.OutcomeFail, cluster.Nodes()[1].Addr())
}

func TestADeploymentOfAnotherKindIsNamedWithItsRemedy(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 0)
	server := redisconntest.NewServer(t)
	mode := func(m redisconn.Mode) func(*redisconn.Config) { return func(c *redisconn.Config) { c.Mode = m } }
	for name, row := range map[string]struct {
		cfg    redisconn.Config
		detail string
	}{
		"a node taken for a server":    {configFor(cluster.Addrs()[0], mode(redisconn.ModeStandalone)), "a node of a cluster: set mode to cluster or auto"},
		"a server taken for a cluster": {configFor(server.Addr(), mode(redisconn.ModeCluster)), "no cluster but standalone: set mode to standalone or auto"},
		"a cache of a cluster's keys":  {configFor(cluster.Addrs()[0], func(c *redisconn.Config) { c.Cache.Enabled = true }), "cache.enabled off"},
	} {
		t.Run(name, func(t *testing.T) {
			report := doctor.Run(t.Context(), row.cfg, doctor.Options{})
			if got := ids(report, doctor.OutcomeFail); got != "RC-P001" {
				t.Errorf("fails: %s", got)
			}
			r := result(t, report, "RC-P001")
			if expect(t, r, doctor.OutcomeFail, row.detail); r.Class != redisconn.ClassMode || !strings.Contains(r.Fix[0].Command, "INFO server") {
				t.Errorf("%+v", r)
			}
			sound(t, report)
			expect(t, result(t, report, "RC-H004"), doctor.OutcomePass, "the server is ready")
		})
	}
}

// What a cluster's node tells, and what it may not be asked.
func TestWhatANodeTellsIsJudged(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 1, 0)
	node := cluster.Nodes()[0].Addr()
	for _, row := range []struct {
		name, id, command, answer string
		outcome                   doctor.Outcome
		detail                    string
	}{
		{"a cluster that is not well", "RC-P010", "cluster info", bulk("cluster_state:fail\r\ncluster_slots_ok:16384\r\ncluster_slots_assigned:16384\r\n"), doctor.OutcomeFail, "the cluster's state is fail, say 1 of 1 node"},
		{"a cluster of other words", "RC-P010", "cluster info", bulk("cluster_state:ok\r\n"), doctor.OutcomeFail, "does not say"},
		{"no word of the cluster", "RC-P010", "cluster info", "-NOPERM no", doctor.OutcomeSkip, "may not run CLUSTER INFO"},
		{"no word of the nodes", "RC-P011", "cluster nodes", "-NOPERM no", doctor.OutcomeSkip, "may not run CLUSTER NODES"},
		{"an odd line", "RC-P011", "cluster nodes", bulk("odd\n"), doctor.OutcomePass, "all 0 nodes"},
		{"a node that joins", "RC-P011", "cluster nodes", bulk("a 127.0.0.1:1@2 handshake - 0 0 0 connected\n"), doctor.OutcomeWarn, "127.0.0.1:1 (handshake)"},
		{"no word of the setting", "RC-W001", "config", "-NOPERM no", doctor.OutcomeSkip, "may not run CONFIG GET timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			proxy := redisconntest.NewProxy(t, node)
			proxy.Answer(redisconntest.Command(row.command), redisconntest.Always, row.answer)
			options := only(t, row.id)
			options.Client = []redisconn.Option{redisconn.WithAddressMap(func(addr string) string {
				if addr == node {
					return proxy.Addr()
				}
				return addr
			})}
			report := doctor.Run(t.Context(), configFor(node), options)
			sound(t, report)
			expect(t, result(t, report, row.id), row.outcome, row.detail)
		})
	}
}

func TestTheFirstCertificateToEndIsThatOfTheNodeThatHasIt(t *testing.T) {
	ca := redisconntest.NewCA(t)
	cluster := redisconntest.NewCluster(t, 2, 0, redisconntest.WithTLS(ca))
	late := cluster.Nodes()[1]
	late.RotateCertificate(redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	cfg := clusterConfig(cluster, func(c *redisconn.Config) {
		c.TLS.Enabled, c.TLS.CAFile, c.TLS.ExpiryWarning = true, ca.CAFile(), 2*time.Hour
	})
	expect(t, examined(t, cfg, "RC-K002"), doctor.OutcomeWarn, late.Addr()+": a certificate ends at")
}
