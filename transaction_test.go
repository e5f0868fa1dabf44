package redisconn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestATransactionIsExecutedAsOne(t *testing.T) {
	server, client := alone(t)
	var n *redis.IntCmd
	res, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "a", 1, 0)
		p.Get(t.Context(), "none")
		n = p.Incr(t.Context(), "n")
		return nil
	})
	if err != nil || res.Applied != redisconn.AppliedYes || len(res.Outcomes) != 3 || len(res.Failed()) != 0 || res.Took <= 0 {
		t.Errorf("%+v: %v", res, err)
	}
	if n.Val() != 1 || server.CommandCalls("multi") != 1 || server.CommandCalls("exec") != 1 {
		t.Errorf("n is %d, MULTI was called %d times", n.Val(), server.CommandCalls("multi"))
	}
	if _, ok := res.Culprit(); ok {
		t.Error("a transaction that was applied has a culprit")
	}
}

func TestAnEmptyTransactionSendsNothing(t *testing.T) {
	server, client := alone(t)
	res, err := client.RunTransaction(t.Context(), func(redis.Pipeliner) error { return nil })
	if err != nil || res.Applied != redisconn.AppliedNo || len(res.Outcomes) != 0 || server.CommandCalls("multi") != 0 {
		t.Errorf("%+v: %v", res, err)
	}
}

// Redis does not roll back: what did not fail inside EXEC was applied.
func TestACommandThatFailsInsideExecDoesNotUndoTheOthers(t *testing.T) {
	server, client := alone(t)
	if err := server.Client().Set(t.Context(), "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	res, err := client.RunTransaction(t.Context(), queued(t.Context(), "incr n", "incr text", "incr n"))

	if res.Applied != redisconn.AppliedYes || len(res.Failed()) != 1 || res.Failed()[0].Index != 1 || res.Failed()[0].Applied != redisconn.AppliedNo {
		t.Errorf("%+v", res)
	}
	if res.Outcomes[0].Applied != redisconn.AppliedYes || stored(t, server, "n") != "2" {
		t.Errorf("%v", res.Outcomes)
	}
	text := strings.ReplaceAll(err.Error(), server.Addr(), "ADDR")
	if text != "redisconn: transaction on ADDR: 1 of 3 commands failed inside EXEC, the others were applied, because Redis does not roll back: "+
		"#1 incr: ERR value is not an integer or out of range, applied: no; likely: the command does not fit the key's type or its own syntax; next: read the server's text; it is unchanged" {
		t.Error(text)
	}
	var failed *redisconn.TransactionError
	var reply redis.Error
	if !errors.As(err, &failed) || failed.Result != res || !errors.As(err, &reply) || redisconn.SafeToRetry(err) {
		t.Errorf("%T, safe to retry %t", err, redisconn.SafeToRetry(err))
	}
}

func TestARefusedTransactionNamesTheCulprit(t *testing.T) {
	redisconntest.NoLeaks(t)
	plain := redisconntest.NewServer(t)
	full := redisconntest.NewServer(t, redisconntest.WithDirective("maxmemory", "1"), redisconntest.WithDirective("maxmemory-policy", "noeviction"))
	replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(plain))
	for name, test := range map[string]struct {
		server   *redisconntest.Server
		commands []string
		index    int
		class    redisconn.Class
		text     string
	}{
		"unknown command":      {plain, []string{"get a", "nosuchcommand", "incr n"}, 1, redisconn.ClassReply, "nosuchcommand, its command #1, was refused: ERR unknown command"},
		"out of memory":        {full, []string{"incr n", "get a"}, 0, redisconn.ClassOOM, "incr, its command #0, was refused: OOM command not allowed"},
		"a replica":            {replica, []string{"incr n", "get a"}, 0, redisconn.ClassReadOnly, "incr, its command #0, was refused: READONLY You can't write against a read only replica."},
		"wrong number of args": {plain, []string{"get"}, 0, redisconn.ClassReply, "get, its command #0, was refused: ERR wrong number of arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			client := batchClient(t, test.server.Config())
			res, err := client.RunTransaction(t.Context(), queued(t.Context(), test.commands...))

			culprit, ok := res.Culprit()
			if res.Applied != redisconn.AppliedNo || !ok || culprit.Index != test.index || redisconn.ClassOf(culprit.Err) != test.class {
				t.Errorf("%+v, culprit %v", res, culprit)
			}
			if !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "applied: no") || !strings.Contains(err.Error(), "next: ") {
				t.Error(err)
			}
			if redisconn.ClassOf(err) != test.class || !redisconn.SafeToRetry(err) || redisconn.IsMaybeApplied(err) {
				t.Errorf("class %s, safe to retry %t", redisconn.ClassOf(err), redisconn.SafeToRetry(err))
			}
			for _, o := range res.Outcomes {
				if o.Err == nil || o.Applied != redisconn.AppliedNo {
					t.Errorf("%v", o)
				}
			}
		})
	}
}

