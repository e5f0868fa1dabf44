package redisconntest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

// raw is a client that sends and expects exact bytes.
type raw struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	conn := must[net.Conn](t)(net.Dial("tcp", addr))
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &raw{t, conn, bufio.NewReader(conn)}
}

// send sends one request per line.
func (c *raw) send(requests ...string) {
	c.t.Helper()
	var all []byte
	for _, request := range requests {
		all = append(all, redisconntest.EncodeRequest(strings.Fields(request)...)...)
	}
	if _, err := c.conn.Write(all); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads that many replies, written without line ends for reading.
func (c *raw) expect(replies ...string) {
	c.t.Helper()
	for _, want := range replies {
		got, err := redisconntest.ReadReply(c.r)
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", want, err)
		}
		if text := strings.ReplaceAll(strings.TrimSuffix(string(got), "\r\n"), "\r\n", " "); text != want {
			c.t.Fatalf("got %q, want %q", text, want)
		}
	}
}

func (c *raw) expectEnd() {
	c.t.Helper()
	if got, err := redisconntest.ReadReply(c.r); err == nil {
		c.t.Fatalf("got %q, want the end of the connection", got)
	}
}

func TestTransactionsPassTheProxy(t *testing.T) {
	protocols(t, func(t *testing.T, protocol func(*redis.Options)) {
		server := redisconntest.NewServer(t)
		client := plain(t, redisconntest.NewProxy(t, server.Addr()).Addr(), protocol)
		var n *redis.IntCmd
		_, err := client.TxPipelined(within(t, time.Second), func(p redis.Pipeliner) error {
			p.Set(t.Context(), "k", 41, 0)
			n = p.Incr(t.Context(), "k")
			return nil
		})
		if err != nil || n.Val() != 42 {
			t.Errorf("the transaction returns %d (%v), want 42", n.Val(), err)
		}
	})
}

// A proxy that only answers the refused command leaves the server with half a transaction, which EXEC then executes:
// no server does that.
func TestCommandRefusedInATransactionAbortsItAsARealServerDoes(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.CommandKey("incr", "b"), 1, redisconntest.ReadOnly)
	client := plain(t, proxy.Addr(), once)
	cmds, err := client.TxPipelined(within(t, time.Second), func(p redis.Pipeliner) error {
		p.Incr(t.Context(), "a")
		p.Incr(t.Context(), "b")
		p.Incr(t.Context(), "c")
		return nil
	})
	if err == nil {
		t.Errorf("the transaction succeeded: %v", cmds)
	}
	if a := value(t, server, "a"); a != "" {
		t.Errorf("half the transaction was executed: a = %s", a)
	}

	c := dialRaw(t, proxy.Addr())
	proxy.Answer(redisconntest.CommandKey("incr", "b"), 1, redisconntest.ReadOnly)
	c.send("MULTI", "INCR a", "INCR b", "EXEC", "INCR c", "MULTI", "INCR a", "EXEC")
	c.expect("+OK", "+QUEUED", redisconntest.ReadOnly, "-EXECABORT Transaction discarded because of previous errors.",
		":1", "+OK", "+QUEUED", "*1 :1")
}

func TestAnswerToExecDiscardsTheTransaction(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Command("exec"), 1, "*-1")
	c := dialRaw(t, proxy.Addr())
	c.send("MULTI", "INCR a", "EXEC", "INCR a")
	c.expect("+OK", "+QUEUED", "*-1", ":1")
	c.send("MULTI", "INCR a", "DISCARD", "INCR a", "RESET", "EXEC")
	c.expect("+OK", "+QUEUED", "+OK", ":2", "+RESET", "-ERR EXEC without MULTI")
}

// Any is meant for LOADING, which no server answers MULTI with: if the proxy did, the commands behind it would be
// executed one by one instead of not at all.
func TestMultiIsNeverAnsweredByTheProxy(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Any, 1, redisconntest.Loading)
	c := dialRaw(t, proxy.Addr())
	c.send("MULTI", "INCR a", "EXEC", "GET a")
	c.expect("+OK", redisconntest.Loading, "-EXECABORT Transaction discarded because of previous errors.", "$-1")
}

