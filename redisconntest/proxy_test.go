package redisconntest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

// protocols runs a test once per protocol version.
func protocols(t *testing.T, test func(t *testing.T, protocol func(*redis.Options))) {
	t.Helper()
	t.Run("RESP2", func(t *testing.T) { test(t, resp2) })
	t.Run("RESP3", func(t *testing.T) { test(t, func(o *redis.Options) { o.Protocol = 3 }) })
}

func TestProxyPassesEveryKindOfReplyUnchanged(t *testing.T) {
	protocols(t, func(t *testing.T, protocol func(*redis.Options)) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		direct, proxied := plain(t, server.Addr(), protocol), plain(t, proxy.Addr(), protocol)
		ctx := within(t, 20*time.Second)
		must[string](t)(direct.Set(ctx, "text", "\x00\r\n$5\r\n*3\r\nü", 0).Result())
		must[string](t)(direct.Set(ctx, "big", strings.Repeat("0123456789", 300_000), 0).Result())
		must[int64](t)(direct.HSet(ctx, "hash", "a", "1", "b", "").Result())
		must[int64](t)(direct.SAdd(ctx, "set", "one").Result())
		must[int64](t)(direct.ZAdd(ctx, "zset", redis.Z{Score: 1.5, Member: "m"}).Result())
		must[string](t)(direct.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "1-1", Values: []string{"k", "v"}}).Result())
		for _, command := range []string{
			"PING", "GET text", "GET big", "GET absent", "HGETALL hash", "HGETALL absent", "SMEMBERS set",
			"ZRANGE zset 0 -1 WITHSCORES", "XRANGE stream - +", "LRANGE absent 0 -1", "INCR text", "NOSUCHCOMMAND",
			"STRLEN big", "CONFIG GET save", "COMMAND INFO get", "EVAL return{1,{2,{3,'x'}},false} 0", "BLPOP absent 0.01",
			"LCS text text IDX WITHMATCHLEN", "GEOPOS absent a b",
		} {
			var args []any
			for word := range strings.FieldsSeq(command) {
				args = append(args, word)
			}
			want, wantErr := direct.Do(ctx, args...).Result()
			got, err := proxied.Do(ctx, args...).Result()
			if fmt.Sprint(got, err) != fmt.Sprint(want, wantErr) {
				t.Errorf("%s: through the proxy %.200v (%v), directly %.200v (%v)", command, got, err, want, wantErr)
			}
		}
		stats := proxy.Stats()
		if stats.Commands["get"] != 3 || stats.Requests != stats.Forwarded || stats.Replies != stats.Requests {
			t.Errorf("stats %+v: want 3 GET, as many requests as forwarded and as replies", stats)
		}
	})
}

func TestProxyReachesAUnixSocket(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUnixSocket())
	proxy := redisconntest.NewProxy(t, server.Addr())
	must[string](t)(plain(t, proxy.Addr()).Ping(within(t, time.Second)).Result())
}

func TestProxySpeaksTLSToItsClients(t *testing.T) {
	for name, ending := range map[string]redisconntest.Ending{"Reset": redisconntest.Reset, "Finish": redisconntest.Finish} {
		t.Run(name, func(t *testing.T) {
			ca := redisconntest.NewCA(t)
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr(), redisconntest.ProxyTLS(ca))
			proxy.CutWith(ending)
			client := plain(t, proxy.Addr(), once, func(o *redis.Options) { o.TLSConfig = ca.ClientConfig() })
			lost := proxy.DropReply(redisconntest.Command("incr"), 1)
			if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
				t.Error("the reply was lost and the call succeeded")
			}
			if lost.Hits() != 1 || value(t, server, "k") != "1" {
				t.Errorf("%d hits, counter %s: want 1 and 1", lost.Hits(), value(t, server, "k"))
			}
		})
	}
}

func TestProxyPassesTLSThatItCannotRead(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithTLS(redisconntest.NewCA(t)))
	proxy := redisconntest.NewProxy(t, server.Addr())
	const delay = 30 * time.Millisecond
	client := plain(t, proxy.Addr(), once, func(o *redis.Options) { o.TLSConfig = server.TLSConfig() })
	must[string](t)(client.Ping(within(t, 5*time.Second)).Result())
	proxy.Delay(delay)
	start := time.Now()
	must[string](t)(client.Set(within(t, 5*time.Second), "k", strings.Repeat("v", 100_000), 0).Result())
	if took := time.Since(start); took < delay {
		t.Errorf("SET took %v, want at least %v", took, delay)
	}
	proxy.CutAll()
	redisconntest.Eventually(t, time.Second, "no links", func() bool { return proxy.Links() == 0 })
}

