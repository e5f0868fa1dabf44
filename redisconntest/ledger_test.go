package redisconntest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestLedgerTellsWhatBecameOfEachOperation(t *testing.T) {
	redisServer := redisconntest.NewEmbedded(t)
	client := redisServer.Client()
	ledger := redisconntest.NewLedger("h")
	execute := func(op *redisconntest.Op, times int) {
		for range times {
			must[int64](t)(client.HIncrBy(t.Context(), op.Key, op.Field, 1).Result())
		}
	}
	if err := ledger.Do(t.Context(), client, 1); err != nil {
		t.Fatal(err)
	}
	lost := errors.New("reply lost")
	for worker, c := range []struct {
		executions int
		err        error
		open       bool
	}{
		{1, nil, false}, {2, nil, false}, {0, nil, false}, {1, lost, false}, {0, lost, false}, {3, lost, false}, {0, nil, true}, {1, nil, true},
	} {
		op := ledger.Begin(worker % 3)
		execute(op, c.executions)
		if !c.open {
			op.End(c.err)
		}
	}
	must[int64](t)(client.HIncrBy(t.Context(), "h:1", "stranger", 1).Result())

	audit := must[redisconntest.Audit](t)(ledger.Audit(t.Context(), client))
	if audit.Operations != 9 || audit.Acknowledged != 4 || audit.Failed != 3 || audit.Open != 2 || audit.Strangers != 1 {
		t.Errorf("%v: want 9 operations, 4 acknowledged, 3 failed, 2 open, 1 stranger", audit)
	}
	if len(audit.Twice) != 2 || audit.Twice[0].Executions != 2 || audit.Twice[1].Executions != 3 {
		t.Errorf("executed twice: %+v", audit.Twice)
	}
	if len(audit.Lost) != 1 || audit.Lost[0].Executions != 0 || audit.Lost[0].Field != "4" {
		t.Errorf("lost: %+v", audit.Lost)
	}
	if len(audit.ExecutedButFailed) != 2 || audit.ExecutedButFailed[0].Err != lost {
		t.Errorf("executed but failed: %+v", audit.ExecutedButFailed)
	}
	if audit.Clean() {
		t.Error("the audit is clean")
	}
	const want = "9 operations: 4 acknowledged, 3 failed, 2 open; 2 executed twice, 1 lost, 2 executed but failed, 1 not ours\n" +
		"\texecuted but failed, 2 times: reply lost"
	if got := audit.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAuditSortsWhatFailedOperationsWereTold(t *testing.T) {
	audit := redisconntest.Audit{ExecutedButFailed: []redisconntest.Op{
		{Err: errors.New("b")}, {Err: errors.New("a")}, {Err: errors.New("c")}, {Err: errors.New("c")},
	}}
	const want = "0 operations: 0 acknowledged, 0 failed, 0 open; 0 executed twice, 0 lost, 4 executed but failed\n" +
		"\texecuted but failed, 2 times: c\n\texecuted but failed, 1 times: a\n\texecuted but failed, 1 times: b"
	if got := audit.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !audit.Clean() {
		t.Error("an operation whose outcome was unknown is no fault")
	}
}

func TestLedgerEntersOperationsOfAPipeline(t *testing.T) {
	embedded := redisconntest.NewEmbedded(t)
	ledger := redisconntest.NewLedger("p")
	var ops []*redisconntest.Op
	cmds := must[[]redis.Cmder](t)(embedded.Client().Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for range 10 {
			op := ledger.Begin(0)
			ops = append(ops, op)
			p.HIncrBy(t.Context(), op.Key, op.Field, 1)
		}
		return nil
	}))
	for i, cmd := range cmds {
		ops[i].End(cmd.Err())
	}
	audit := must[redisconntest.Audit](t)(ledger.Audit(t.Context(), embedded.Client()))
	if audit.Acknowledged != 10 || !audit.Clean() {
		t.Error(audit)
	}
}

func TestAuditThatCannotReadIsAnError(t *testing.T) {
	embedded := redisconntest.NewEmbedded(t)
	ledger := redisconntest.NewLedger("h")
	op := ledger.Begin(1)
	embedded.HSet(op.Key, op.Field, "many")
	_, err := ledger.Audit(t.Context(), embedded.Client())
	wantError(t, err, "audit of h:1", `"many"`)
	embedded.Close()
	_, err = ledger.Audit(within(t, 5*time.Second), embedded.Client())
	wantError(t, err, "audit of h:1")
}