func TestPublishSubscribePassesTheProxy(t *testing.T) {
	protocols(t, func(t *testing.T, protocol func(*redis.Options)) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := plain(t, proxy.Addr(), protocol)
		ctx := within(t, 10*time.Second)
		pubsub := client.Subscribe(ctx, "one", "two")
		defer pubsub.Close()
		if err := pubsub.PSubscribe(ctx, "three*"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			must[any](t)(pubsub.Receive(ctx))
		}
		for i, channel := range []string{"one", "two", "three4"} {
			must[int64](t)(client.Publish(ctx, channel, fmt.Sprint("message", i)).Result())
			message := must[*redis.Message](t)(pubsub.ReceiveMessage(ctx))
			if message.Channel != channel || message.Payload != fmt.Sprint("message", i) {
				t.Errorf("received %v, want message%d on %s", message, i, channel)
			}
		}
		if err := pubsub.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		if pong := must[any](t)(pubsub.Receive(ctx)); fmt.Sprintf("%T", pong) != "*redis.Pong" {
			t.Errorf("received %v, want a pong", pong)
		}
		if stats := proxy.Stats(); stats.Messages != 3 {
			t.Errorf("stats %+v, want 3 messages", stats)
		}
	})
}

// SUBSCRIBE is confirmed once per channel, UNSUBSCRIBE without arguments once per channel there was, and messages
// come in between. Who loses count there hits the wrong command from then on.
func TestFaultsHitTheRightCommandAmongSubscriptionsAndMessages(t *testing.T) {
	for _, protocol := range []string{"2", "3"} {
		t.Run("RESP"+protocol, func(t *testing.T) {
			server := redisconntest.NewServer(t, redisconntest.WithUser("limited", "pw", "+@all", "~*", "resetchannels", "&a*"))
			proxy := redisconntest.NewProxy(t, server.Addr())
			c := dialRaw(t, proxy.Addr())
			c.send("HELLO " + protocol)
			must[[]byte](t)(redisconntest.ReadReply(c.r))
			sign := "*"
			if protocol == "3" {
				sign = ">"
			}
			c.send("SUBSCRIBE a1 a2", "PSUBSCRIBE p*", "UNSUBSCRIBE a2")
			c.expect(sign+"3 $9 subscribe $2 a1 :1", sign+"3 $9 subscribe $2 a2 :2", sign+"3 $10 psubscribe $2 p* :3",
				sign+"3 $11 unsubscribe $2 a2 :2")
			for range 3 {
				must[int64](t)(server.Client().Publish(t.Context(), "a1", "hi").Result())
				c.expect(sign + "3 $7 message $2 a1 $2 hi")
			}
			if protocol == "2" {
				c.send("PING")
				c.expect("*2 $4 pong $0 ")
			}
			c.send("SUBSCRIBE a3", "UNSUBSCRIBE", "PUNSUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE")
			c.expect(sign + "3 $9 subscribe $2 a3 :3")
			for range 2 { // in no order
				must[[]byte](t)(redisconntest.ReadReply(c.r))
			}
			null := "$-1"
			if protocol == "3" {
				null = "_"
			}
			c.expect(sign+"3 $12 punsubscribe $2 p* :0", sign+"3 $11 unsubscribe "+null+" :0",
				"-ERR wrong number of arguments for 'subscribe' command")

			c.send("AUTH limited pw", "SUBSCRIBE forbidden", "RPUSH list message a b", "LRANGE list 0 -1")
			c.expect("+OK", "-NOPERM this user has no permissions to access one of the channels used as arguments",
				":3", "*3 $7 message $1 a $1 b")
			if !proxy.Settle(time.Second) {
				t.Error("the proxy still waits for a reply")
			}
			fault := proxy.DropReply(redisconntest.CommandKey("incr", "struck"), 1)
			c.send("INCR before", "INCR struck", "INCR after")
			c.expect(":1")
			c.expectEnd()
			if fault.Hits() != 1 {
				t.Errorf("%d hits, want 1", fault.Hits())
			}
		})
	}
}