// This is the fault the project exists for. The server has executed INCR; its reply is lost; the driver, which
// cannot know, sends INCR once more and reports success. No error, and the counter is wrong.
func TestPlainDriverDoublesAnIncrWhoseReplyIsLost(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr())
	lost := proxy.DropReply(redisconntest.CommandKey("incr", "k"), 1)

	told, err := client.Incr(within(t, 5*time.Second), "k").Result()
	if err != nil {
		t.Errorf("the driver reports %v, we know it as one that reports nothing", err)
	}
	<-lost.Done()
	if got := value(t, server, "k"); told != 2 || got != "2" {
		t.Errorf("the driver was told %d and the server counts %s; we know it as a driver that doubles", told, got)
	}
}

func TestDroppedReplyWasExecutedAndIsReportedAsACut(t *testing.T) {
	for name, ending := range map[string]redisconntest.Ending{"Reset": redisconntest.Reset, "Finish": redisconntest.Finish} {
		t.Run(name, func(t *testing.T) {
			protocols(t, func(t *testing.T, protocol func(*redis.Options)) {
				server := redisconntest.NewServer(t)
				proxy := redisconntest.NewProxy(t, server.Addr())
				proxy.CutWith(ending)
				client := plain(t, proxy.Addr(), once, protocol)
				must[string](t)(client.Ping(t.Context()).Result())
				lost := proxy.DropReply(redisconntest.Command("incr"), 2)
				for i := range 2 {
					if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
						t.Error("the reply was lost and the call succeeded")
					}
					if got := value(t, server, "k"); got != fmt.Sprint(i+1) {
						t.Errorf("the counter is %s after %d lost replies", got, i+1)
					}
				}
				if n := must[int64](t)(client.Incr(within(t, time.Second), "k").Result()); n != 3 {
					t.Errorf("the third INCR returns %d", n)
				}
				if stats := proxy.Stats(); lost.Hits() != 2 || stats.DroppedReplies != 2 {
					t.Errorf("%d hits, stats %+v: want 2 dropped replies", lost.Hits(), stats)
				}
			})
		})
	}
}

func TestCutsEndConnectionsByResetOrByFinish(t *testing.T) {
	for ending, want := range map[redisconntest.Ending]error{redisconntest.Reset: syscall.ECONNRESET, redisconntest.Finish: io.EOF} {
		proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
		proxy.CutWith(ending)
		proxy.DropReply(redisconntest.CommandKey("incr", "struck"), 1)
		c := dialRaw(t, proxy.Addr())
		c.send("INCR k", "INCR struck", "INCR k")
		c.expect(":1")
		if _, err := c.r.ReadByte(); !errors.Is(err, want) {
			t.Errorf("the connection ended with %v, want %v", err, want)
		}
	}
}

// A proxy that counts replies instead of matching them to requests drops the wrong one as soon as commands are sent
// together.
func TestFaultsHitTheRightCommandOfAPipeline(t *testing.T) {
	const size, struck = 100, 60
	lay := map[string]struct {
		fault       func(p *redisconntest.Proxy, m redisconntest.Matcher) *redisconntest.Fault
		told        int // replies that reach the client; negative: any number
		executedMin int // commands executed by the server
		executedMax int
	}{
		"DropReply": {func(p *redisconntest.Proxy, m redisconntest.Matcher) *redisconntest.Fault { return p.DropReply(m, 1) },
			struck, struck + 1, size},
		"DropRequest": {func(p *redisconntest.Proxy, m redisconntest.Matcher) *redisconntest.Fault { return p.DropRequest(m, 1) },
			struck, struck, struck},
		"CutAfterForward": {func(p *redisconntest.Proxy, m redisconntest.Matcher) *redisconntest.Fault {
			return p.CutAfterForward(m, 1)
		},
			-1, struck + 1, struck + 1},
	}
	for name, c := range lay {
		t.Run(name, func(t *testing.T) {
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			fault := c.fault(proxy, redisconntest.CommandKey("set", fmt.Sprint("k", struck)))
			// Not a driver: it would report all commands of the pipeline as failed.
			client := dialRaw(t, proxy.Addr())
			var requests []string
			for i := range size {
				requests = append(requests, fmt.Sprintf("SET k%d v", i))
			}
			client.send(requests...)
			told := 0
			for {
				if _, err := redisconntest.ReadReply(client.r); err != nil {
					break
				}
				told++
			}
			if !proxy.Settle(5 * time.Second) {
				t.Fatal("the server still owes replies")
			}
			if c.told >= 0 && told != c.told {
				t.Errorf("%d replies reached the client, want %d", told, c.told)
			}
			executed := int(must[int64](t)(server.Client().DBSize(t.Context()).Result()))
			if executed < c.executedMin || executed > c.executedMax {
				t.Errorf("%d commands were executed, want %d to %d", executed, c.executedMin, c.executedMax)
			}
			if value(t, server, fmt.Sprint("k", struck)) == "" != (name == "DropRequest") {
				t.Errorf("%s: struck command executed: %t", name, value(t, server, fmt.Sprint("k", struck)) != "")
			}
			if fault.Hits() != 1 {
				t.Errorf("%d hits, want 1", fault.Hits())
			}
		})
	}
}

