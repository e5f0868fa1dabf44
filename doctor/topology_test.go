package doctor_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAClusterIsExaminedThroughOneOfItsNodes(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 3, 1)
	node := cluster.Nodes()[1]
	report := doctor.Run(t.Context(), configFor(node.Addr()), doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-P001" {
		t.Errorf("fails: %s", got)
	}
	if r := result(t, report, "RC-P001"); r.Class != redisconn.ClassMoved || !strings.Contains(r.Detail, "MOVED") {
		t.Errorf("%+v", r)
	}
	expect(t, result(t, report, "RC-P010"), doctor.OutcomePass, "16384 of 16384 slots are served, by 3 shards")
	expect(t, result(t, report, "RC-P011"), doctor.OutcomePass, "all 6 nodes")
	// A replica that nothing was ever written to is not among CLUSTER SLOTS.
	if r := result(t, report, "RC-P012"); r.Outcome != doctor.OutcomePass || len(r.Evidence) < 3 {
		t.Errorf("%+v", r)
	}
	for _, id := range []string{"RC-P020", "RC-P021", "RC-P022"} {
		if r := result(t, report, id); !r.Moot {
			t.Errorf("%+v", r)
		}
	}

	// A node that announces what nobody here can reach sends its clients away.
	dead := redisconntest.ReserveAddr(t)
	_, port, _ := strings.Cut(dead, ":")
	command(t, cluster.Nodes()[5], "CONFIG", "SET", "cluster-announce-port", port)
	announced := func() doctor.Result {
		return result(t, doctor.Run(t.Context(), configFor(node.Addr()), only(t, "RC-P012")), "RC-P012")
	}
	redisconntest.Eventually(t, 20*time.Second, "the address to be announced", func() bool { return announced().Outcome == doctor.OutcomeFail })
	if r := announced(); !strings.HasPrefix(r.Detail, "1 of ") || !strings.Contains(r.Detail, dead) || r.Class != redisconn.ClassUnreachable {
		t.Errorf("%+v", r)
	}

	// A shard that is gone with its replica leaves its slots to nobody.
	for _, gone := range []*redisconntest.Server{cluster.Masters()[2], cluster.Replicas(2)[0]} {
		gone.Kill()
	}
	redisconntest.Eventually(t, 30*time.Second, "the shard to be missed", func() bool {
		report = doctor.Run(t.Context(), configFor(node.Addr()), only(t, "RC-P010", "RC-P011"))
		return result(t, report, "RC-P010").Outcome == doctor.OutcomeFail
	})
	if r := result(t, report, "RC-P010"); r.Class != redisconn.ClassClusterDown || !strings.Contains(r.Detail, "of 16384 slots are not served") {
		t.Errorf("%+v", r)
	}
	expect(t, result(t, report, "RC-P011"), doctor.OutcomeWarn, cluster.Nodes()[2].Addr()+" (fail")
}

// A sentinel answers PING and HELLO as a server does, and then no command.
func TestASentinelIsNotTakenForAServer(t *testing.T) {
	deployment := redisconntest.NewSentinel(t)
	report := doctor.Run(t.Context(), configFor(deployment.SentinelAddrs()[0]), doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-P001" || report.ExitCode() != doctor.ExitFailed {
		t.Errorf("fails: %s, exit code %d", got, report.ExitCode())
	}
	r := result(t, report, "RC-P001")
	if expect(t, r, doctor.OutcomeFail, "a sentinel, which holds no data"); len(r.Fix) != 2 || !strings.HasSuffix(r.Fix[0].Command, "SENTINEL MASTERS") {
		t.Errorf("%+v", r.Fix)
	}
	expect(t, result(t, report, "RC-H010"), doctor.OutcomeSkip, "see RC-P001")
}

