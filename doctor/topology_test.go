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

// A sentinel answers PING and HELLO as a server does, and then no command.
func TestASentinelIsNotTakenForAServer(t *testing.T) {
	deployment := redisconntest.NewSentinel(t)
	report := doctor.Run(t.Context(), configFor(deployment.SentinelAddrs()[0]), doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-P001" || report.ExitCode() != doctor.ExitFailed {
		t.Errorf("fails: %s, exit code %d", got, report.ExitCode())
	}
	sound(t, report)
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
		var report *doctor.Report
		redisconntest.Eventually(t, 30*time.Second, id+" to "+string(outcome), func() bool {
			report = doctor.Run(t.Context(), cfg, only(t, id))
			r := result(t, report, id)
			return r.Outcome == outcome && strings.Contains(r.Detail, detail)
		})
		sound(t, report)
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

// A quorum of all of them was meant to be safe, and one sentinel that was away for
// maintenance kept the others from failing over.
func TestAQuorumThatTheSentinelsLeftCannotReachFails(t *testing.T) {
	deployment := redisconntest.NewSentinel(t, redisconntest.WithQuorum(3))
	cfg := redisconn.Config{}
	cfg.Connection.Addrs, cfg.Sentinel.Master = deployment.SentinelAddrs(), deployment.MasterName()
	deployment.Sentinels()[0].Kill()
	report := await(t, cfg, "RC-P020", doctor.OutcomeFail, "2 of 3 sentinels of mymaster answer, 3 must agree")
	sound(t, report)
	// Who is asked of the others is one that answers; who is missed is asked itself.
	if r := result(t, report, "RC-P020"); strings.Contains(r.Fix[0].Command, "-p "+strconv.Itoa(deployment.Sentinels()[0].Port())+" ") {
		t.Errorf("%+v", r.Fix)
	}
	for _, id := range []string{"RC-P003", "RC-P021"} {
		if r := result(t, report, id); !strings.HasSuffix(r.Command(), "-p "+strconv.Itoa(deployment.Sentinels()[0].Port())+" PING") {
			t.Errorf("%+v", r)
		}
	}
}

func TestAMasterThatSentinelsReplacedIsMissedAsAReplica(t *testing.T) {
	deployment := redisconntest.NewSentinel(t)
	cfg := redisconn.Config{}
	cfg.Connection.Addrs, cfg.Sentinel.Master = deployment.SentinelAddrs(), deployment.MasterName()
	dead := deployment.KillMaster()
	master := deployment.AwaitSwitch(dead)
	report := await(t, cfg, "RC-P022", doctor.OutcomeWarn, "none of 1 replica follows the master")
	expectIDs(t, report, "RC-P021", "RC-P003 RC-P022")
	expect(t, result(t, report, "RC-N000"), doctor.OutcomePass, "name "+master.Addr()+" as the master")
	expect(t, result(t, report, "RC-P003"), doctor.OutcomeWarn, dead.Addr())
}

func TestAMasterThatNobodyReplacesIsFoundOnTheWayToIt(t *testing.T) {
	deployment := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0))
	cfg := redisconn.Config{}
	cfg.Connection.Addrs, cfg.Sentinel.Master = deployment.SentinelAddrs(), deployment.MasterName()
	cfg.Timeouts.Dial, cfg.Timeouts.Read = 500*time.Millisecond, 500*time.Millisecond
	expect(t, examined(t, cfg, "RC-P022"), doctor.OutcomeWarn, "there is no replica")
	ends := func(id string, class redisconn.Class) {
		t.Helper()
		report := doctor.Run(t.Context(), cfg, doctor.Options{})
		if got := ids(report, doctor.OutcomeFail); got != id || result(t, report, id).Class != class {
			t.Errorf("fails: %s, want %s with %s: %+v", got, id, class, result(t, report, id))
		}
		expect(t, result(t, report, "RC-N000"), doctor.OutcomePass, deployment.Master().Addr())
	}
	deployment.PauseMaster()
	ends("RC-H001", redisconn.ClassTimeout)
	deployment.Master().Resume()
	deployment.KillMaster()
	ends("RC-N010", redisconn.ClassRefused)
}

func TestAServerIsNotTakenForASentinel(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Sentinel.Master = "mymaster"
	report := doctor.Run(t.Context(), cfg, doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-N000" {
		t.Errorf("fails: %s", got)
	}
	expect(t, result(t, report, "RC-N000"), doctor.OutcomeFail, server.Addr()+" is no sentinel but a Redis server")
}