func TestDroppedRequestIsNeverExecuted(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	fault := proxy.DropRequest(redisconntest.Any, 1)
	if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
		t.Error("the request was dropped and the call succeeded")
	}
	<-fault.Done()
	if n := must[int64](t)(client.Incr(within(t, time.Second), "k").Result()); n != 1 {
		t.Errorf("INCR returns %d after one dropped request, want 1", n)
	}
	if stats := proxy.Stats(); stats.DroppedRequests != 1 {
		t.Errorf("stats %+v, want 1 dropped request", stats)
	}
}

func TestCutAfterForwardStillExecutes(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	for i := range 20 {
		fault := proxy.CutAfterForward(redisconntest.Command("incr"), 1)
		if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
			t.Fatal("the link was cut and the call succeeded")
		}
		<-fault.Done()
		if !proxy.Settle(time.Second) {
			t.Fatal("the server still owes a reply")
		}
		if got := value(t, server, "k"); got != fmt.Sprint(i+1) {
			t.Fatalf("the counter is %q after %d cuts", got, i+1)
		}
	}
	if stats := proxy.Stats(); stats.CutsAfterForward != 20 {
		t.Errorf("stats %+v, want 20 cuts after forwarding", stats)
	}
}

func TestCutAfterForwardIsExecutedByAPausedServerLater(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	must[string](t)(client.Ping(t.Context()).Result())
	server.Pause()
	fault := proxy.CutAfterForward(redisconntest.Command("incr"), 1)
	if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
		t.Error("the link was cut and the call succeeded")
	}
	<-fault.Done()
	if proxy.Settle(20 * time.Millisecond) {
		t.Error("Settle claims a reply from a paused server")
	}
	server.Resume()
	if !proxy.Settle(time.Second) {
		t.Error("the server still owes a reply")
	}
	if got := value(t, server, "k"); got != "1" {
		t.Errorf("the counter is %q, want 1", got)
	}
}

func TestAnswerRefusesSoManyTimesAndForwardsNothing(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	fault := proxy.Answer(redisconntest.Any, 2, redisconntest.Loading)
	for range 2 {
		wantError(t, client.Incr(within(t, time.Second), "k").Err(), "LOADING Redis is loading the dataset in memory")
	}
	<-fault.Done()
	if n := must[int64](t)(client.Incr(within(t, time.Second), "k").Result()); n != 1 {
		t.Errorf("INCR returns %d after two refusals, want 1", n)
	}
	if proxy.Accepted() != 1 {
		t.Errorf("%d connections, want 1: an answer is no cut", proxy.Accepted())
	}
	if stats := proxy.Stats(); stats.AnsweredInstead != 2 {
		t.Errorf("stats %+v, want 2 answers", stats)
	}
}

// The plain driver's own retries see LOADING as well: this pins what a client that retries gets through the proxy.
func TestDriverThatRetriesSurvivesAnswers(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Command("incr"), 2, redisconntest.ReadOnly)
	if n := must[int64](t)(plain(t, proxy.Addr()).Incr(within(t, 5*time.Second), "k").Result()); n != 1 {
		t.Errorf("INCR returns %d, want 1", n)
	}
}

