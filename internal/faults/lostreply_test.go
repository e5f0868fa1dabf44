package faults_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// settled waits until the server has executed all that it was sent.
func settled(t *testing.T, proxy *redisconntest.Proxy) {
	t.Helper()
	if !proxy.Settle(5 * time.Second) {
		t.Fatal("the server still owes replies after 5 s")
	}
}

// audit is the ledger's verdict once the server has executed all that it was sent.
func audit(t *testing.T, ledger *redisconntest.Ledger, server *redisconntest.Server) redisconntest.Audit {
	t.Helper()
	verdict, err := ledger.Audit(t.Context(), server.Client())
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Open > 0 || verdict.Strangers > 0 || len(verdict.Lost) > 0 {
		t.Errorf("audit: %v", verdict)
	}
	return verdict
}

func TestIncrWhoseReplyIsLostIsExecutedOnce(t *testing.T) {
	scenario := func(t *testing.T, dial dialer) (int, error) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), 0)
		lost := proxy.DropReply(redisconntest.Command("incr"), 1)
		err := client.Incr(t.Context(), "visits").Err()
		<-lost.Done()
		settled(t, proxy)
		visits, getErr := server.Client().Get(t.Context(), "visits").Int()
		if getErr != nil {
			t.Fatal(getErr)
		}
		return visits, err
	}
	bothSides(t, rowLostIncr,
		func(t *testing.T) string {
			visits, err := scenario(t, dialPlain)
			return fmt.Sprintf("returns %v, counter %d", err, visits)
		},
		func(t *testing.T) string {
			visits, err := scenario(t, dialHere)
			var failed *redisconn.CommandError
			if !errors.As(err, &failed) || !errors.Is(err, redisconn.ErrMaybeApplied) {
				t.Fatalf("INCR returns %v, want a CommandError that is ErrMaybeApplied", err)
			}
			if visits != 1 || failed.Attempts != 1 || failed.Class != redisconn.ClassLost {
				t.Errorf("counter %d after %d attempts, class %s; want 1, 1, %s", visits, failed.Attempts, failed.Class, redisconn.ClassLost)
			}
			return fmt.Sprintf("counter %d, applied: %s", visits, failed.Applied)
		})
}

func TestSetAndGetWhoseRepliesAreLostSucceed(t *testing.T) {
	bothClients(t, rowLostSet, func(t *testing.T, dial dialer) string {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), 0)
		proxy.DropReply(redisconntest.Command("set"), 1)
		proxy.DropReply(redisconntest.Command("get"), 1)
		if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Errorf("SET: %v", err)
		}
		if v, err := client.Get(t.Context(), "k").Result(); v != "v" || err != nil {
			t.Errorf("GET = %q, %v", v, err)
		}
		sent := proxy.Stats().Commands
		if sent["set"] != 2 || sent["get"] != 2 {
			t.Errorf("sent SET %d and GET %d times, want 2 and 2", sent["set"], sent["get"])
		}
		return "both succeed, each sent twice"
	})
}

func TestPipelineWhoseReplyIsLostRepeatsOnlyWhatStandsBehindTheIncr(t *testing.T) {
	scenario := func(t *testing.T, dial dialer) (visits int, set *redis.StatusCmd, incr *redis.IntCmd, get *redis.StringCmd, sets int64) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), 0)
		lost := proxy.DropReply(redisconntest.Command("incr"), 1)
		_, _ = client.Pipelined(t.Context(), func(p redis.Pipeliner) error { // each command's own error is looked at
			set = p.Set(t.Context(), "k", "v", 0)
			incr = p.Incr(t.Context(), "visits")
			get = p.Get(t.Context(), "k")
			return nil
		})
		<-lost.Done()
		settled(t, proxy)
		visits, err := server.Client().Get(t.Context(), "visits").Int()
		if err != nil {
			t.Fatal(err)
		}
		return visits, set, incr, get, proxy.Stats().Commands["set"]
	}
	bothSides(t, rowLostPipeline,
		func(t *testing.T) string {
			visits, _, incr, _, sets := scenario(t, dialPlain)
			return fmt.Sprintf("INCR returns %v, counter %d; SET sent %d times", incr.Err(), visits, sets)
		},
		func(t *testing.T) string {
			visits, set, incr, get, sets := scenario(t, dialHere)
			if visits != 1 || !errors.Is(incr.Err(), redisconn.ErrMaybeApplied) {
				t.Errorf("INCR returns %v, counter %d; want ErrMaybeApplied and 1", incr.Err(), visits)
			}
			if set.Err() != nil || sets != 1 {
				t.Errorf("SET, answered before the cut: %v, sent %d times; want nil, once", set.Err(), sets)
			}
			if get.Err() != nil || get.Val() != "v" {
				t.Errorf("GET, behind the cut: %q, %v; want it sent again", get.Val(), get.Err())
			}
			return fmt.Sprintf("INCR maybe, counter %d; SET sent once, GET succeeds", visits)
		})
}

// TestLostRepliesUnderLoadAreToldAndNeverRepeated is the most important one:
// with go-redis's defaults every one of these writes happens twice and nobody
// is told.
func TestLostRepliesUnderLoadAreToldAndNeverRepeated(t *testing.T) {
	const writers, cuts = 50, 40
	scenario := func(t *testing.T, dial dialer) (redisconntest.Audit, *outcomes) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), writers)
		ledger := redisconntest.NewLedger("h")
		var seen outcomes
		write := func(worker int) { seen.note(ledger.Do(t.Context(), client, worker)) }
		crowd(writers, write) // every connection is open
		nth := 0
		lost := proxy.DropReply(func(args []string) bool { // one in five, so that the cuts meet different writers
			if args[0] != "hincrby" {
				return false
			}
			nth++
			return nth%5 == 0
		}, cuts)
		crowd(writers, func(worker int) {
			for range 20 {
				write(worker)
			}
		})
		select {
		case <-lost.Done():
		default:
			t.Fatalf("only %d replies were lost, want %d", lost.Hits(), cuts)
		}
		settled(t, proxy)
		return audit(t, ledger, server), &seen
	}
	bothSides(t, rowLostMany,
		func(t *testing.T) string {
			verdict, seen := scenario(t, dialPlain)
			return fmt.Sprintf("%d executed twice, %d errors", len(verdict.Twice), seen.failed.Load())
		},
		func(t *testing.T) string {
			verdict, seen := scenario(t, dialDirect)
			if len(verdict.Twice) > 0 || len(verdict.ExecutedButFailed) != cuts {
				t.Errorf("want 0 twice and %d executed but failed: %v", cuts, verdict)
			}
			if seen.maybe.Load() != cuts || seen.plainly.Load() != 0 {
				t.Errorf("%d calls were told maybe, %d failed otherwise (first: %v); want %d and 0",
					seen.maybe.Load(), seen.plainly.Load(), seen.firstPlain(), cuts)
			}
			return fmt.Sprintf("%d executed twice, %d told maybe", len(verdict.Twice), seen.maybe.Load())
		})
}
