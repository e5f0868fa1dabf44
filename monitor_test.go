package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// faked runs a test with a client of a memory server, in fake time.
func faked(t *testing.T, change func(*redisconn.Config), test func(t *testing.T, client *redisconn.Client, server *memoryServer), opts ...redisconn.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		client := server.open(t, change, opts...)
		defer func() {
			server.set(func(s *memoryServer) { s.refuses, s.mute = false, false })
			if _, err := client.Drain(context.Background()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second) // for replies that the server holds back
		}()
		test(t, client, server)
	})
}

// passes waits in fake time until the condition holds.
func passes(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func TestSilenceIsAnOutageOnlyAfterFailAfterMisses(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.mute = true })
		for _, misses := range []int{1, 2} {
			passes(t, 3*time.Second, "a miss", func() bool { return client.LastHealth().ConsecutiveFailures == misses })
			health := client.LastHealth()
			if health.Status != redisconn.StatusWarn || health.State != redisconn.StateReady || health.Class != redisconn.ClassTimeout {
				t.Errorf("after %d misses: %s, %s, %s", misses, health.Status, health.State, health.Class)
			}
		}
		passes(t, 3*time.Second, "an outage", func() bool { return client.State() == redisconn.StateDown })
		health := client.LastHealth()
		if health.Status != redisconn.StatusFail || health.ConsecutiveFailures != 3 || health.LastFailureClass != redisconn.ClassTimeout || health.LastFailure.IsZero() {
			t.Errorf("%+v", health)
		}
		if got := client.Stats().Outages; got != 1 {
			t.Errorf("%d outages were counted", got)
		}
	})
}

func TestAnOutageEndsAfterRecoverAfterHits(t *testing.T) {
	faked(t, func(c *redisconn.Config) { c.Health.RecoverAfter = 3 }, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.mute = true })
		passes(t, 10*time.Second, "an outage", func() bool { return client.State() == redisconn.StateDown })
		server.set(func(s *memoryServer) { s.mute = false })
		for _, hits := range []string{"1 of 3", "2 of 3"} {
			passes(t, 5*time.Second, hits, func() bool {
				return client.LastHealth().Reason == "answering again, "+hits+" probes so far"
			})
			if health := client.LastHealth(); health.Status != redisconn.StatusFail || health.State != redisconn.StateDown {
				t.Errorf("%s: %s, %s", hits, health.Status, health.State)
			}
		}
		passes(t, time.Second, "ready", func() bool { return client.State() == redisconn.StateReady })
		if health := client.LastHealth(); health.Status != redisconn.StatusPass || health.Reason != "" {
			t.Errorf("%+v", health)
		}
	})
}

func TestARefusedConnectionIsProofEnough(t *testing.T) {
	faked(t, func(c *redisconn.Config) { c.Health.FailAfter = 100 }, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.refuses = true })
		server.cut()
		passes(t, 3*time.Second, "an outage", func() bool { return client.State() == redisconn.StateDown })
		if health := client.LastHealth(); health.Class != redisconn.ClassRefused || health.ConsecutiveFailures != 1 {
			t.Errorf("%s after %d misses, want refused after one", health.Class, health.ConsecutiveFailures)
		}
	})
}

func TestWhatOnlyAnInterventionCanMendIsNotWaitedFor(t *testing.T) {
	faked(t, func(c *redisconn.Config) { c.Health.FailAfter = 100 }, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) {
			s.answers["hello"] = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
			s.answers["ping"] = "-NOAUTH Authentication required.\r\n"
		})
		server.cut()
		passes(t, 3*time.Second, "an outage", func() bool { return client.State() == redisconn.StateDown })
		began := time.Now()
		if err := client.Get(context.Background(), "k").Err(); !errors.Is(err, redisconn.ErrDown) || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("got %v, want ErrDown and why", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the command waited %s", took)
		}
		dials := server.dialled()
		time.Sleep(10 * time.Second)
		if got := server.dialled() - dials; got > 11 {
			t.Errorf("%d attempts in ten seconds, want one a second", got)
		}
	})
}

