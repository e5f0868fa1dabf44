package redisconn_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestHealthAsJSON(t *testing.T) {
	t.Run("pass", func(t *testing.T) {
		faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
			server.set(func(s *memoryServer) { s.late = 1500 * time.Microsecond })
			time.Sleep(1200 * time.Millisecond)
			checkHealthGolden(t, "health_pass.golden.json", client.LastHealth())
		})
	})
	t.Run("warn", func(t *testing.T) {
		faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
			server.set(func(s *memoryServer) { s.role = "slave" })
			passes(t, time.Minute, "degraded", func() bool { return client.State() == redisconn.StateDegraded })
			health := client.LastHealth()
			health.Latency.Samples = 0 // jitter decides how many there were
			checkHealthGolden(t, "health_warn.golden.json", health)
		})
	})
	t.Run("fail", func(t *testing.T) {
		faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
			server.set(func(s *memoryServer) { s.refuses = true })
			server.cut()
			passes(t, time.Minute, "down", func() bool { return client.LastHealth().Status == redisconn.StatusFail })
			checkHealthGolden(t, "health_fail.golden.json", client.LastHealth())
		})
	})
	t.Run("not connected", func(t *testing.T) {
		client := newClient(t, configFor("cache:6379"))
		checkHealthGolden(t, "health_not_connected.golden.json", client.Health(t.Context()))
	})
	t.Run("draining", func(t *testing.T) {
		faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
			server.set(func(s *memoryServer) { s.mute = true })
			go client.Get(context.Background(), "k")
			synctest.Wait()
			go client.Drain(context.Background()) // it waits for the GET
			synctest.Wait()
			checkHealthGolden(t, "health_draining.golden.json", client.Health(context.Background()))
		})
	})
	t.Run("closed", func(t *testing.T) {
		faked(t, nil, func(t *testing.T, client *redisconn.Client, _ *memoryServer) {
			if _, err := client.Drain(context.Background()); err != nil {
				t.Fatal(err)
			}
			checkHealthGolden(t, "health_closed.golden.json", client.Health(context.Background()))
		})
	})
}

// checkHealthGolden compares the JSON with times taken out.
func checkHealthGolden(t *testing.T, name string, health redisconn.Health) {
	t.Helper()
	text, err := json.MarshalIndent(health, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)
	golden.Check(t, name, times.ReplaceAllString(string(text), `"<time>"`)+"\n")
}

func TestHealthSaysWhatTheServerIs(t *testing.T) {
	master := redisconntest.NewServer(t)
	replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(master))

	health := openClient(t, configFor(master.Addr())).Health(t.Context())
	server := health.Server
	if health.Status != redisconn.StatusPass || health.State != redisconn.StateReady || health.Target != master.Addr() || health.Generation != 1 {
		t.Errorf("%+v", health)
	}
	if server.Name != "redis" || server.Version == "" || server.Mode != "standalone" || server.Role != "master" || server.Protocol != 3 {
		t.Errorf("%+v", server)
	}
	if server.Loading == nil || *server.Loading || server.Replicas == nil || *server.Replicas != 1 {
		t.Errorf("%+v", server)
	}
	if health.Latency.Last <= 0 || health.Latency.P50 <= 0 || health.Latency.Samples == 0 || health.CheckedAt.IsZero() || health.LastSuccess.IsZero() {
		t.Errorf("%+v", health)
	}

	health = openClient(t, configFor(replica.Addr())).Health(t.Context())
	if health.Status != redisconn.StatusWarn || health.Class != redisconn.ClassReadOnly || health.Server.Role != "replica" || health.Server.Link != "up" {
		t.Errorf("%+v %+v", health, health.Server)
	}
}

func TestForbiddenInfoLeavesFactsOutAndFailsNothing(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("default", "", "~*", "+@all", "-@dangerous"))
	health := openClient(t, configFor(server.Addr())).Health(t.Context())
	if health.Status != redisconn.StatusPass {
		t.Errorf("%+v", health)
	}
	if s := health.Server; s.Loading != nil || s.Replicas != nil || s.Link != "" {
		t.Errorf("facts from nowhere: %+v", s)
	}
	if s := health.Server; s.Name != "redis" || s.Version == "" || s.Role != "master" || s.Protocol != 3 {
		t.Errorf("HELLO tells these to every user: %+v", s)
	}
}

