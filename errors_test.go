package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

// waited finds the durations of errors that were not made up.
var waited = regexp.MustCompile(`(down for |waited )[0-9.]+[µm]?s`)

// The texts are read by somebody who was just woken up.
func TestErrorsReadAsSentences(t *testing.T) {
	refusal := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 6379}, Err: syscall.ECONNREFUSED}
	command := func(change func(*redisconn.CommandError)) error {
		e := &redisconn.CommandError{
			Command: "incr", Keys: 1, Addr: "cache:6379", Class: redisconn.ClassLost, Applied: redisconn.AppliedMaybe, Attempts: 1,
			Elapsed: 1234567 * time.Nanosecond, State: redisconn.StateReady,
			Pool: redisconn.PoolUse{Size: 10, InUse: 3, Idle: 2}, Err: errors.New("read tcp 10.0.0.9:51422->10.0.0.7:6379: connection reset by peer"),
		}
		change(e)
		return e
	}
	connect := &redisconn.ConnectError{
		Stage: redisconn.StageDial, Addr: "cache:6379", Class: redisconn.ClassRefused, Attempts: 13, Elapsed: 2*time.Second + 400*time.Microsecond, Err: refusal,
	}
	client := newClient(t, configFor("cache:6379"))
	gate := redisconn.NewGate()
	gate.Open()
	gate.Close(connect, false)
	down := gate.Await(t.Context(), true)

	var texts strings.Builder
	for _, row := range []struct {
		name string
		err  error
	}{
		{"a lost reply", command(func(*redisconn.CommandError) {})},
		{"a pool that is held", command(func(e *redisconn.CommandError) {
			e.Command, e.Class, e.Applied, e.Elapsed, e.Err = "get", redisconn.ClassPool, redisconn.AppliedNo, 3*time.Second, redis.ErrPoolTimeout
			e.Pool = redisconn.PoolUse{Size: 10, InUse: 10, Waiting: 4, Holders: "8 blpop for up to 2m0s, 2 pipelines"}
		})},
		{"a pipeline of two keys", command(func(e *redisconn.CommandError) {
			e.Command, e.Keys, e.Attempts, e.Class, e.Applied = "pipeline", 2, 3, redisconn.ClassLoading, redisconn.AppliedNo
			e.Err = errors.New("LOADING Redis is loading the dataset in memory")
		})},
		{"an outage", command(func(e *redisconn.CommandError) {
			e.Class, e.Applied, e.Attempts, e.Elapsed, e.State, e.Err = redisconn.ClassDown, redisconn.AppliedNo, 0, time.Second, redisconn.StateDown, down
		})},
		{"a refusal", command(func(e *redisconn.CommandError) {
			*e = redisconn.CommandError{Command: "get", Addr: "cache:6379", Class: redisconn.ClassDraining, Applied: redisconn.AppliedNo, State: redisconn.StateDraining}
		})},
		{"before Connect", client.Get(t.Context(), "k").Err()},
		{"Connect", connect},
		{"Connect, a wrong password", &redisconn.ConnectError{
			Stage: redisconn.StageHandshake, Addr: "cache:6379", Class: redisconn.ClassAuth, Attempts: 1, Elapsed: 2 * time.Millisecond,
			Err: errors.New("WRONGPASS invalid username-password pair or user is disabled."),
		}},
		{"Connect, a missing file", &redisconn.ConnectError{
			Stage: redisconn.StageConfig, Addr: "cache:6379", Class: redisconn.ClassConfig,
			Err: &redisconn.FieldError{Field: "connection.password_file", Source: "REDIS_PASSWORD_FILE", Reason: "the file does not exist", Fix: "mount it"},
		}},
	} {
		text := row.err.Error()
		if strings.ContainsAny(text, "\n\r") {
			t.Errorf("%s: more than one line", row.name)
		}
		fmt.Fprintf(&texts, "%s:\n  %s\n\n", row.name, waited.ReplaceAllString(text, "${1}…"))
	}
	golden.Check(t, "errors.golden", texts.String())
}