// Calls were told to wait or not by what began an outage. A server that was
// restarted with another password refuses connections first, so they waited out
// their budgets for what nobody was going to mend.
func TestAnOutageThatTurnsFatalIsNotWaitedForAnyMore(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.refuses = true })
		server.cut()
		passes(t, 3*time.Second, "an outage", func() bool { return client.State() == redisconn.StateDown })
		answer := make(chan error, 1)
		go func() { answer <- client.Get(context.Background(), "k").Err() }()
		time.Sleep(500 * time.Millisecond)
		select {
		case err := <-answer:
			t.Fatalf("a command did not wait: %v", err)
		default:
		}
		server.set(func(s *memoryServer) { s.refuses, s.answers["ping"] = false, "-NOAUTH Authentication required.\r\n" })
		if err := <-answer; !errors.Is(err, redisconn.ErrDown) || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("got %v, want ErrDown and why", err)
		}
		if kinds := probeFailures(client); !strings.Contains(kinds, "refused") || !strings.HasSuffix(kinds, "auth") {
			t.Errorf("the flight recorder has %s", kinds)
		}
		server.set(func(s *memoryServer) { delete(s.answers, "ping") })
		passes(t, 5*time.Second, "ready", func() bool { return client.State() == redisconn.StateReady })
		if got := client.Stats().Outages; got != 1 {
			t.Errorf("%d outages were counted, want 1", got)
		}
	})
}

// probeFailures are the classes of failed probes in the flight recorder.
func probeFailures(client *redisconn.Client) string {
	var kinds []string
	for _, e := range client.History() {
		if e.Kind == redisconn.EventProbeFailed {
			kinds = append(kinds, string(e.Class))
		}
	}
	return strings.Join(kinds, " ")
}

func TestFailingCallersCannotMakeTheMonitorProbeFaster(t *testing.T) {
	faked(t, func(c *redisconn.Config) { c.WhenDown = redisconn.WhenDownFailFast }, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.refuses = true })
		server.cut()
		before := client.Stats().Probes
		stop := time.Now().Add(10 * time.Second)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				for time.Now().Before(stop) {
					if err := client.Get(context.Background(), "k").Err(); err == nil {
						t.Error("a command without a server succeeded")
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if got := client.Stats().Probes - before; got > 200 || got < 90 {
			t.Errorf("%d probes in ten seconds, want 10 to 20 a second", got)
		}
	})
}

func TestAHealthyServerIsProbedOncePerInterval(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, _ *memoryServer) {
		time.Sleep(100 * time.Second)
		if got := client.Stats().Probes; got < 100 || got > 112 {
			t.Errorf("%d probes in 100 s, want one per second and a tenth of jitter", got)
		}
	})
}

func TestSlowAnswersAreDegradedNotDown(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.late = 80 * time.Millisecond })
		passes(t, 2*time.Second, "a slow answer", func() bool { return client.LastHealth().Latency.Samples == 2 })
		if got := client.LastHealth().Status; got != redisconn.StatusPass {
			t.Errorf("one slow answer is %s, want pass", got)
		}
		passes(t, 2*time.Second, "a warning", func() bool { return client.LastHealth().Status == redisconn.StatusWarn })
		if got := client.State(); got != redisconn.StateReady {
			t.Errorf("state %s after two slow answers, want ready", got)
		}
		passes(t, 5*time.Second, "degraded", func() bool { return client.State() == redisconn.StateDegraded })
		health := client.LastHealth()
		if health.Class != redisconn.ClassTimeout || health.Reason != "PING p99 80ms is above 50ms" || health.Latency.Max != 80*time.Millisecond {
			t.Errorf("%+v", health)
		}
		if err := client.Set(context.Background(), "k", "v", 0).Err(); err != nil {
			t.Errorf("a command while degraded: %v", err)
		}
		server.set(func(s *memoryServer) { s.late = 0 })
		passes(t, 5*time.Minute, "well again", func() bool { return client.LastHealth().Reason == "well again, 1 of 2 probes so far" })
		if health := client.LastHealth(); health.Status != redisconn.StatusWarn || health.State != redisconn.StateDegraded {
			t.Errorf("one good sample ended it: %s, %s", health.Status, health.State)
		}
		passes(t, 2*time.Second, "ready", func() bool { return client.State() == redisconn.StateReady })
		if health := client.LastHealth(); health.Status != redisconn.StatusPass || health.Latency.Samples != 128 {
			t.Errorf("%s with %d samples", health.Status, health.Latency.Samples)
		}
	})
}