func TestAMasterBehindSentinelsIsAMasterWithReplicas(t *testing.T) {
	deployment := redisconntest.NewSentinel(t)
	report := doctor.Run(t.Context(), configFor(deployment.Master().Addr()), only(t, "topology", "RC-S005"))
	if got := ids(report, doctor.OutcomeFail) + ids(report, doctor.OutcomeWarn); got != "" {
		t.Errorf("not well: %s", got)
	}
	expect(t, result(t, report, "RC-S005"), doctor.OutcomePass, "1 replica in step")
	if role := result(t, report, "RC-P002"); !slices.Contains(role.Evidence, doctor.Fact{Name: "replicas", Value: "1"}) {
		t.Errorf("%+v", role)
	}
}

func TestASentinelDeploymentIsExaminedAsAWhole(t *testing.T) {
	redisconntest.NoLeaks(t)
	deployment := redisconntest.NewSentinel(t,
		redisconntest.WithData(redisconntest.WithPassword("cAnaRy-data")), redisconntest.WithSentinels(3, redisconntest.WithPassword("cAnaRy-sentinels")))
	cfg := redisconn.Config{}
	cfg.Connection.Addrs, cfg.Connection.Password = deployment.SentinelAddrs(), "cAnaRy-data"
	cfg.Sentinel.Master, cfg.Sentinel.Password = deployment.MasterName(), "cAnaRy-sentinels"
	report := doctor.Run(t.Context(), cfg, doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "" {
		t.Errorf("fails: %s", got)
	}
	for id, detail := range map[string]string{
		"RC-N000": "name " + deployment.Master().Addr() + " as the master", "RC-P001": "standalone", "RC-P002": "master", "RC-P003": "all 5 nodes",
		"RC-P020": "3 of 3 sentinels of mymaster answer", "RC-P022": "1 of 1 replica could take over", "RC-S007": "wants a password",
	} {
		expect(t, result(t, report, id), doctor.OutcomePass, detail)
	}
	for name, text := range bundled(t, report) {
		if strings.Contains(text, "cAnaRy") {
			t.Errorf("%s holds a password", name)
		}
	}
	// Commands lead to the master, where the settings are.
	if r := result(t, report, "RC-S006"); !strings.Contains(r.Fix[1].Command, "-p "+strconv.Itoa(deployment.Master().Port())) {
		t.Errorf("%+v", r.Fix)
	}

	hasty := only(t, "RC-P020")
	hasty.Timeout = time.Nanosecond
	expect(t, result(t, doctor.Run(t.Context(), cfg, hasty), "RC-P020"), doctor.OutcomeSkip, "have not told yet")

	lost := cfg
	lost.Sentinel.Password = "cAnaRy-wrong"
	if r := examined(t, lost, "RC-N000"); r.Outcome != doctor.OutcomeFail || r.Class != redisconn.ClassAuth {
		t.Errorf("%+v", r)
	}
	lost = cfg
	lost.Sentinel.Master = "nobody"
	if r := examined(t, lost, "RC-N000"); r.Outcome != doctor.OutcomeFail || !strings.Contains(r.Detail, "nobody") {
		t.Errorf("%+v", r)
	}

	watched := func(id string, outcome doctor.Outcome, detail string) {
		var r doctor.Result
		redisconntest.Eventually(t, 30*time.Second, id+" to "+string(outcome), func() bool {
			r = examined(t, cfg, id)
			return r.Outcome == outcome && strings.Contains(r.Detail, detail)
		})
	}
	replica := deployment.Replicas()[0]
	replica.Kill()
	watched("RC-P022", doctor.OutcomeWarn, "none of 1 replica follows the master")
	watched("RC-P021", doctor.OutcomeFail, replica.Addr())
	watched("RC-P003", doctor.OutcomeWarn, replica.Addr())
	deployment.Sentinels()[1].Kill()
	watched("RC-P020", doctor.OutcomeWarn, "2 of 3 sentinels")
	deployment.Sentinels()[2].Kill()
	watched("RC-P020", doctor.OutcomeFail, "1 of 3 sentinels")
}