func TestDroppedConfirmationOfASubscriptionCutsTheLink(t *testing.T) {
	for _, protocol := range []string{"2", "3"} {
		t.Run("RESP"+protocol, func(t *testing.T) {
			proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
			c := dialRaw(t, proxy.Addr())
			c.send("HELLO " + protocol)
			must[[]byte](t)(redisconntest.ReadReply(c.r))
			fault := proxy.DropReply(redisconntest.Command("subscribe"), 1)
			c.send("SUBSCRIBE a b")
			c.expectEnd()
			if fault.Hits() != 1 {
				t.Errorf("%d hits, want 1", fault.Hits())
			}
		})
	}
}

func TestPushMessagesBetweenRepliesAreNoReplies(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	c := dialRaw(t, proxy.Addr())
	c.send("HELLO 3")
	must[[]byte](t)(redisconntest.ReadReply(c.r))
	c.send("CLIENT TRACKING ON", "GET k")
	c.expect("+OK", "_")
	must[string](t)(server.Client().Set(t.Context(), "k", "v", 0).Result())
	c.expect(">2 $10 invalidate *1 $1 k")
	proxy.DropReply(redisconntest.CommandKey("get", "x"), 1)
	c.send("GET k", "GET x")
	c.expect("$1 v")
	c.expectEnd()
}

func TestCommandsWithoutRepliesDoNotConfuseTheProxy(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	c := dialRaw(t, proxy.Addr())
	c.send("CLIENT REPLY SKIP", "INCR a", "INCR a", "CLIENT REPLY OFF", "INCR a", "INCR a", "CLIENT REPLY ON", "INCR a", "CLIENT REPLY MAYBE")
	c.expect(":2", "+OK", ":5", "-ERR syntax error")
	if !proxy.Settle(time.Second) {
		t.Error("the proxy waits for replies that never come")
	}
	fault := proxy.DropReply(redisconntest.CommandKey("incr", "b"), 1)
	c.send("INCR a", "INCR b")
	c.expect(":6")
	c.expectEnd()
	if fault.Hits() != 1 {
		t.Errorf("%d hits, want 1", fault.Hits())
	}
}

func TestInlineCommandsAndEmptyLinesPassTheProxy(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
	c := dialRaw(t, proxy.Addr())
	_, _ = io.WriteString(c.conn, "\r\n*0\r\nSET k v\r\nget k\r\n")
	c.expect("+OK", "$1 v")
	proxy.Answer(redisconntest.CommandKey("GET", "k"), 1, "+intercepted")
	_, _ = io.WriteString(c.conn, "Get k\r\n")
	c.expect("+intercepted")
}

func TestMonitorPassesTheProxy(t *testing.T) {
	server := redisconntest.NewServer(t)
	c := dialRaw(t, redisconntest.NewProxy(t, server.Addr()).Addr())
	c.send("MONITOR")
	c.expect("+OK")
	must[string](t)(server.Client().Set(t.Context(), "k", "v", 0).Result())
	for {
		line := must[[]byte](t)(redisconntest.ReadReply(c.r))
		if strings.Contains(string(line), `"set" "k" "v"`) {
			return
		}
	}
}

func TestReplicaSynchronizesThroughTheProxy(t *testing.T) {
	master := redisconntest.NewServer(t)
	must[string](t)(master.Client().Set(t.Context(), "k", "v", 0).Result())
	proxy := redisconntest.NewProxy(t, master.Addr())
	host, port, _ := net.SplitHostPort(proxy.Addr())
	replica := redisconntest.NewServer(t)
	must[string](t)(replica.Client().ReplicaOf(t.Context(), host, port).Result())
	redisconntest.Eventually(t, 10*time.Second, "the replica has the data", func() bool {
		text, _ := replica.Client().Get(t.Context(), "k").Result()
		return text == "v"
	})
	must[string](t)(master.Client().Set(t.Context(), "k", "w", 0).Result())
	redisconntest.Eventually(t, 5*time.Second, "the replica follows", func() bool {
		text, _ := replica.Client().Get(t.Context(), "k").Result()
		return text == "w"
	})
}