func TestErrorsStandForStates(t *testing.T) {
	for name, row := range map[string]struct {
		err  *redisconn.CommandError
		want []error
	}{
		"draining": {&redisconn.CommandError{Class: redisconn.ClassDraining, Applied: redisconn.AppliedNo}, []error{redisconn.ErrDraining}},
		"closed":   {&redisconn.CommandError{Class: redisconn.ClassClosed, Applied: redisconn.AppliedMaybe}, []error{redisconn.ErrClosed, redisconn.ErrMaybeApplied}},
		"down":     {&redisconn.CommandError{Class: redisconn.ClassDown, Applied: redisconn.AppliedNo, Err: syscall.ECONNREFUSED}, []error{redisconn.ErrDown, syscall.ECONNREFUSED}},
		"full":     {&redisconn.CommandError{Class: redisconn.ClassOverloaded, Applied: redisconn.AppliedNo}, []error{redisconn.ErrOverloaded}},
		"timeout":  {&redisconn.CommandError{Class: redisconn.ClassTimeout, Applied: redisconn.AppliedMaybe}, []error{context.DeadlineExceeded, redisconn.ErrMaybeApplied}},
		"lost":     {&redisconn.CommandError{Class: redisconn.ClassLost, Applied: redisconn.AppliedNo, Err: net.ErrClosed}, []error{net.ErrClosed}},
	} {
		for _, sentinel := range []error{
			redisconn.ErrDraining, redisconn.ErrClosed, redisconn.ErrDown, redisconn.ErrOverloaded, redisconn.ErrMaybeApplied,
			context.DeadlineExceeded, context.Canceled, syscall.ECONNREFUSED, net.ErrClosed,
		} {
			want := false
			for _, w := range row.want {
				want = want || w == sentinel
			}
			if got := errors.Is(row.err, sentinel); got != want {
				t.Errorf("%s: errors.Is(err, %v) is %v, want %v", name, sentinel, got, want)
			}
		}
		if got, want := redisconn.IsMaybeApplied(row.err), row.err.Applied == redisconn.AppliedMaybe; got != want {
			t.Errorf("%s: IsMaybeApplied is %v", name, got)
		}
		if got, want := redisconn.SafeToRetry(row.err), row.err.Applied == redisconn.AppliedNo; got != want {
			t.Errorf("%s: SafeToRetry is %v", name, got)
		}
		if got := redisconn.ClassOf(fmt.Errorf("in a handler: %w", row.err)); got != row.err.Class {
			t.Errorf("%s: class %s of the wrapped error", name, got)
		}
	}
	if redisconn.SafeToRetry(nil) || redisconn.IsMaybeApplied(nil) {
		t.Error("nil is no failure")
	}
	if !redisconn.SafeToRetry(redisconn.ErrDraining) || redisconn.SafeToRetry(errors.New("who knows")) {
		t.Error("SafeToRetry of errors that are no CommandError")
	}
}

func TestErrorsStayWhatTheyWereForErrorsAs(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := openClient(t, configFor(proxy.Addr()))

	proxy.DropReply(redisconntest.Command("incr"), 1)
	err := client.Incr(t.Context(), "n").Err()
	var timeout net.Error
	if !errors.As(err, &timeout) || timeout.Timeout() {
		t.Errorf("a lost connection: %v is no net.Error, or one that timed out", err)
	}
	proxy.Answer(redisconntest.Command("incr"), redisconntest.Always, redisconntest.NoAuth)
	err = client.Incr(t.Context(), "n").Err()
	var reply redis.Error
	if !errors.As(err, &reply) || redisconn.ClassOf(err) != redisconn.ClassAuth || !redis.IsAuthError(err) {
		t.Errorf("a refusal: %v is no redis.Error", err)
	}
}