func TestADegradedClientMayGoDown(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.late = 80 * time.Millisecond })
		passes(t, 10*time.Second, "degraded", func() bool { return client.State() == redisconn.StateDegraded })
		server.set(func(s *memoryServer) { s.refuses = true })
		server.cut()
		passes(t, 3*time.Second, "down", func() bool { return client.State() == redisconn.StateDown })
	})
}

func TestAServerThatBecomesAReplicaIsNoticed(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.role = "slave" })
		passes(t, 12*time.Second, "a warning", func() bool { return client.LastHealth().Class == redisconn.ClassReadOnly })
		if got := client.LastHealth().Server.Role; got != "replica" {
			t.Errorf("role %s", got)
		}
	})
}

func TestAPercentileNeedsNoOutlierToBeRight(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		for i := range 100 {
			server.set(func(s *memoryServer) { s.late = time.Duration(i%10) * time.Millisecond })
			time.Sleep(time.Second)
		}
		latency := client.LastHealth().Latency
		if latency.P50 > 5*time.Millisecond || latency.P99 != 9*time.Millisecond || latency.Max != 9*time.Millisecond || latency.Samples < 100 {
			t.Errorf("%+v", latency)
		}
	})
}

func TestAnOutageIsToldInTwoLines(t *testing.T) {
	lines := &logLines{}
	server := redisconntest.NewServer(t)
	client := openClient(t, configFor(server.Addr()), lines.option())
	before := len(lines.all())

	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				_ = client.Get(ctx, "k").Err() // whatever it says
				cancel()
			}
		})
	}
	server.Kill()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	failures := client.Stats().Failures
	eventually(t, "200 failing callers", func() bool { return client.Stats().Failures > failures+1000 })
	server.Start()
	eventually(t, "ready", func() bool { return client.State() == redisconn.StateReady })
	close(stop)
	all.Wait()

	var told []string
	for _, line := range lines.all()[before:] {
		if !strings.HasPrefix(line, "DEBUG") {
			told = append(told, line)
		}
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "WARN redis connection down") || !strings.HasPrefix(told[1], "INFO redis connection ready") {
		t.Errorf("the outage was told in %d lines, want 2:\n%s", len(told), strings.Join(told, "\n"))
	}
}

func TestASaturatedPoolIsDegradedNotDown(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) {
		c.Pool.Size, c.Timeouts.Operation, c.Health.Interval = 2, 5*time.Second, 10*time.Millisecond
	})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := client.Watch(t.Context(), blockInside(nil), "watched"); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "degraded", func() bool { return client.State() == redisconn.StateDegraded })
	health := client.Health(t.Context())
	if health.Status != redisconn.StatusWarn || health.Class != redisconn.ClassPool || health.ConsecutiveFailures != 0 {
		t.Errorf("%+v", health)
	}
	if want := "the pool is saturated: pool 2/2 in use, 2 waiting (held by 4 watch for up to "; !strings.HasPrefix(health.Reason, want) {
		t.Errorf("reason %q, want %q…", health.Reason, want)
	}
	for range 4 {
		server.Client().LPush(t.Context(), "empty", "x")
	}
	all.Wait()
	eventually(t, "ready", func() bool { return client.State() == redisconn.StateReady })
}
