package redisconntest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestDelayDoesNotAddUpInAPipeline(t *testing.T) {
	const delay, size = 60 * time.Millisecond, 100
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	must[string](t)(client.Ping(t.Context()).Result())
	proxy.Delay(delay)
	start := time.Now()
	_, err := client.Pipelined(within(t, 20*time.Second), func(p redis.Pipeliner) error {
		for range size {
			p.Incr(t.Context(), "k")
		}
		return nil
	})
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	// One delay for the pipeline, and handshakes of a pipeline connection, one delay each; a sum would be 6 s.
	if took < delay || took > 10*delay {
		t.Errorf("a pipeline of %d took %v with replies %v late", size, took, delay)
	}
	proxy.Delay(0)
	start = time.Now()
	must[string](t)(client.Ping(within(t, time.Second)).Result())
	if took := time.Since(start); took > delay {
		t.Errorf("PING took %v after the delay was ended", took)
	}
}

func TestClientThatLeavesBeforeALateReplyEndsItsLink(t *testing.T) {
	start := time.Now()
	err := redisconntest.Run(func(t testing.TB) {
		proxy := redisconntest.NewProxy(t, redisconntest.NewEmbedded(t).Addr())
		proxy.Delay(time.Hour)
		leaver, stayer := dialRaw(t, proxy.Addr()), dialRaw(t, proxy.Addr())
		leaver.send("PING")
		stayer.send("PING")
		redisconntest.Eventually(t, time.Second, "both replies wait", func() bool { return proxy.Stats().Replies == 2 })
		_ = leaver.conn.Close()
		redisconntest.Eventually(t, time.Second, "one link", func() bool { return proxy.Links() == 1 })
	})
	if err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the proxy took %v to close with a reply that was to wait for an hour", took)
	}
}

func TestSlicedRepliesArriveWhole(t *testing.T) {
	protocols(t, func(t *testing.T, protocol func(*redis.Options)) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := plain(t, proxy.Addr(), protocol)
		long := strings.Repeat("x", 5000)
		must[string](t)(server.Client().Set(t.Context(), "long", long, 0).Result())
		for _, n := range []int{1, 7} {
			proxy.Slice(n)
			if got := must[string](t)(client.Get(within(t, 10*time.Second), "long").Result()); got != long {
				t.Errorf("in pieces of %d: got %d bytes, want %d", n, len(got), len(long))
			}
		}
	})
}

func TestSlicesReachTheClientInSeparateReads(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.NewScripted(t, redisconntest.Replies(func([]string) string {
		return "+0123456789012345678901234567890123456789\r\n"
	})).Addr())
	proxy.Slice(1)
	conn := must[net.Conn](t)(net.Dial("tcp", proxy.Addr()))
	defer conn.Close()
	_, _ = io.WriteString(conn, "PING\r\n")
	reads, got, buffer := 0, 0, make([]byte, 100)
	for got < 43 {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		reads, got = reads+1, got+n
	}
	// On a busy machine the kernel joins some of the 43 pieces.
	if reads < 10 {
		t.Errorf("43 bytes came in %d reads", reads)
	}
}

func TestRefusingProxyIsAPortWhereNothingListens(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := plain(t, proxy.Addr(), once)
	must[string](t)(client.Ping(t.Context()).Result())
	proxy.Refuse()
	proxy.Refuse()
	if n := proxy.Links(); n != 0 {
		t.Errorf("%d links while refusing", n)
	}
	if _, err := net.Dial("tcp", proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a dial says %v, want connection refused", err)
	}
	if err := client.Ping(within(t, time.Second)).Err(); err == nil {
		t.Error("PING succeeded")
	}
	accepted := proxy.Accepted()
	proxy.Accept()
	proxy.Accept()
	must[string](t)(client.Ping(within(t, time.Second)).Result())
	if proxy.Accepted() <= accepted {
		t.Error("the new connection was not counted")
	}
}

func TestBlackholeHangsOldAndNewLinksUntilRestored(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	hung := func(o *redis.Options) { once(o); o.ContextTimeoutEnabled = true }
	old, fresh, idle := plain(t, proxy.Addr(), hung), plain(t, proxy.Addr(), hung), plain(t, proxy.Addr(), hung)
	must[string](t)(old.Ping(t.Context()).Result())
	must[string](t)(idle.Ping(t.Context()).Result())
	calls := server.CommandCalls("incr")

	proxy.Blackhole()
	for name, client := range map[string]*redis.Client{"old": old, "fresh": fresh} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := client.Incr(ctx, "k").Err()
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s link in the black hole: %v, want a timeout", name, err)
		}
	}
	if n := server.CommandCalls("incr"); n != calls {
		t.Errorf("%d INCR reached the server", n-calls)
	}
	if proxy.Stats().Swallowed == 0 {
		t.Error("nothing was counted as swallowed")
	}
	accepted := proxy.Accepted()
	proxy.Restore()
	for name, client := range map[string]*redis.Client{"old": old, "fresh": fresh, "idle": idle} {
		if err := client.Incr(within(t, time.Second), name).Err(); err != nil {
			t.Errorf("%s link after the black hole: %v", name, err)
		}
	}
	if n := proxy.Accepted() - accepted; n != 2 {
		t.Errorf("%d new connections, want 2: the idle link lost nothing and stays", n)
	}
}

