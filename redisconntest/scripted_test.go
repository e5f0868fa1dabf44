package redisconntest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestScriptsGiveTheAnswersTheyAreNamedFor(t *testing.T) {
	for name, c := range map[string]struct {
		script func(net.Conn)
		want   string
		hangs  bool
	}{
		"Silence":    {redisconntest.Silence, "", true},
		"HangUp":     {redisconntest.HangUp, "", false},
		"HTTPAnswer": {redisconntest.HTTPAnswer, "HTTP/1.1 400 Bad Request\r\n", false},
		"Garbage":    {redisconntest.Garbage, "\x00\xff\x16\x03", false},
	} {
		t.Run(name, func(t *testing.T) {
			scripted := redisconntest.NewScripted(t, c.script)
			conn := must[net.Conn](t)(net.Dial("tcp", scripted.Addr()))
			defer conn.Close()
			if name != "HangUp" {
				_, _ = io.WriteString(conn, "PING\r\n")
			}
			limit := 5 * time.Second
			if c.hangs {
				limit = 50 * time.Millisecond
			}
			_ = conn.SetReadDeadline(time.Now().Add(limit))
			got, err := io.ReadAll(conn)
			if !strings.HasPrefix(string(got), c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var timeout net.Error
			if hung := errors.As(err, &timeout) && timeout.Timeout(); hung != c.hangs {
				t.Errorf("ended with %v, want a hang: %t", err, c.hangs)
			}
			if scripted.Accepted() != 1 {
				t.Errorf("%d connections accepted, want 1", scripted.Accepted())
			}
		})
	}
}

func TestScriptsEndWhenTheClientLeavesBeforeItsTurn(t *testing.T) {
	for _, script := range []func(net.Conn){redisconntest.HTTPAnswer, redisconntest.Replies(func([]string) string { return "" })} {
		ended := make(chan struct{})
		scripted := redisconntest.NewScripted(t, func(conn net.Conn) {
			defer close(ended)
			script(conn)
		})
		conn := must[net.Conn](t)(net.Dial("tcp", scripted.Addr()))
		_ = conn.Close()
		<-ended
	}
}

func TestRepliesScriptMakesAServerForADriver(t *testing.T) {
	scripted := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		switch strings.ToLower(args[0]) {
		case "hello":
			return "-ERR unknown command 'HELLO'\r\n"
		case "get":
			return "-MOVED 42 127.0.0.1:1\r\n"
		}
		return "+OK\r\n"
	}))
	client := plain(t, scripted.Addr(), once, resp2)
	wantError(t, client.Get(within(t, time.Second), "k").Err(), "MOVED 42")

	conn := must[net.Conn](t)(net.Dial("tcp", scripted.Addr()))
	defer conn.Close()
	_, _ = io.WriteString(conn, "\r\nset k v\r\n")
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+OK\r\n" {
		t.Errorf("an empty line and an inline command are answered with %q (%v)", answer, err)
	}
}

func TestScriptWhoseClientHasGoneEndsAtItsWrite(t *testing.T) {
	gone := make(chan struct{})
	ended := make(chan struct{})
	scripted := redisconntest.NewScripted(t, func(conn net.Conn) {
		defer close(ended)
		redisconntest.Replies(func([]string) string {
			<-gone
			_ = conn.(*net.TCPConn).CloseWrite()
			return "+late\r\n"
		})(conn)
	})
	conn := must[net.Conn](t)(net.Dial("tcp", scripted.Addr()))
	_, _ = io.WriteString(conn, "PING\r\n")
	_ = conn.Close()
	close(gone)
	<-ended
}

func TestUnansweredAddressConnectsAndSaysNothing(t *testing.T) {
	conn := must[net.Conn](t)(net.DialTimeout("tcp", redisconntest.NewUnanswered(t), time.Second))
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	if n, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %d bytes (%v), want a timeout", n, err)
	}
}

func TestUnreachableAddressDoesNotEvenConnect(t *testing.T) {
	addr := redisconntest.NewUnreachable(t)
	for range 3 {
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("a dial ends with %v, want a timeout", err)
		}
		if conn != nil {
			t.Fatal("connected")
		}
	}
	client := plain(t, addr, once, func(o *redis.Options) { o.DialTimeout = 100 * time.Millisecond })
	wantError(t, client.Ping(t.Context()).Err(), "timeout")
}

func TestEmbeddedRedisIsCompleteEnoughForAProxy(t *testing.T) {
	embedded := redisconntest.NewEmbedded(t)
	proxy := redisconntest.NewProxy(t, embedded.Addr())
	client := plain(t, proxy.Addr(), once)
	proxy.DropReply(redisconntest.Command("incr"), 1)
	if err := client.Incr(within(t, time.Second), "k").Err(); err == nil {
		t.Error("the reply was lost and the call succeeded")
	}
	if got := must[string](t)(embedded.Client().Get(context.Background(), "k").Result()); got != "1" {
		t.Errorf("the counter is %s, want 1", got)
	}
	embedded.CheckGet(t, "k", "1")
}