func TestAServerThatTellsNothingIsHealthyToo(t *testing.T) {
	server := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		if args[0] == "ping" || args[0] == "PING" {
			return "+PONG\r\n"
		}
		return "-ERR unknown command\r\n"
	}))
	client := openClient(t, configFor(server.Addr()))
	health := client.Health(t.Context())
	if health.Status != redisconn.StatusPass || *health.Server != (redisconn.ServerInfo{}) {
		t.Errorf("%+v %+v", health, health.Server)
	}
	for _, e := range client.History() {
		if e.Kind == redisconn.EventStage && e.Stage == redisconn.StageHandshake && e.Detail != "server of unknown version accepts user default, database 0" {
			t.Errorf("the handshake says %q", e.Detail)
		}
	}
}

func TestConcurrentHealthIsOneProbe(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Health.Interval = time.Hour })
	ask := func() {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := client.Health(t.Context()).Status; got != redisconn.StatusPass {
					t.Errorf("status %s", got)
				}
			})
		}
		all.Wait()
	}
	connections := server.ConnectedClients()
	before := client.Stats().Probes
	ask() // Connect's own PING is younger than a tenth of the interval
	if got := client.Stats().Probes - before; got != 0 {
		t.Errorf("%d probes while the last answer was fresh, want none", got)
	}
	if got := server.ConnectedClients(); got != connections {
		t.Errorf("health opened connections: %d, then %d", connections, got)
	}
}

func TestHealthProbesWhenTheLastAnswerIsOld(t *testing.T) {
	faked(t, func(c *redisconn.Config) { c.Health.Interval = time.Minute }, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		time.Sleep(7 * time.Second) // more than a tenth of the interval
		before := server.count("ping")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { client.Health(context.Background()) })
		}
		all.Wait()
		if got := server.count("ping") - before; got != 1 {
			t.Errorf("100 callers at the same time caused %d PINGs, want 1", got)
		}
		if age := time.Since(client.LastHealth().CheckedAt); age != 0 {
			t.Errorf("the answer is %s old", age)
		}
	})
}

// "No probe ever opens a connection" was promised and never counted; it holds while
// probes are answered. One that is not gives its connection up, because a late
// answer would pass for that of the next, and the monitor opens one in its place.
func TestProbesOpenNoConnectionWhileTheyAreAnswered(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		probe := func() {
			for range 100 {
				time.Sleep(500 * time.Millisecond) // more than a tenth of the interval: each asks for a probe
				client.Health(context.Background())
			}
		}
		probes, dials := client.Stats().Probes, server.dialled()
		probe()
		if got := client.Stats().Probes - probes; got < 100 {
			t.Fatalf("%d probes, want 100", got)
		}
		if got := server.dialled() - dials; got != 0 {
			t.Errorf("100 probes that were answered opened %d connections", got)
		}

		server.set(func(s *memoryServer) { s.mute = true })
		passes(t, 3*time.Second, "a miss", func() bool { return client.LastHealth().ConsecutiveFailures == 1 })
		server.set(func(s *memoryServer) { s.mute = false })
		passes(t, 3*time.Second, "an answer", func() bool { return client.LastHealth().ConsecutiveFailures == 0 })
		if got := server.dialled() - dials; got != 1 {
			t.Errorf("%d connections were opened in the place of the one that fell silent, want 1", got)
		}
		probe()
		if got := server.dialled() - dials; got != 1 {
			t.Errorf("probes opened %d connections after that", got-1)
		}
	})
}

func TestHealthEndsWithItsContext(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.mute = true })
		time.Sleep(200 * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		health := client.Health(ctx)
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if health.Status != redisconn.StatusFail || health.Class != redisconn.ClassTimeout || health.Reason != "the probe did not end in time: context deadline exceeded" {
			t.Errorf("%+v", health)
		}
	})
}

