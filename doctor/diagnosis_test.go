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