// EXEC itself may be refused, with no command to blame.
func TestATransactionWhoseExecIsRefusedHasNoCulprit(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Command("exec"), 1, "-EXECABORT Transaction discarded because of: "+redisconntest.OutOfMemory[1:])
	res, err := client.RunTransaction(t.Context(), queued(t.Context(), "incr n"))
	if _, ok := res.Culprit(); ok || res.Applied != redisconn.AppliedNo || redisconn.ClassOf(err) != redisconn.ClassOOM || !redis.IsExecAbortError(err) {
		t.Errorf("%+v: %v", res, err)
	}
}

func TestATransactionWhoseReplyIsLostMayHaveBeenApplied(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.Command("exec"), 1)
	res, err := client.RunTransaction(t.Context(), queued(t.Context(), "incr n", "incr n"))
	settled(t, proxy)

	if res.Applied != redisconn.AppliedMaybe || len(res.Failed()) != 2 || res.Outcomes[1].Applied != redisconn.AppliedMaybe {
		t.Errorf("%+v", res)
	}
	if !redisconn.IsMaybeApplied(err) || redisconn.SafeToRetry(err) || !strings.HasPrefix(err.Error(), "redisconn: transaction (2 keys) on ") {
		t.Error(err)
	}
	if n := stored(t, server, "n"); n != "2" {
		t.Errorf("n is %s", n)
	}
}

func TestATransactionIsNotSentWhenItsFunctionFails(t *testing.T) {
	server, client := alone(t)
	enough := errors.New("enough")
	var incr *redis.IntCmd
	res, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error {
		incr = p.Incr(t.Context(), "n")
		if cmds, err := p.Exec(t.Context()); err != nil || cmds != nil || p.Len() != 1 {
			t.Errorf("Exec inside of a transaction: %v, %v", cmds, err)
		}
		return enough
	})
	if !errors.Is(err, enough) || res.Applied != redisconn.AppliedNo || !redisconn.SafeToRetry(err) || !redisconn.SafeToRetry(incr.Err()) {
		t.Errorf("%+v: %v; INCR: %v", res, err, incr.Err())
	}
	if !strings.Contains(err.Error(), ": enough; applied: no; ") || server.CommandCalls("multi") != 0 {
		t.Error(err)
	}
}

func TestATransactionWithAnArgumentThatCannotBeSentIsNotSent(t *testing.T) {
	server, client := alone(t)
	res, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error {
		p.Incr(t.Context(), "n")
		p.Set(t.Context(), "a", struct{}{}, 0)
		return nil
	})
	culprit, ok := res.Culprit()
	if !ok || culprit.Index != 1 || res.Applied != redisconn.AppliedNo || res.Outcomes[0].Err == nil || server.CommandCalls("multi") != 0 {
		t.Errorf("%+v: %v", res, err)
	}
	if !strings.Contains(err.Error(), "argument 2 is a struct {}, which cannot be sent") {
		t.Error(err)
	}
}
