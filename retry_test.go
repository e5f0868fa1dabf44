package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// openProxied connects a client to a server through a proxy.
func openProxied(t *testing.T, change ...func(*redisconn.Config)) (*redisconn.Client, *redisconntest.Proxy, *redisconntest.Server) {
	t.Helper()
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Retry.MinBackoff, cfg.Retry.MaxBackoff = time.Millisecond, 5*time.Millisecond
	for _, apply := range change {
		apply(&cfg)
	}
	return openClient(t, cfg), proxy, server
}

// Plain go-redis returns no error here, and the counter is 2.
func TestALostReplyOfAnIncrementIsNotSentAgain(t *testing.T) {
	client, proxy, server := openProxied(t)
	proxy.DropReply(redisconntest.Command("incr"), 1)
	err := client.Incr(t.Context(), "n").Err()
	var failed *redisconn.CommandError
	if !errors.As(err, &failed) || !errors.Is(err, redisconn.ErrMaybeApplied) || redisconn.SafeToRetry(err) {
		t.Fatalf("got %v", err)
	}
	if failed.Command != "incr" || failed.Keys != 1 || failed.Attempts != 1 || failed.Class != redisconn.ClassLost || failed.Addr != proxy.Addr() || failed.Elapsed <= 0 {
		t.Errorf("%+v", failed)
	}
	if got := server.Client().Get(t.Context(), "n").Val(); got != "1" {
		t.Errorf("the counter is %s, want 1", got)
	}
	stats := client.Stats()
	if stats.Failures != 1 || stats.MaybeApplied != 1 || stats.Retries != 0 {
		t.Errorf("%+v", stats)
	}
	last := client.History()[len(client.History())-1]
	if last.Kind != redisconn.EventMaybeApplied || last.Command != "incr" || last.Class != redisconn.ClassLost {
		t.Errorf("the flight recorder ends with %+v", last)
	}
}

// What is sent again when its reply is lost, by the strongest effect that the
// configuration lets be repeated.
func TestALostReplyIsSentAgainAsFarAsTheEffectAllows(t *testing.T) {
	commands := []struct {
		effect redisconn.Effect
		args   []any
	}{
		{redisconn.EffectRead, []any{"get", "k"}},
		{redisconn.EffectIdempotent, []any{"set", "k", "v"}},
		{redisconn.EffectConditional, []any{"setnx", "k", "v"}},
		{redisconn.EffectAccumulating, []any{"append", "k", "v"}},
		{redisconn.EffectUnknown, []any{"eval", "return redis.call('incr', 'm')", "0"}},
	}
	settings := []redisconn.Effect{
		redisconn.EffectNever, redisconn.EffectRead, redisconn.EffectIdempotent, redisconn.EffectConditional, redisconn.EffectAccumulating, redisconn.EffectUnknown,
	}
	for strongest, setting := range settings {
		client, proxy, _ := openProxied(t, func(c *redisconn.Config) { c.Retry.Effect = setting })
		for rank, command := range commands {
			name := command.args[0].(string)
			lost := proxy.DropReply(redisconntest.Command(name), 1)
			err := client.Do(t.Context(), command.args...).Err()
			<-lost.Done()
			again := rank+1 <= strongest
			if again && err != nil && err != redis.Nil || !again && !errors.Is(err, redisconn.ErrMaybeApplied) {
				t.Errorf("Retry.Effect %s, %s: %v", setting, name, err)
			}
			want := int64(1)
			if again {
				want = 2
			}
			if got := proxy.Stats().Commands[name]; got != want {
				t.Errorf("Retry.Effect %s: %s was sent %d times, want %d", setting, name, got, want)
			}
		}
	}
}

func TestARefusalThatPassesIsSentAgainWhateverTheEffect(t *testing.T) {
	for name, refusal := range map[string]string{
		"loading": redisconntest.Loading, "readonly": redisconntest.ReadOnly, "master down": redisconntest.MasterDown,
		"cluster down": redisconntest.ClusterDown, "try again": redisconntest.TryAgain, "no replicas": redisconntest.NoReplicas,
		"max clients": redisconntest.MaxClients,
	} {
		t.Run(name, func(t *testing.T) {
			client, proxy, server := openProxied(t)
			proxy.Answer(redisconntest.Command("incr"), 3, refusal)
			if err := client.Incr(t.Context(), "n").Err(); err != nil {
				t.Fatal(err)
			}
			proxy.Answer(redisconntest.Command("eval"), 3, refusal)
			if err := client.Eval(t.Context(), "return redis.call('incr', 'n')", nil).Err(); err != nil {
				t.Fatal(err)
			}
			if got := server.Client().Get(t.Context(), "n").Val(); got != "2" {
				t.Errorf("the counter is %s, want 2", got)
			}
			if got := client.Stats().Retries; got != 6 {
				t.Errorf("%d retries, want 6", got)
			}
		})
	}
}

