package doctor_test

import (
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
)

// Whoever adds a class has to say where its cause is looked for.
func TestEveryClassLeadsToACheckOrIsNobodysFaultButTheCallers(t *testing.T) {
	callers := map[redisconn.Class]bool{
		redisconn.ClassOverloaded: true, redisconn.ClassCanceled: true, redisconn.ClassDraining: true, redisconn.ClassClosed: true,
		redisconn.ClassConflict: true, redisconn.ClassCrossSlot: true, redisconn.ClassBinding: true, redisconn.ClassReply: true,
		redisconn.ClassUnknown: true,
	}
	for _, info := range redisconn.Classes() {
		check, found := doctor.Lead(info.Class)
		if found == callers[info.Class] {
			t.Errorf("%s leads to %q", info.Class, check.ID)
		}
	}
}