func TestAnswersInAPipelineComeInTheirPlace(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	proxy.Answer(redisconntest.CommandKey("get", "k3"), redisconntest.Always, "$5\r\nhello")
	var gets []*redis.StringCmd
	_, err := client.Pipelined(within(t, time.Second), func(p redis.Pipeliner) error {
		for i := range 10 {
			p.Set(t.Context(), fmt.Sprint("k", i), i, 0)
			gets = append(gets, p.Get(t.Context(), fmt.Sprint("k", i)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, get := range gets {
		want := fmt.Sprint(i)
		if i == 3 {
			want = "hello"
		}
		if get.Val() != want {
			t.Errorf("GET k%d returns %q, want %q", i, get.Val(), want)
		}
	}
}

func TestAnswerThatIsNoReplyFailsTheTest(t *testing.T) {
	for _, reply := range []string{"", "LOADING", "$5\r\nhi", "+OK\r\n+OK", "-ERR\nx"} {
		err := redisconntest.Run(func(t testing.TB) {
			redisconntest.NewProxy(t, "127.0.0.1:1").Answer(redisconntest.Any, 1, reply)
		})
		wantError(t, err, "not one complete RESP value")
	}
}

func TestLinkIsCutWhenTheServerCannotBeReached(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.ReserveAddr(t))
	if err := plain(t, proxy.Addr(), once).Ping(within(t, time.Second)).Err(); err == nil {
		t.Error("PING succeeded without a server")
	}
	redisconntest.Eventually(t, time.Second, "the failure is counted", func() bool { return proxy.Stats().UpstreamDialFails >= 1 })
}

func TestKilledServerEndsTheLinksOfItsProxy(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	must[string](t)(client.Ping(t.Context()).Result())
	server.Kill()
	redisconntest.Eventually(t, time.Second, "no links", func() bool { return proxy.Links() == 0 })
	server.Start()
	must[string](t)(client.Ping(within(t, time.Second)).Result())
}

func TestClosedClientLeavesNoConnectionBehindTheProxy(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr())
	blocked := make(chan error, 1)
	go func() { blocked <- client.BLPop(context.WithoutCancel(t.Context()), 0, "queue").Err() }()
	redisconntest.Eventually(t, time.Second, "BLPOP waits", func() bool { return server.ConnectedClients() == 1 && proxy.Stats().Commands["blpop"] == 1 })
	_ = client.Close()
	<-blocked
	redisconntest.Eventually(t, time.Second, "no clients", func() bool { return server.ConnectedClients() == 0 && proxy.Links() == 0 })
}

func TestCutAllCutsEveryLinkAndNothingElse(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	var conns []net.Conn
	for range 3 {
		conn := must[net.Conn](t)(net.Dial("tcp", proxy.Addr()))
		defer conn.Close()
		conns = append(conns, conn)
	}
	redisconntest.Eventually(t, time.Second, "3 links", func() bool { return proxy.Links() == 3 })
	proxy.CutAll()
	for _, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a cut link says %v, want a reset", err)
		}
	}
	if proxy.Links() != 0 || proxy.Accepted() != 3 {
		t.Errorf("%d links, %d accepted: want 0 and 3", proxy.Links(), proxy.Accepted())
	}
	must[string](t)(plain(t, proxy.Addr()).Ping(within(t, time.Second)).Result())
}

func TestFaultsCanBeClearedOneByOneAndTogether(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	always := proxy.Answer(redisconntest.Command("get"), redisconntest.Always, redisconntest.TryAgain)
	other := proxy.Answer(redisconntest.Command("set"), 5, redisconntest.Busy)
	for range 3 {
		wantError(t, client.Get(within(t, time.Second), "k").Err(), "TRYAGAIN")
	}
	always.Clear()
	if err := client.Get(within(t, time.Second), "k").Err(); err != redis.Nil {
		t.Errorf("GET after Clear: %v", err)
	}
	wantError(t, client.Set(within(t, time.Second), "k", "v", 0).Err(), "BUSY")
	proxy.Delay(time.Hour)
	proxy.Slice(1)
	proxy.Refuse()
	proxy.Blackhole()
	proxy.Clear()
	must[string](t)(client.Set(within(t, time.Second), "k", "v", 0).Result())
	if always.Hits() != 3 || other.Hits() != 1 {
		t.Errorf("hits %d and %d, want 3 and 1", always.Hits(), other.Hits())
	}
	select {
	case <-other.Done():
		t.Error("a fault that was cleared claims to be done")
	default:
	}
}

func TestDropReplyStrikesExactlyAsOftenAsAskedUnderLoad(t *testing.T) {
	const cuts, workers, perWorker = 40, 20, 50
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), func(o *redis.Options) { once(o); o.PoolSize = workers })
	fault := proxy.DropReply(redisconntest.Command("hincrby"), cuts)
	ledger := redisconntest.NewLedger("h")
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			for range perWorker {
				_ = ledger.Do(context.WithoutCancel(t.Context()), client, worker) // the ledger keeps the error
			}
		})
	}
	work.Wait()
	if !proxy.Settle(5 * time.Second) {
		t.Fatal("the server still owes replies")
	}
	audit := must[redisconntest.Audit](t)(ledger.Audit(t.Context(), server.Client()))
	t.Log(audit)
	if fault.Hits() != cuts || len(audit.ExecutedButFailed) != cuts || !audit.Clean() {
		t.Errorf("%d hits; %v; want %d executed but failed and nothing else wrong", fault.Hits(), audit, cuts)
	}
	if audit.Operations != workers*perWorker || audit.Acknowledged != workers*perWorker-cuts || audit.Failed != cuts {
		t.Errorf("%v: want %d operations of which %d failed", audit, workers*perWorker, cuts)
	}
}

func TestProxyWithoutAPortToListenOnFailsTheTest(t *testing.T) {
	err := redisconntest.Run(func(t testing.TB) {
		proxy := redisconntest.NewProxy(t, "127.0.0.1:1")
		proxy.Refuse()
		listener, err := net.Listen("tcp", proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		proxy.Accept()
	})
	wantError(t, err, "Proxy.Accept", "address already in use")
}