// Programs and libraries compare these, so they come back as the driver has them.
func TestAnswersOfTheServerAreReturnedUntouched(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	if err := client.Get(ctx, "absent").Err(); err != redis.Nil {
		t.Errorf("a missing key: %#v, want redis.Nil itself", err)
	}
	if err := client.Set(ctx, "text", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	plain := server.Client()
	for name, send := range map[string]func(redis.UniversalClient) error{
		"wrong type":      func(c redis.UniversalClient) error { return c.LPush(ctx, "text", "x").Err() },
		"no script":       func(c redis.UniversalClient) error { return c.EvalSha(ctx, strings.Repeat("0", 40), nil).Err() },
		"no such command": func(c redis.UniversalClient) error { return c.Do(ctx, "NOSUCH").Err() },
		"busy key":        func(c redis.UniversalClient) error { return c.XGroupCreate(ctx, "text", "g", "$").Err() },
	} {
		got, want := send(client), send(plain)
		if want == nil || got == nil || got.Error() != want.Error() || fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
			t.Errorf("%s: %T %v, the driver says %T %v", name, got, got, want, want)
		}
	}
	err := client.Watch(ctx, func(tx *redis.Tx) error {
		if err := plain.Set(ctx, "watched", "other", 0).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "watched", "mine", 0).Err() })
		return err
	}, "watched")
	if err != redis.TxFailedErr || redisconn.ClassOf(err) != redisconn.ClassConflict {
		t.Errorf("a conflict: %#v, want redis.TxFailedErr itself", err)
	}
	if got := client.Stats().Failures; got != 0 {
		t.Errorf("answers were counted as %d failures", got)
	}
}

func TestAPoolThatIsHeldSaysByWhom(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) {
		c.Pool.Size, c.Pool.Wait, c.Pipelining = 2, 50*time.Millisecond, redisconn.PipeliningOff
	})
	one, two := held(t, client), held(t, client)
	eventually(t, "two connections in use", func() bool { return client.Stats().Pool.InUse == 2 })
	err := client.Get(t.Context(), "k").Err()
	if redisconn.ClassOf(err) != redisconn.ClassPool || !errors.Is(err, redis.ErrPoolTimeout) || !redisconn.SafeToRetry(err) {
		t.Fatalf("got %v", err)
	}
	for _, holder := range []string{"pool 2/2 in use", "2 watch for up to "} {
		if !strings.Contains(err.Error(), holder) {
			t.Errorf("%v does not say %q", err, holder)
		}
	}
	server.Client().LPush(t.Context(), "empty", "x", "x")
	if err := errors.Join(<-one, <-two); err != nil {
		t.Error(err)
	}
}

// With the default configuration a call waits for a connection as long as for
// anything else, so the end of its budget and the pool's patience raced: the
// same exhausted pool was now pool-exhausted, now timeout, which sent the reader
// to SLOWLOG.
func TestACallWhoseTimeIsUpInTheQueueBlamesThePool(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Size = 1 })
	ended := held(t, client)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := client.Get(ctx, "k").Err()
	if redisconn.ClassOf(err) != redisconn.ClassPool || !errors.Is(err, context.DeadlineExceeded) || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v, want pool-exhausted and the deadline", err)
	}
	server.Client().LPush(t.Context(), "empty", "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPeerTextFitsOnOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"ERR no such key":              "ERR no such key",
		"ERR naïve café ✓":             "ERR naïve café ✓",
		"ERR x\r\nfake=line":           `"ERR x\r\nfake=line"`,
		"ERR \x1b[31mred":              `"ERR \x1b[31mred"`,
		"ERR \u202egnp.exe":            `"ERR \u202egnp.exe"`,
		"ERR \xff":                     `"ERR \xff"`,
		strings.Repeat("a", 201):       strings.Repeat("a", 200) + "…",
		strings.Repeat("é", 101):       strings.Repeat("é", 100) + "…",
		"a" + strings.Repeat("é", 101): "a" + strings.Repeat("é", 99) + "…",
	} {
		if got := redisconn.PeerText(errors.New(in)); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := redisconn.PeerText(nil); got != "no further detail" {
		t.Errorf("nil becomes %q", got)
	}
}

func FuzzPeerText(f *testing.F) {
	for _, seed := range []string{"", "ERR x", "\r\n", "\x00", "\u202e", "é\xff", strings.Repeat("\x00", 500), strings.Repeat("日本", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := redisconn.PeerText(errors.New(text))
		if len(got) > 4*200+len(`""…`) {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q holds what does not print", got)
		}
		if printable := !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); printable && utf8.ValidString(text) && len(text) <= 200 && got != text {
			t.Errorf("%q was changed to %q", text, got)
		}
	})
}
