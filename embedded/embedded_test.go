package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/embedded"
	"github.com/redisconn/redisconn/redisconntest"
)

// open connects to an embedded server and closes the client with the test.
func open(t *testing.T, url string, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	client, err := connect(t, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeClient(t, client) })
	return client
}

func connect(t *testing.T, url string, opts ...redisconn.Option) (*redisconn.Client, error) {
	t.Helper()
	cfg, err := redisconn.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	quiet := redisconn.WithLogger(slog.New(slog.DiscardHandler))
	return redisconn.Open(t.Context(), cfg, append([]redisconn.Option{quiet}, opts...)...)
}

func closeClient(t *testing.T, client *redisconn.Client) {
	t.Helper()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnEmbeddedURLWorksFromEndToEnd(t *testing.T) {
	redisconntest.NoLeaks(t)
	client := open(t, "embedded://", embedded.Option())
	ctx := t.Context()

	if err := client.Set(ctx, "greeting", "hello", time.Minute).Err(); err != nil {
		t.Error(err)
	}
	if got, err := client.Get(ctx, "greeting").Result(); got != "hello" || err != nil {
		t.Errorf("GET = %q, %v", got, err)
	}
	if err := client.Get(ctx, "absent").Err(); err != redis.Nil {
		t.Errorf("GET of an absent key = %v, want redis.Nil", err)
	}
	replies, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "visits")
		p.IncrBy(ctx, "visits", 2)
		return nil
	})
	if err != nil || replies[1].(*redis.IntCmd).Val() != 3 {
		t.Errorf("transaction = %v, %v", replies, err)
	}
	if got, err := client.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{"visits"}).Text(); got != "3" || err != nil {
		t.Errorf("EVAL = %q, %v", got, err)
	}
}

func TestHealthSaysThatTheServerIsEmbedded(t *testing.T) {
	client := open(t, "embedded://", embedded.Option())
	health := client.Health(t.Context())
	if health.Status != redisconn.StatusPass || health.Target != "embedded" {
		t.Errorf("health is %s (%s) of %q", health.Status, health.Reason, health.Target)
	}
	if !strings.Contains(health.Server.Note, "not for production") {
		t.Errorf("the note is %q", health.Server.Note)
	}
}

func TestTheLogSaysThatTheServerIsEmbedded(t *testing.T) {
	var log strings.Builder
	cfg := redisconn.Config{Mode: redisconn.ModeEmbedded}
	client, err := redisconn.Open(t.Context(), cfg, embedded.Option(), redisconn.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	closeClient(t, client)
	if !strings.Contains(log.String(), "not for production") {
		t.Errorf("the log is\n%s", &log)
	}
}

func TestWithoutTheOptionTheErrorSaysWhatToImport(t *testing.T) {
	_, err := connect(t, "embedded://")
	if err == nil || !strings.Contains(err.Error(), `import "github.com/redisconn/redisconn/embedded"`) {
		t.Errorf("error is %v", err)
	}
}

func TestBothProtocolsAreSpoken(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		client := open(t, fmt.Sprintf("embedded://?protocol=%d", protocol), embedded.Option())
		server := client.Health(t.Context()).Server
		if server.Protocol != protocol || server.Name != "miniredis" || server.Role != "master" {
			t.Errorf("RESP%d: the server is %+v", protocol, *server)
		}
		hash := map[string]string{"a": "1", "b": "2"}
		client.HSet(t.Context(), "hash", hash)
		if got, err := client.HGetAll(t.Context(), "hash").Result(); fmt.Sprint(got) != fmt.Sprint(hash) || err != nil {
			t.Errorf("RESP%d: HGETALL = %v, %v", protocol, got, err)
		}
	}
}

func TestSubscribersReceiveWhatIsPublished(t *testing.T) {
	redisconntest.NoLeaks(t)
	client := open(t, "embedded://", embedded.Option())
	ctx := t.Context()

	subscription := client.Subscribe(ctx, "news")
	if _, err := subscription.Receive(ctx); err != nil { // the confirmation
		t.Fatal(err)
	}
	if receivers, err := client.Publish(ctx, "news", "it works").Result(); receivers != 1 || err != nil {
		t.Errorf("PUBLISH = %d, %v", receivers, err)
	}
	message, err := subscription.ReceiveMessage(ctx)
	if err != nil || message.Payload != "it works" {
		t.Errorf("received %v, %v", message, err)
	}
}

func TestKeysExpireByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, "embedded://", embedded.Option())
		ctx := context.Background() // t.Context belongs to the bubble's test and ends before its cleanups
		client.Set(ctx, "session", "alice", time.Hour)

		time.Sleep(59 * time.Minute)
		if left := client.TTL(ctx, "session").Val(); left != time.Minute {
			t.Errorf("TTL = %s, want 1m", left)
		}
		time.Sleep(time.Minute)
		if err := client.Get(ctx, "session").Err(); err != redis.Nil {
			t.Errorf("GET after an hour = %v, want redis.Nil", err)
		}
	})
}

func TestFastForwardLetsTimePass(t *testing.T) {
	server := embedded.New()
	client := open(t, "embedded://", server.Option())
	client.Set(t.Context(), "session", "alice", time.Hour)
	server.FastForward(time.Hour)
	if err := client.Get(t.Context(), "session").Err(); err != redis.Nil {
		t.Errorf("GET after an hour = %v, want redis.Nil", err)
	}
	server.Close()
	server.FastForward(time.Hour) // of nothing, does nothing
}

func TestDataLivesAsLongAsTheClientsOfAnOption(t *testing.T) {
	redisconntest.NoLeaks(t)
	option := embedded.Option()
	first := open(t, "embedded://", option)
	second := open(t, "embedded://", option)
	ctx := t.Context()

	first.Set(ctx, "k", "v", 0)
	if got, err := second.Get(ctx, "k").Result(); got != "v" || err != nil {
		t.Errorf("the second client reads %q, %v", got, err)
	}
	closeClient(t, first)
	if got, err := second.Get(ctx, "k").Result(); got != "v" || err != nil {
		t.Errorf("with the first client closed the second reads %q, %v", got, err)
	}
	closeClient(t, second)

	third := open(t, "embedded://", option)
	if err := third.Get(ctx, "k").Err(); err != redis.Nil {
		t.Errorf("a client after the last one finds %v, want redis.Nil", err)
	}
	if other := open(t, "embedded://", embedded.Option()); other.Set(ctx, "k", "other", 0).Err() != nil || third.Exists(ctx, "k").Val() != 0 {
		t.Error("two options share one server")
	}
}

func TestASharedServerOutlivesItsClients(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := embedded.New()
	first, err := connect(t, "embedded://", server.Option())
	if err != nil {
		t.Fatal(err)
	}
	first.Set(t.Context(), "k", "v", 0)
	closeClient(t, first)

	second := open(t, "embedded://", server.Option())
	if got, err := second.Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("a later client reads %q, %v", got, err)
	}
	server.Close()
	server.Close()
	redisconntest.Eventually(t, 5*time.Second, "the client to notice that the server is closed", func() bool {
		return second.State() == redisconn.StateDown
	})
	_, err = connect(t, "embedded://?connect_timeout=20ms", server.Option())
	if redisconn.ClassOf(err) != redisconn.ClassLost {
		t.Errorf("connecting to a closed server: %v", err)
	}
}

// miniredis answers each command before it reads the next. Over its own
// in-memory connection, which has no buffer, a client in the middle of writing a
// pipeline and the server in the middle of writing the first reply waited for
// each other, until a timeout ended both.
func TestALongPipelineIsNoDeadlock(t *testing.T) {
	client := open(t, "embedded://", embedded.Option())
	value := strings.Repeat("x", 1000)
	replies, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 2000 {
			p.Set(t.Context(), fmt.Sprint("key:", i), value, 0)
			p.Get(t.Context(), fmt.Sprint("key:", i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range replies {
		if get, ok := reply.(*redis.StringCmd); ok && get.Val() != value {
			t.Fatalf("%v", get)
		}
	}
}

func TestADialThatComesTooLateIsRefused(t *testing.T) {
	if conn, err := embedded.NewPrivate().Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a server without clients: %v, %v", conn, err)
	}
	server := embedded.New()
	defer server.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, err := server.Dial(ended); err != context.Canceled {
		t.Errorf("with a context that has ended: %v, %v", conn, err)
	}
}
