package doctor_test

import (
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAClientThatIsClosedProvesNothing(t *testing.T) {
	client, err := redisconn.New(configFor(redisconntest.ReserveAddr(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	proof := doctor.Prove(t.Context(), client, true, func(redisconn.Event) {})
	if proof.Class != redisconn.ClassClosed || proof.Count(doctor.OutcomeSkip) != len(proof.Steps) || proof.Failure() != (doctor.Step{}) {
		t.Errorf("%+v", proof)
	}
	if step := proof.Step("no such stage"); step != (doctor.Step{}) {
		t.Errorf("%+v", step)
	}
}