func TestProxyPassesProtocolErrorsOn(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
	for name, request := range map[string]string{
		"bad count": "*x\r\n", "bad length": "*1\r\n$x\r\n", "not a string": "*1\r\n:1\r\n", "too long": "*1\r\n$999999999999\r\n",
		"too many": "*3000000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, proxy.Addr())
			_, _ = io.WriteString(c.conn, request)
			got := must[[]byte](t)(redisconntest.ReadReply(c.r))
			if !strings.HasPrefix(string(got), "-ERR Protocol error") {
				t.Errorf("got %q, want the server's protocol error", got)
			}
			c.expectEnd()
		})
	}
}

func TestServerThatSpeaksNoRESPIsPassedOnAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		script func(net.Conn)
		says   string
	}{
		"HTTP":    {redisconntest.HTTPAnswer, "HTTP/1.1 400 Bad Request"},
		"garbage": {redisconntest.Garbage, "\x00\xff\x16\x03 garbage"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := redisconntest.NewProxy(t, redisconntest.NewScripted(t, c.script).Addr())
			client := dialRaw(t, proxy.Addr())
			client.send("PING")
			answer, err := io.ReadAll(client.r)
			if err != nil || !strings.HasPrefix(string(answer), c.says) {
				t.Errorf("got %q (%v), want %q", answer, err, c.says)
			}
		})
	}
}

func TestServerThatResetsIsSeenAsAReset(t *testing.T) {
	proxy := redisconntest.NewProxy(t, redisconntest.NewScripted(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	}).Addr())
	client := dialRaw(t, proxy.Addr())
	client.send("PING")
	_, err := io.ReadAll(client.r)
	wantError(t, err, "connection reset")
}

func TestMatchers(t *testing.T) {
	args := func(s string) []string { return strings.Fields(s) }
	cases := []struct {
		name    string
		matcher redisconntest.Matcher
		yes, no []string
	}{
		{"Any", redisconntest.Any, []string{"GET k", "ping", "MULTI", "CONFIG GET x"}, []string{"HELLO 3", "auth x", "CLIENT SETINFO a b", "select 1"}},
		{"Command", redisconntest.Command("incr"), []string{"INCR k", "incr"}, []string{"INCRBY k 1", "HELLO 3", "GET incr"}},
		{"Command of two words", redisconntest.Command("client setinfo"), []string{"CLIENT SETINFO LIB-NAME x"}, []string{"CLIENT LIST", "CLIENT"}},
		{"CommandKey", redisconntest.CommandKey("incr", "k"), []string{"INCR k"}, []string{"INCR K", "INCR", "GET k", "INCRBY k 1"}},
		{"CommandKey of two words", redisconntest.CommandKey("object encoding", "k"), []string{"OBJECT ENCODING k"}, []string{"OBJECT ENCODING", "OBJECT FREQ k"}},
	}
	for _, c := range cases {
		for _, request := range c.yes {
			if !c.matcher(args(request)) {
				t.Errorf("%s does not match %q", c.name, request)
			}
		}
		for _, request := range c.no {
			if c.matcher(args(request)) {
				t.Errorf("%s matches %q", c.name, request)
			}
		}
	}
	third := redisconntest.Nth(3, redisconntest.Command("incr"))
	var matched []int
	for i, request := range []string{"INCR a", "GET a", "INCR b", "INCR c", "INCR d"} {
		if third(args(request)) {
			matched = append(matched, i)
		}
	}
	if fmt.Sprint(matched) != "[3]" {
		t.Errorf("Nth(3) matched requests %v, want the fourth, which is the third INCR", matched)
	}
}