// Health used to wait for a probe that a drain had just put an end to: with a
// context without a deadline, for ever.
func TestHealthEndsWithTheClient(t *testing.T) {
	faked(t, nil, func(t *testing.T, client *redisconn.Client, server *memoryServer) {
		server.set(func(s *memoryServer) { s.mute = true })
		time.Sleep(200 * time.Millisecond)
		answer := make(chan redisconn.Health, 1)
		go func() { answer <- client.Health(context.Background()) }()
		synctest.Wait()
		if _, err := client.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		if health := <-answer; health.Status != redisconn.StatusFail {
			t.Errorf("%+v", health)
		}
	})
}

func TestLastHealthAllocatesNothing(t *testing.T) {
	client, _ := openServer(t, func(c *redisconn.Config) { c.Health.Interval = time.Hour })
	idle := newClient(t, configFor("127.0.0.1:1"))
	closed := newClient(t, configFor("127.0.0.1:1"))
	if _, err := closed.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*redisconn.Client{"ready": client, "idle": idle, "closed": closed} {
		var health redisconn.Health
		if got := testing.AllocsPerRun(100, func() { health = c.LastHealth() }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
		if health.Target == "" || health.State != c.State() {
			t.Errorf("%s: %+v", name, health)
		}
	}
}

func TestAnExhaustedPoolDoesNotFalsifyHealth(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Size = 1 })
	ended := held(t, client)
	for range 20 {
		if health := client.Health(t.Context()); health.Status != redisconn.StatusPass {
			t.Fatalf("%+v", health)
		}
	}
	server.Client().LPush(t.Context(), "empty", "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAHealthConnectionThatWasKilledIsReplaced(t *testing.T) {
	client, server := openServer(t)
	connections := server.ConnectedClients()
	if err := server.Client().Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	if left := server.ConnectedClients(); left >= connections {
		t.Fatalf("%d of %d connections are left: nothing was killed", left, connections)
	}
	eventually(t, "a new connection", func() bool { return server.ConnectedClients() == connections })
	if health := client.Health(t.Context()); health.Status != redisconn.StatusPass || health.ConsecutiveFailures != 0 {
		t.Errorf("%+v", health)
	}
	if got := client.State(); got != redisconn.StateReady {
		t.Errorf("state %s, want ready", got)
	}
	if got := client.Stats().Outages; got != 0 {
		t.Errorf("%d outages, want none", got)
	}
}

func TestHealthOfAServerThatIsGoneSaysWhy(t *testing.T) {
	client, server := openServer(t)
	server.Kill()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	health := client.Health(t.Context())
	if health.Status != redisconn.StatusFail || health.Class != redisconn.ClassRefused || health.Reason == "" {
		t.Errorf("%+v", health)
	}
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrDown) {
		t.Errorf("got %v", err)
	}
}

func TestOneMissIsAnOutageWhereThatWasAskedFor(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) {
		c.Health.FailAfter, c.Health.Interval, c.Health.Timeout = 1, 50*time.Millisecond, 50*time.Millisecond
		c.WhenDown = redisconn.WhenDownFailFast
	})
	server.Pause()
	defer server.Resume()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	var outage *redisconn.ConnectError
	if err := client.Get(t.Context(), "k").Err(); !errors.As(err, &outage) || outage.Stage != redisconn.StagePing {
		t.Errorf("the stage that broke is not named: %v", err)
	}
}

// inProcess makes a memory server the embedded one.
type inProcess struct{ *memoryServer }

func (inProcess) Start() error { return nil }
func (inProcess) Close()       {}
func (s inProcess) Dial(ctx context.Context) (net.Conn, error) {
	return s.dial(ctx, "memory", "embedded")
}

func TestHealthAndTheLogSayThatAServerIsEmbedded(t *testing.T) {
	lines := &logLines{}
	client := openClient(t, redisconn.Config{Mode: redisconn.ModeEmbedded}, redisconn.WithEmbedded(inProcess{newMemoryServer()}), lines.option())
	health := client.Health(t.Context())
	if health.Target != "embedded" || !strings.Contains(health.Server.Note, "not for production") {
		t.Errorf("%+v %+v", health, health.Server)
	}
	if got := lines.containing("not for production"); len(got) != 1 || !strings.HasPrefix(got[0], "WARN") {
		t.Errorf("logged %q", got)
	}
}