// A link that lost a reply in the black hole and goes on afterwards gives the next request the reply of another
// command... one late: the worst thing a proxy can do to a test.
func TestLinkThatLostAReplyInTheBlackholeIsCutByRestore(t *testing.T) {
	release := make(chan struct{})
	upstream := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		if args[0] == "slow" {
			<-release
		}
		return "+" + args[0] + "\r\n"
	}))
	proxy := redisconntest.NewProxy(t, upstream.Addr())
	conn := must[net.Conn](t)(net.Dial("tcp", proxy.Addr()))
	defer conn.Close()
	_, _ = io.WriteString(conn, "slow\r\n")
	redisconntest.Eventually(t, time.Second, "the request is forwarded", func() bool { return proxy.Stats().Forwarded == 1 })
	proxy.Blackhole()
	close(release)
	redisconntest.Eventually(t, time.Second, "the reply is swallowed", func() bool { return proxy.Stats().Swallowed == 1 })
	if proxy.Links() != 1 {
		t.Error("the black hole cut the link")
	}
	proxy.Restore()
	if n, err := conn.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes (%v), want a reset", n, err)
	}
}

func TestLateRepliesAndUnreadableBytesVanishInTheBlackholeToo(t *testing.T) {
	upstream := redisconntest.NewScripted(t, func(conn net.Conn) {
		buffer := make([]byte, 100)
		for {
			if n, err := conn.Read(buffer); err != nil || n == 0 {
				return
			}
			if _, err := io.WriteString(conn, "+late\r\n"); err != nil {
				return
			}
		}
	})
	proxy := redisconntest.NewProxy(t, upstream.Addr())
	late, unreadable := dialRaw(t, proxy.Addr()), dialRaw(t, proxy.Addr())
	_, _ = io.WriteString(unreadable.conn, "\x16\x03")
	unreadable.expect("+late")
	proxy.Delay(50 * time.Millisecond)
	late.send("PING")
	redisconntest.Eventually(t, time.Second, "the reply waits in the proxy", func() bool { return proxy.Stats().Replies == 1 })
	proxy.Blackhole()
	_, _ = io.WriteString(unreadable.conn, "\x16\x03")
	redisconntest.Eventually(t, time.Second, "both are swallowed", func() bool { return proxy.Stats().Swallowed == 2 })
	proxy.Restore()
	late.expectEnd()
	unreadable.expectEnd()
}

func TestProxyHoldsTheServerBackWhileTheClientDoesNotRead(t *testing.T) {
	const size, gets = 4 << 20, 12
	server := redisconntest.NewServer(t)
	must[string](t)(server.Client().Set(t.Context(), "big", strings.Repeat("x", size), 0).Result())
	proxy := redisconntest.NewProxy(t, server.Addr())
	patient, leaver := dialRaw(t, proxy.Addr()), dialRaw(t, proxy.Addr())
	for range gets {
		patient.send("GET big")
		leaver.send("GET big")
	}
	redisconntest.Eventually(t, 10*time.Second, "the proxy is full", func() bool { return proxy.Stats().Replies >= 8 })
	_ = leaver.conn.Close()
	_ = patient.conn.SetDeadline(time.Now().Add(30 * time.Second))
	for range gets {
		if reply := must[[]byte](t)(redisconntest.ReadReply(patient.r)); len(reply) < size {
			t.Fatalf("a reply of %d bytes, want %d", len(reply), size)
		}
	}
	redisconntest.Eventually(t, 5*time.Second, "one link", func() bool { return proxy.Links() == 1 })
}

func TestConnectionAcceptedInTheBlackholeHangsAlsoWhenTheServerIsGone(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.ReserveAddr(t))
	proxy.Blackhole()
	conn := must[net.Conn](t)(net.Dial("tcp", proxy.Addr()))
	defer conn.Close()
	_, _ = io.WriteString(conn, "PING\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("the black hole says %v, want silence", err)
	}
	proxy.Clear()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the black hole: %v, want a reset", err)
	}
}
