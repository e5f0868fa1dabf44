package redisconn_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// numbered yields prefix0, prefix1, …
func numbered(prefix string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(prefix + strconv.Itoa(i)) {
				return
			}
		}
	}
}

// fill stores n numbered keys, behind the client's back.
func fill(t *testing.T, server *redisconntest.Server, prefix string, n int) {
	t.Helper()
	for chunk := range slices.Chunk(slices.Collect(numbered(prefix, n)), 5000) {
		_, err := server.Client().Pipelined(t.Context(), func(p redis.Pipeliner) error {
			for _, key := range chunk {
				p.Set(t.Context(), key, "value of "+key, 0)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHundredThousandKeysAreSetReadScannedAndDeleted(t *testing.T) {
	const many = 100_000
	server, client := alone(t)
	ctx := t.Context()
	values := func(yield func(string, any) bool) {
		for key := range numbered("bulk:", many) {
			if !yield(key, "value of "+key) {
				return
			}
		}
	}
	if res, err := client.SetMany(ctx, values, time.Hour); err != nil || res.Succeeded != many {
		t.Fatalf("SetMany: %+v, %v", res, err)
	}
	if ttl := server.Client().TTL(ctx, "bulk:7").Val(); ttl <= 0 || ttl > time.Hour {
		t.Errorf("the time to live is %s", ttl)
	}

	keys := append(slices.Collect(numbered("bulk:", many)), "none")
	got, err := client.GetMany(ctx, keys)
	if err != nil || len(got) != many || got["bulk:99999"] != "value of bulk:99999" {
		t.Errorf("GetMany: %d values, %v", len(got), err)
	}

	seen := map[string]bool{}
	for key, err := range client.ScanKeys(ctx, "bulk:*", redisconn.ScanOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		seen[key] = true
	}
	if len(seen) != many {
		t.Errorf("ScanKeys: %d keys", len(seen))
	}

	if n, err := client.DeleteMany(ctx, numbered("bulk:", many/2)); err != nil || n != many/2 {
		t.Errorf("DeleteMany: %d, %v", n, err)
	}
	var told redisconn.DeleteReport
	report, err := client.DeleteMatching(ctx, "bulk:*", redisconn.DeleteOptions{Progress: func(r redisconn.DeleteReport) { told = r }})
	if err != nil || report.Deleted != many/2 || report.Matched < many/2 || told != report {
		t.Errorf("DeleteMatching: %+v, told %+v, %v", report, told, err)
	}
	if left := server.Client().DBSize(ctx).Val(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}

func TestGetManyHasOnlyTheStringsThatExist(t *testing.T) {
	server, client := alone(t)
	ctx := t.Context()
	server.Client().Set(ctx, "empty", "", 0)
	server.Client().SAdd(ctx, "set", "x")
	got, err := client.GetMany(ctx, []string{"empty", "none", "set", "empty"})
	if want := map[string]string{"empty": ""}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := client.GetMany(ctx, nil); err != nil || got == nil || len(got) != 0 || server.CommandCalls("mget") != 1 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

func TestBulkOperationsRepeatWhatALostReplyLeftOpen(t *testing.T) {
	server, proxy, client := behindProxy(t)
	ctx := t.Context()
	fill(t, server, "k", 2000)
	proxy.DropReply(redisconntest.Nth(2, redisconntest.Command("mget")), 1)
	proxy.DropReply(redisconntest.Nth(2, redisconntest.Command("scan")), 1)
	proxy.DropReply(redisconntest.Nth(2, redisconntest.Command("unlink")), 1)
	proxy.DropReply(redisconntest.Nth(700, redisconntest.Command("set")), 1)

	if got, err := client.GetMany(ctx, slices.Collect(numbered("k", 2000))); err != nil || len(got) != 2000 {
		t.Errorf("GetMany: %d, %v", len(got), err)
	}
	res, err := client.SetMany(ctx, func(yield func(string, any) bool) {
		for key := range numbered("k", 2000) {
			if !yield(key, 1) {
				return
			}
		}
	}, 0)
	if err != nil || res.Succeeded != 2000 {
		t.Errorf("SetMany: %+v, %v", res, err)
	}
	report, err := client.DeleteMatching(ctx, "k*", redisconn.DeleteOptions{})
	settled(t, proxy)
	if err != nil || report.Matched < 2000 || report.Deleted >= 2000 || server.Client().DBSize(ctx).Val() != 0 {
		t.Errorf("DeleteMatching: %+v, %v: the group whose reply was lost cannot be counted", report, err)
	}
}

func TestAnErrorLeavesWhatWasDoneBeforeIt(t *testing.T) {
	server, proxy, client := behindProxy(t)
	ctx := t.Context()
	fill(t, server, "k", 1500)
	full := "-ERR too much"
	proxy.Answer(redisconntest.Nth(2, redisconntest.Command("mget")), 1, full)
	proxy.Answer(redisconntest.Nth(2, redisconntest.Command("unlink")), 1, full)

	got, err := client.GetMany(ctx, slices.Collect(numbered("k", 1500)))
	if err == nil || len(got) != 500 {
		t.Errorf("GetMany: %d, %v", len(got), err)
	}
	deleted, err := client.DeleteMany(ctx, numbered("k", 1500))
	if err == nil || deleted != 500 || server.Client().DBSize(ctx).Val() != 1000 {
		t.Errorf("DeleteMany: %d, %v", deleted, err)
	}

	proxy.Answer(redisconntest.Nth(2, redisconntest.Command("unlink")), 1, full)
	report, err := client.DeleteMatching(ctx, "k*", redisconn.DeleteOptions{})
	if err == nil || report.Deleted == 0 || report.Matched <= report.Deleted || server.Client().DBSize(ctx).Val() != 1000-report.Deleted {
		t.Errorf("DeleteMatching: %+v, %v", report, err)
	}
	proxy.Answer(redisconntest.Nth(1, redisconntest.Command("scan")), 1, full)
	if report, err := client.DeleteMatching(ctx, "k*", redisconn.DeleteOptions{}); err == nil || report != (redisconn.DeleteReport{}) {
		t.Errorf("DeleteMatching without SCAN: %+v, %v", report, err)
	}
}

// A sequence may be endless, or expensive: it is not read on when nobody is there to take it.
func TestSetManyStopsReadingWhenTheServerIsGone(t *testing.T) {
	server, client := alone(t)
	read := 0
	res, err := client.SetMany(t.Context(), func(yield func(string, any) bool) {
		for yield("k"+strconv.Itoa(read), read) {
			if read++; read == 15 {
				server.Kill()
			}
		}
	}, 0, redisconn.WithChunk(10, 0))
	if err == nil || read != 20 || res.Succeeded != 10 || res.Failed != 10 || res.Unsent != 1 {
		t.Errorf("%d were read: %+v: %v", read, res, err)
	}
}

func TestSetManyGoesOnBehindAValueThatCannotBeSent(t *testing.T) {
	server, client := alone(t)
	values := func(yield func(string, any) bool) {
		_ = yield("a", 1) && yield("b", struct{}{}) && yield("c", 3)
	}
	res, err := client.SetMany(t.Context(), values, 0)
	if err == nil || res.Succeeded != 2 || res.Failures()[0].Index != 1 || stored(t, server, "c") != "3" {
		t.Errorf("%+v: %v", res, err)
	}
}

func TestScanKeysYieldsWhatItIsAskedFor(t *testing.T) {
	server, client := alone(t)
	ctx := t.Context()
	fill(t, server, "a", 30)
	fill(t, server, "b", 30)
	server.Client().SAdd(ctx, "aset", "x")

	scan := func(match string, opts redisconn.ScanOptions) (keys []string) {
		for key, err := range client.ScanKeys(ctx, match, opts) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	}
	if n := len(scan("a*", redisconn.ScanOptions{})); n != 31 {
		t.Errorf("a*: %d keys", n)
	}
	if n := len(scan("", redisconn.ScanOptions{Count: 5})); n != 61 {
		t.Errorf("everything: %d keys", n)
	}
	if keys := scan("*", redisconn.ScanOptions{Type: "set"}); !slices.Equal(keys, []string{"aset"}) {
		t.Errorf("sets: %v", keys)
	}

	calls := server.CommandCalls("scan")
	for range client.ScanKeys(ctx, "*", redisconn.ScanOptions{Count: 5}) {
		break
	}
	if more := server.CommandCalls("scan") - calls; more != 1 {
		t.Errorf("a loop that was left after one key read %d pages", more)
	}
}

func TestScanKeysYieldsItsErrorLast(t *testing.T) {
	server, proxy, client := behindProxy(t)
	fill(t, server, "k", 50)
	proxy.Answer(redisconntest.Nth(2, redisconntest.Command("scan")), 1, "-ERR no more")
	keys, errs := 0, 0
	for key, err := range client.ScanKeys(t.Context(), "", redisconn.ScanOptions{Count: 10}) {
		switch {
		case errs > 0:
			t.Error("something came behind the error")
		case err != nil:
			errs++
		case strings.HasPrefix(key, "k"):
			keys++
		}
	}
	if keys == 0 || errs != 1 {
		t.Errorf("%d keys, %d errors", keys, errs)
	}
}

// A server that resizes its table names a key twice.
func TestDistinctYieldsNoKeyTwice(t *testing.T) {
	scripted := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		switch strings.ToLower(args[0]) {
		case "scan":
			if args[1] == "0" {
				return "*2\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
			}
			return "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n"
		case "ping":
			return "+PONG\r\n"
		case "info":
			return "$48\r\nredis_version:7.0.15\r\nrole:master\r\nloading:0\r\n\r\n\r\n"
		}
		return "-ERR unknown command\r\n"
	}))
	client := batchClient(t, redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{scripted.Addr()}, Compat: true}})
	for distinct, want := range map[bool]string{false: "a b b c", true: "a b c"} {
		var keys []string
		for key, err := range client.ScanKeys(t.Context(), "", redisconn.ScanOptions{Distinct: distinct}) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("distinct %t: %s, want %s", distinct, got, want)
		}
	}
}

func TestDeleteMatchingDeletesNothingUnlessItIsMeant(t *testing.T) {
	server, client := alone(t)
	ctx := t.Context()
	fill(t, server, "a", 30)
	fill(t, server, "b", 30)

	if report, err := client.DeleteMatching(ctx, "", redisconn.DeleteOptions{}); err == nil || !strings.Contains(err.Error(), `say "*"`) || report.Matched != 0 {
		t.Errorf("an empty pattern: %+v, %v", report, err)
	}
	pages := 0
	report, err := client.DeleteMatching(ctx, "a*", redisconn.DeleteOptions{DryRun: true, Batch: 10, Progress: func(redisconn.DeleteReport) { pages++ }})
	if err != nil || report.Matched < 30 || report.Deleted != 0 || pages < 2 || server.Client().DBSize(ctx).Val() != 60 {
		t.Errorf("a dry run: %+v, %d pages, %v", report, pages, err)
	}
	if report, err := client.DeleteMatching(ctx, "a*", redisconn.DeleteOptions{Batch: 10}); err != nil || report.Deleted != 30 {
		t.Errorf("a*: %+v, %v", report, err)
	}
	if report, err := client.DeleteMatching(ctx, "*", redisconn.DeleteOptions{}); err != nil || report.Deleted != 30 {
		t.Errorf("*: %+v, %v", report, err)
	}
}

func TestBulkOperationsOfAClosedClientSaySo(t *testing.T) {
	_, client := alone(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, getErr := client.GetMany(ctx, []string{"a"})
	_, setErr := client.SetMany(ctx, maps.All(map[string]any{"a": 1}), 0)
	_, deleteErr := client.DeleteMany(ctx, slices.Values([]string{"a"}))
	_, matchErr := client.DeleteMatching(ctx, "a", redisconn.DeleteOptions{})
	for i, err := range []error{getErr, setErr, deleteErr, matchErr} {
		if !errors.Is(err, redisconn.ErrClosed) {
			t.Error(fmt.Sprint(i), err)
		}
	}
}
