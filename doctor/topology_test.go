package doctor_test

import (
	"slices"
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

func TestASentinelIsExaminedAsOne(t *testing.T) {
	redisconntest.NoLeaks(t)
	deployment := redisconntest.NewSentinel(t)
	sentinels := deployment.Sentinels()
	cfg := configFor(sentinels[0].Addr())
	report := doctor.Run(t.Context(), cfg, doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-P001" {
		t.Errorf("fails: %s", got)
	}
	expect(t, result(t, report, "RC-P001"), doctor.OutcomeFail, "a sentinel, which holds no data")
	expect(t, result(t, report, "RC-P020"), doctor.OutcomePass, "a failover of 1 master")
	expect(t, result(t, report, "RC-P021"), doctor.OutcomePass, "the announced address")
	expect(t, result(t, report, "RC-P022"), doctor.OutcomePass, "every master has a replica")

	deployment.Replicas()[0].Kill()
	watched := func(id string, outcome doctor.Outcome) doctor.Result {
		redisconntest.Eventually(t, 30*time.Second, id+" to "+string(outcome), func() bool {
			return examined(t, cfg, id).Outcome == outcome
		})
		return examined(t, cfg, id)
	}
	expect(t, watched("RC-P022", doctor.OutcomeWarn), doctor.OutcomeWarn, "mymaster has 1 replica, and none is up")
	for _, gone := range sentinels[1:] {
		gone.Kill()
	}
	if r := watched("RC-P020", doctor.OutcomeFail); !strings.Contains(r.Detail, "NOQUORUM") || r.Class != redisconn.ClassMasterDown {
		t.Errorf("%+v", r)
	}
	deployment.KillMaster()
	expect(t, watched("RC-P021", doctor.OutcomeFail), doctor.OutcomeFail, "cannot be reached from here")
	redisconntest.Eventually(t, 30*time.Second, "the sentinel to find the master down", func() bool {
		return strings.Contains(examined(t, cfg, "RC-P021").Detail, "is down for the sentinels")
	})

	command(t, sentinels[0], "SENTINEL", "REMOVE", "mymaster")
	expect(t, examined(t, cfg, "RC-P020"), doctor.OutcomeFail, "watches nobody")
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
