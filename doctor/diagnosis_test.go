package doctor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAProofsFailureIsDiagnosedWithoutProvingItAgain(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t, redisconntest.WithPassword("right"))
	client, err := redisconn.New(configFor(server.Addr(), func(c *redisconn.Config) { c.Connection.Password = "cAnaRy-wrong" }))
	if err != nil {
		t.Fatal(err)
	}
	proof := doctor.Prove(t.Context(), client, true, func(redisconn.Event) {})
	calls := server.CommandCalls("hello")
	r, failed := doctor.Diagnose(t.Context(), client, proof)
	if !failed || r.ID != "RC-A002" || r.Class != redisconn.ClassAuth || len(r.Evidence) == 0 || !strings.HasSuffix(r.Command(), "ACL GETUSER default") {
		t.Errorf("%t %+v", failed, r)
	}
	if again := server.CommandCalls("hello"); again != calls {
		t.Errorf("%d connections", again-calls)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if r, failed := doctor.Diagnose(ended, client, proof); failed {
		t.Errorf("of somebody who left: %+v", r)
	}
	if r, failed := doctor.Diagnose(t.Context(), client, &doctor.Proof{}); failed {
		t.Errorf("of a proof in which nothing failed: %+v", r)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if command := (doctor.Result{Fix: []doctor.Remedy{{Text: "wait"}}}).Command(); command != "" {
		t.Errorf("%q", command)
	}
}

// The sentinels have a password and a link of their own; a command with those of the
// data nodes did not lead to them.
func TestCommandsLeadToTheSentinelsTheWayTheClientGoes(t *testing.T) {
	ca := redisconntest.NewCA(t)
	addr := redisconntest.ReserveAddr(t)
	host, port, _ := strings.Cut(addr, ":")
	way := "redis-cli -h " + host + " -p " + port
	for want, how := range map[string]func(*redisconn.Config){
		" --user watcher --askpass": func(c *redisconn.Config) { c.Sentinel.TLS = redisconn.SentinelTLSOff },
		" --tls --cacert " + ca.CAFile() + " --sni watch.internal --user watcher --askpass": func(c *redisconn.Config) {
			c.Sentinel.TLS, c.Sentinel.CAFile, c.Sentinel.ServerName = redisconn.SentinelTLSOn, ca.CAFile(), "watch.internal"
		},
		" --tls --cacert " + ca.CAFile() + " --user watcher --askpass": func(*redisconn.Config) {},
	} {
		r := examined(t, configFor(addr, func(c *redisconn.Config) {
			c.TLS.Enabled, c.TLS.CAFile, c.Connection.Username, c.Connection.Password = true, ca.CAFile(), "app", "secret"
			c.Sentinel.Master, c.Sentinel.Username, c.Sentinel.Password = "main", "watcher", "another"
		}, how), "RC-N000")
		if r.Command() != way+want+" SENTINEL MASTERS" {
			t.Errorf("%q, want%s", r.Command(), want)
		}
	}
}