func TestARefusalThatDoesNotPassIsTheServersAnswer(t *testing.T) {
	client, proxy, _ := openProxied(t)
	for name, refusal := range map[string]string{
		"busy": redisconntest.Busy, "out of memory": redisconntest.OutOfMemory,
		"forbidden": "-NOPERM this user has no permissions",
	} {
		fault := proxy.Answer(redisconntest.Command("incr"), redisconntest.Always, refusal)
		err := client.Incr(t.Context(), "n").Err()
		var wrapped *redisconn.CommandError
		if err == nil || errors.As(err, &wrapped) || err.Error() != strings.TrimPrefix(refusal, "-") || !redisconn.SafeToRetry(err) {
			t.Errorf("%s: %T %v", name, err, err)
		}
		if got := fault.Hits(); got != 1 {
			t.Errorf("%s: sent %d times", name, got)
		}
		fault.Clear()
	}
}

// A script may return any error it likes. One that says TRYAGAIN after it has
// counted was taken for the server's refusal and sent again until it relented.
func TestAScriptsOwnErrorIsAnAnswerHoweverItReads(t *testing.T) {
	client, server := openServer(t)
	const script = `redis.call('incr', 'n') return redis.error_reply('TRYAGAIN later, says the script')`
	err := client.Eval(t.Context(), script, nil).Err()
	var wrapped *redisconn.CommandError
	if err == nil || errors.As(err, &wrapped) || !strings.HasPrefix(err.Error(), "TRYAGAIN later, says the script") {
		t.Errorf("got %T %v, want the script's error untouched", err, err)
	}
	if got := server.Client().Get(t.Context(), "n").Val(); got != "1" {
		t.Errorf("the script ran %s times", got)
	}
}

func TestARevokedPasswordIsAFailureWithANextStep(t *testing.T) {
	client, proxy, _ := openProxied(t)
	proxy.Answer(redisconntest.Command("get"), redisconntest.Always, redisconntest.NoAuth)
	err := client.Get(t.Context(), "k").Err()
	var failed *redisconn.CommandError
	if !errors.As(err, &failed) || failed.Class != redisconn.ClassAuth || failed.Attempts != 1 || failed.Applied != redisconn.AppliedNo {
		t.Errorf("got %v", err)
	}
}

func TestADialThatIsRefusedIsTriedAgain(t *testing.T) {
	client, proxy, server := openProxied(t, func(c *redisconn.Config) { c.Health.FailAfter, c.Timeouts.Operation = 1000, 5*time.Second })
	if err := client.Incr(t.Context(), "n").Err(); err != nil {
		t.Fatal(err)
	}
	proxy.Refuse()
	answer := make(chan error, 1)
	go func() { answer <- client.Incr(t.Context(), "n").Err() }()
	eventually(t, "the call to have failed once", func() bool { return client.Stats().Retries > 0 || client.State() == redisconn.StateDown })
	proxy.Accept()
	if err := <-answer; err != nil {
		t.Errorf("got %v", err)
	}
	if got := server.Client().Get(t.Context(), "n").Val(); got != "2" {
		t.Errorf("the counter is %s, want 2", got)
	}
}

func TestAnOutageIsWaitedForOrNot(t *testing.T) {
	for when, want := range map[redisconn.WhenDown]time.Duration{redisconn.WhenDownWait: 300 * time.Millisecond, redisconn.WhenDownFailFast: 0} {
		t.Run(string(when), func(t *testing.T) {
			client, server := openServer(t, func(c *redisconn.Config) { c.WhenDown, c.Timeouts.Operation = when, 300*time.Millisecond })
			server.Kill()
			eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
			began := time.Now()
			err := client.Get(t.Context(), "k").Err()
			took := time.Since(began)
			if !errors.Is(err, redisconn.ErrDown) || !redisconn.SafeToRetry(err) || errors.Is(err, context.DeadlineExceeded) != (want > 0) {
				t.Errorf("got %v", err)
			}
			if took < want || took > want+120*time.Millisecond {
				t.Errorf("it took %s, want %s", took, want)
			}
			var failed *redisconn.CommandError
			if !errors.As(err, &failed) || failed.Attempts != 0 || failed.State != redisconn.StateDown {
				t.Errorf("%+v", failed)
			}
		})
	}
}

func TestACallThatMeetsTheOutageFailsFastToo(t *testing.T) {
	client, proxy, _ := openProxied(t, func(c *redisconn.Config) { c.WhenDown = redisconn.WhenDownFailFast })
	if err := client.Get(t.Context(), "k").Err(); err != redis.Nil {
		t.Fatal(err)
	}
	proxy.Refuse()
	within(t, 500*time.Millisecond, "the call", func() {
		for client.State() == redisconn.StateReady {
			if err := client.Get(t.Context(), "k").Err(); err == nil || err == redis.Nil {
				t.Error("a call without a server succeeded")
			}
		}
	})
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrDown) {
		t.Errorf("got %v", err)
	}
}

func TestACallerWhoCancelsIsTold(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Size = 1 })
	ended := held(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { answer <- client.Get(ctx, "k").Err() }()
	eventually(t, "a call in the queue", func() bool { return client.Stats().InFlight == 2 })
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) || redisconn.ClassOf(err) != redisconn.ClassCanceled || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v", err)
	}
	server.Client().LPush(t.Context(), "empty", "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRetriesEndWithTheCallersDeadline(t *testing.T) {
	client, proxy, _ := openProxied(t, func(c *redisconn.Config) { c.Retry.MinBackoff, c.Retry.MaxBackoff = time.Second, time.Second })
	proxy.Answer(redisconntest.Command("get"), redisconntest.Always, redisconntest.Loading)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	within(t, 150*time.Millisecond, "the call", func() {
		err := client.Get(ctx, "k").Err()
		if !errors.Is(err, context.DeadlineExceeded) || redisconn.ClassOf(err) != redisconn.ClassLoading {
			t.Errorf("got %v, want what the attempt met, and the deadline", err)
		}
	})
}

func TestADrainEndsARetry(t *testing.T) {
	client, proxy, _ := openProxied(t, func(c *redisconn.Config) {
		c.Retry.MinBackoff, c.Retry.MaxBackoff, c.Timeouts.Operation = time.Hour, time.Hour, time.Hour
	})
	refused := proxy.Answer(redisconntest.Command("get"), 1, redisconntest.Loading)
	answer := make(chan error, 1)
	go func() { answer <- client.Get(context.Background(), "k").Err() }()
	<-refused.Done()
	eventually(t, "the pause", func() bool { return client.Stats().Retries == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := client.Drain(ctx); !errors.Is(err, redisconn.ErrDrainIncomplete) {
		t.Errorf("Drain: %v", err)
	}
	if err := <-answer; !errors.Is(err, redisconn.ErrClosed) || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v", err)
	}
}

func TestTheBackoffIsRandomUnderADoublingCap(t *testing.T) {
	least, most := 10*time.Millisecond, 500*time.Millisecond
	for attempts, limit := range map[int]time.Duration{1: least, 2: 2 * least, 3: 4 * least, 6: 32 * least, 7: most, 40: most, 1000: most} {
		var longest time.Duration
		for range 2000 {
			pause := redisconn.Backoff(least, most, attempts)
			if pause < 0 || pause > limit {
				t.Fatalf("after %d attempts: %s, want at most %s", attempts, pause, limit)
			}
			longest = max(longest, pause)
		}
		if longest < limit*9/10 {
			t.Errorf("after %d attempts: never above %s of %s in 2000 draws", attempts, longest, limit)
		}
	}
}

func TestErrorsKeepNoKeysAndNoValues(t *testing.T) {
	client, proxy, _ := openProxied(t)
	proxy.DropReply(redisconntest.Command("append"), 1)
	err := client.Append(t.Context(), "customer:4711", "4111-1111-1111-1111").Err()
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(text, "4711") || strings.Contains(text, "4111") {
			t.Errorf("the error holds data: %s", text)
		}
	}
}

func TestACallThatWaitedForTheServerIsRetriedAsAnyOther(t *testing.T) {
	client, proxy, _ := openProxied(t, func(c *redisconn.Config) { c.Timeouts.Operation = 10 * time.Second })
	proxy.Refuse()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	loading := proxy.Answer(redisconntest.Command("incr"), 1, redisconntest.Loading)
	answer := make(chan error, 1)
	go func() { answer <- client.Incr(t.Context(), "n").Err() }()
	eventually(t, "the call to wait", func() bool { return client.Stats().InFlight == 1 })
	proxy.Accept()
	if err := <-answer; err != nil || loading.Hits() != 1 {
		t.Errorf("got %v after %d refusals", err, loading.Hits())
	}
}
