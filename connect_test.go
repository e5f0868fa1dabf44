package redisconn_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestConnectProvesEachStageInOrder(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithPassword("s3cret"))
	cfg := configFor("localhost:" + strings.TrimPrefix(server.Addr(), "127.0.0.1:"))
	cfg.Connection.Password = "s3cret"
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
	client := openClient(t, cfg)

	var stages []redisconn.Stage
	for _, e := range client.History() {
		if e.Kind == redisconn.EventStage {
			stages = append(stages, e.Stage)
			if e.Detail == "" || e.Took < 0 {
				t.Errorf("stage %s says %q after %s", e.Stage, e.Detail, e.Took)
			}
		}
	}
	sentinels := func(s redisconn.Stage) bool { return s == redisconn.StageDiscover } // nobody needs to name the one server
	if want := slices.DeleteFunc(redisconn.Stages(), sentinels); !slices.Equal(stages, want) {
		t.Errorf("proved %v, want %v", stages, want)
	}
}

func TestConnectIsIdempotent(t *testing.T) {
	client, server := openServer(t)
	before := server.ConnectedClients()
	for range 3 {
		if err := client.Connect(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if after := server.ConnectedClients(); after != before {
		t.Errorf("connections went from %d to %d", before, after)
	}
}

func TestCallersOfConnectShareOneAttempt(t *testing.T) {
	server := redisconntest.NewServer(t)
	var dials atomic.Int64
	client := newClient(t, configFor(server.Addr()), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := client.Connect(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
}

// Callers at the same time used to queue up: where nothing listened each made
// its own attempt after the one before it had failed, and the tenth returned
// after ten times Timeouts.Connect.
func TestCallersOfConnectShareAFailure(t *testing.T) {
	cfg := configFor(redisconntest.ReserveAddr(t))
	cfg.Timeouts.Connect = 300 * time.Millisecond
	client := newClient(t, cfg)
	within(t, 900*time.Millisecond, "ten callers", func() {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := client.Connect(t.Context()); redisconn.ClassOf(err) != redisconn.ClassRefused {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
	})
}

func TestACallerThatGivesUpDoesNotSpeakForTheOthers(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	client := newClient(t, configFor(addr))
	impatient, giveUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- client.Connect(impatient) }()
	eventually(t, "the first attempt", func() bool { return client.State() == redisconn.StateConnecting })
	second := make(chan error, 1)
	go func() { second <- client.Connect(t.Context()) }()

	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller was told %v, want its own cancellation", err)
	}
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := <-second; err != nil {
		t.Errorf("the second caller was told %v", err)
	}
}

// Connect used to come back only when the attempt had timed out: the driver does
// not notice that a context is cancelled while it waits for a reply.
func TestACancelledConnectDoesNotWaitForASilentServer(t *testing.T) {
	silent := redisconntest.NewScripted(t, redisconntest.Silence)
	cfg := configFor(silent.Addr())
	cfg.Timeouts.Dial, cfg.Timeouts.Connect = time.Minute, time.Minute
	client := newClient(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		eventually(t, "a connection", func() bool { return silent.Accepted() > 0 })
	}()
	began := time.Now()
	err := client.Connect(ctx)
	if took := time.Since(began); took > 20*time.Second || !errors.Is(err, context.Canceled) || redisconn.ClassOf(err) != redisconn.ClassCanceled {
		t.Errorf("got %v after %s", err, took)
	}
}

func TestASharedAttemptEndsWithTheCallersOwnContext(t *testing.T) {
	client := newClient(t, configFor(redisconntest.ReserveAddr(t)))
	first := make(chan error, 1)
	go func() { first <- client.Connect(t.Context()) }()
	eventually(t, "a failed attempt", func() bool { return attempts(client) > 0 })

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := client.Connect(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || redisconn.ClassOf(err) != redisconn.ClassRefused {
		t.Errorf("got %v, want what the shared attempt met, and the deadline", err)
	}
	<-first
}

func TestASharedAttemptThatMetNothingYetSaysTheContextEnded(t *testing.T) {
	stuck := make(chan struct{})
	client := newClient(t, configFor("127.0.0.1:1"), redisconn.WithDialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(stuck)
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- client.Connect(ctx) }()
	<-stuck
	gone, end := context.WithCancel(t.Context())
	end()
	err := client.Connect(gone)
	if !errors.Is(err, context.Canceled) || redisconn.ClassOf(err) != redisconn.ClassCanceled {
		t.Errorf("got %v", err)
	}
	cancel()
	<-first
}

// attempts counts the failed attempts in the flight recorder.
func attempts(client *redisconn.Client) int {
	n := 0
	for _, e := range client.History() {
		if e.Kind == redisconn.EventAttempt {
			n++
		}
	}
	return n
}

func TestConnectCanBeTriedAgain(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	cfg := configFor(addr)
	cfg.Timeouts.Connect = 100 * time.Millisecond
	client := newClient(t, cfg)
	err := client.Connect(t.Context())
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Stage != redisconn.StageDial || failed.Class != redisconn.ClassRefused || failed.Attempts == 0 {
		t.Fatalf("got %+v", err)
	}
	if got := client.State(); got != redisconn.StateIdle {
		t.Errorf("state %s after a failed Connect, want idle", got)
	}
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrDown) || !errors.As(err, &failed) {
		t.Errorf("a command after a failed Connect: %v, want ErrDown with what Connect met", err)
	}
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestConnectWaitsForAServerThatIsStillStarting(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	client := newClient(t, configFor(addr))
	connected := make(chan error, 1)
	go func() { connected <- client.Connect(t.Context()) }()
	eventually(t, "a refused attempt", func() bool { return attempts(client) > 0 })
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := <-connected; err != nil {
		t.Error(err)
	}
}

func TestFatalFailuresEndConnectAtOnce(t *testing.T) {
	ca := redisconntest.NewCA(t)
	password := redisconntest.NewServer(t, redisconntest.WithPassword("right"))
	secure := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	plain := redisconntest.NewServer(t)
	limited := redisconntest.NewServer(t, redisconntest.WithUser("default", "", "~*", "+@all", "-ping"))
	web := redisconntest.NewScripted(t, redisconntest.HTTPAnswer)
	protected := redisconntest.NewScripted(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte("-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.\r\n"))
	})
	for name, row := range map[string]struct {
		addr   string
		change func(*redisconn.Config)
		stage  redisconn.Stage
		class  redisconn.Class
	}{
		"wrong password": {password.Addr(), func(c *redisconn.Config) { c.Connection.Password = "wrong" }, redisconn.StageHandshake, redisconn.ClassAuth},
		"no password":    {password.Addr(), func(*redisconn.Config) {}, redisconn.StageHandshake, redisconn.ClassAuth},
		"unknown user": {password.Addr(), func(c *redisconn.Config) {
			c.Connection.Username, c.Connection.Password = "nobody", "right"
		}, redisconn.StageHandshake, redisconn.ClassAuth},
		"no such database": {plain.Addr(), func(c *redisconn.Config) { c.Connection.DB = 99 }, redisconn.StageHandshake, redisconn.ClassDatabase},
		"forbidden":        {limited.Addr(), func(*redisconn.Config) {}, redisconn.StageHandshake, redisconn.ClassACL},
		"unknown authority": {secure.Addr(), func(c *redisconn.Config) {
			c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: redisconntest.NewCA(t).CAFile()}
		}, redisconn.StageTLS, redisconn.ClassTLS},
		"no client certificate": {secure.Addr(), func(c *redisconn.Config) {
			c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
		}, redisconn.StageHandshake, redisconn.ClassTLS},
		"TLS to a plaintext port": {plain.Addr(), func(c *redisconn.Config) {
			c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
		}, redisconn.StageTLS, redisconn.ClassTLSMismatch},
		"plaintext to a TLS port": {secure.Addr(), func(*redisconn.Config) {}, redisconn.StageHandshake, redisconn.ClassTLSMismatch},
		"a web server":            {web.Addr(), func(*redisconn.Config) {}, redisconn.StageHandshake, redisconn.ClassProtocol},
		"protected mode":          {protected.Addr(), func(*redisconn.Config) {}, redisconn.StageHandshake, redisconn.ClassAuth},
		"password file missing": {plain.Addr(), func(c *redisconn.Config) {
			c.Connection.PasswordFile = filepath.Join(t.TempDir(), "absent")
		}, redisconn.StageConfig, redisconn.ClassConfig},
		"authority file missing": {plain.Addr(), func(c *redisconn.Config) {
			c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: filepath.Join(t.TempDir(), "absent")}
		}, redisconn.StageConfig, redisconn.ClassConfig},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor(row.addr)
			row.change(&cfg)
			client := newClient(t, cfg)
			within(t, time.Second, "Connect", func() {
				err := client.Connect(t.Context())
				var failed *redisconn.ConnectError
				if !errors.As(err, &failed) {
					t.Fatalf("got %v", err)
				}
				if failed.Stage != row.stage || failed.Class != row.class || failed.Attempts > 1 {
					t.Errorf("stage %s, class %s, %d attempts, want %s, %s, 1: %v", failed.Stage, failed.Class, failed.Attempts, row.stage, row.class, err)
				}
				if strings.Contains(err.Error(), "right") || strings.Contains(err.Error(), "wrong password") {
					t.Errorf("the error gives a secret away: %v", err)
				}
			})
			if got := client.State(); got != redisconn.StateIdle {
				t.Errorf("state %s, want idle", got)
			}
		})
	}
}

func TestFailuresThatMayPassAreTriedAgain(t *testing.T) {
	server := redisconntest.NewServer(t)
	for name, reply := range map[string]string{
		"loading":     redisconntest.Loading,
		"master down": redisconntest.MasterDown,
		"busy":        redisconntest.Busy,
	} {
		t.Run(name, func(t *testing.T) {
			proxy := redisconntest.NewProxy(t, server.Addr())
			proxy.Answer(redisconntest.Command("ping"), 2, reply)
			client := openClient(t, configFor(proxy.Addr()))
			for _, e := range client.History() {
				if e.Kind == redisconn.EventAttempt && e.Stage != redisconn.StageReady {
					t.Errorf("an attempt failed at %s, want ready", e.Stage)
				}
			}
		})
	}
}

func TestAPingThatGetsNoAnswerIsAStageOfItsOwn(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.DropReply(redisconntest.Nth(2, redisconntest.Command("ping")), 1) // the first proves that the server is ready
	client := openClient(t, configFor(proxy.Addr()))
	for _, e := range client.History() {
		if e.Kind == redisconn.EventAttempt {
			if e.Stage != redisconn.StagePing || e.Class != redisconn.ClassLost {
				t.Errorf("the attempt failed at %s with %s, want ping, connection-lost", e.Stage, e.Class)
			}
			return
		}
	}
	t.Error("no attempt failed")
}

func TestTheServerThatIsFullSaysSo(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithDirective("maxclients", "2"))
	_ = server.Client().Ping(t.Context())
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cfg := configFor(server.Addr())
	cfg.Timeouts.Connect = 200 * time.Millisecond
	client := newClient(t, cfg)
	if err := client.Connect(t.Context()); redisconn.ClassOf(err) != redisconn.ClassMaxClients {
		t.Errorf("got %v, want max-clients", err)
	}
}

func TestConnectGivesUpInsideItsBudget(t *testing.T) {
	for name, addr := range map[string]string{
		"refused":     redisconntest.ReserveAddr(t),
		"unanswered":  redisconntest.NewUnanswered(t),
		"unreachable": redisconntest.NewUnreachable(t),
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, configFor(addr))
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			within(t, 400*time.Millisecond, "Connect", func() {
				if err := client.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the deadline", err)
				}
			})
		})
	}
}

func TestAnAttemptThatWasCutShortDoesNotHideTheOneBefore(t *testing.T) {
	refused := true
	ctx, cancel := context.WithCancel(t.Context())
	client := newClient(t, configFor(redisconntest.ReserveAddr(t)), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refused {
			refused = false
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		cancel()
		return nil, ctx.Err()
	}))
	err := client.Connect(ctx)
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Class != redisconn.ClassRefused || failed.Attempts != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, want the refusal, after two attempts, cancelled", err)
	}
}

func TestAnOwnDialerGetsTLSOnTop(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	cfg := configFor(server.Addr())
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
	var dialled []string
	client := openClient(t, cfg, redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled = append(dialled, network+" "+addr)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}))
	if !slices.Contains(dialled, "tcp "+server.Addr()) {
		t.Errorf("the dialer was asked for %v", dialled)
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestAMountedPasswordIsReadAtConnect(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
	path := filepath.Join(t.TempDir(), "password")
	writeSecret(t, path, "wrong")
	cfg := configFor(server.Addr())
	cfg.Connection.PasswordFile = path
	client := newClient(t, cfg)
	if err := client.Connect(t.Context()); redisconn.ClassOf(err) != redisconn.ClassAuth {
		t.Fatalf("got %v", err)
	}
	writeSecret(t, path, "first\n")
	if err := client.Connect(t.Context()); err != nil {
		t.Error(err)
	}
}

func writeSecret(t *testing.T, path, secret string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsUnwiseIsLoggedOnce(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.TLS = redisconn.TLSConfig{InsecureSkipVerify: true, Enabled: true}
	cfg.Timeouts.Connect = 100 * time.Millisecond
	lines := &logLines{}
	client := newClient(t, cfg, lines.option())
	_ = client.Connect(t.Context()) // a plaintext server: it fails
	if got := lines.containing("code=RC-C001"); len(got) != 1 || !strings.Contains(got[0], "fix=") {
		t.Errorf("logged %q, want one warning with its fix", got)
	}
}

func TestOpenConnects(t *testing.T) {
	server := redisconntest.NewServer(t)
	client, err := redisconn.Open(t.Context(), configFor(server.Addr()), redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	if got := client.State(); got != redisconn.StateReady {
		t.Errorf("state %s, want ready", got)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// Open that fails drains the client that nobody will see, with the very context
// whose end made it fail. Drain met an empty gate and an ended context at once,
// chose by lot, and every other time Open's error said "0 calls abandoned".
func TestOpenThatFailsSaysOnlyWhyItFailed(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		client, err := redisconn.Open(ctx, configFor(addr), redisconn.WithLogger(slog.New(slog.DiscardHandler)))
		cancel()
		if client != nil || err == nil || errors.Is(err, redisconn.ErrDrainIncomplete) {
			t.Fatalf("got %v, %v", client, err)
		}
	}
}

// openInBackground is Open with WithBackgroundConnect, which does not wait.
func openInBackground(t *testing.T, cfg redisconn.Config, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	opts = append([]redisconn.Option{redisconn.WithBackgroundConnect(), redisconn.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	client, err := redisconn.Open(t.Context(), cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestABackgroundConnectWaitsForTheServerAsLongAsItTakes(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	cfg := configFor(addr)
	cfg.Timeouts.Connect = 50 * time.Millisecond // which is for Connect
	client := openInBackground(t, cfg)
	answer := make(chan error, 1)
	go func() { answer <- client.Set(t.Context(), "k", "v", 0).Err() }()
	eventually(t, "four attempts", func() bool { return attempts(client) >= 3 })
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := <-answer; err != nil {
		t.Errorf("a command that waited for the server: %v", err)
	}
}

// Connect on a client that was still connecting in the background found the
// state connecting, took it for a state beyond its own and returned nil.
func TestConnectSharesABackgroundConnect(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	client := openInBackground(t, configFor(addr))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Connect while there is no server: %v", err)
	}
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := client.Connect(t.Context()); err != nil {
		t.Error(err)
	}
	if got := client.State(); got != redisconn.StateReady {
		t.Errorf("state %s, want ready", got)
	}
}

func TestABackgroundConnectOutlivesAFatalFailure(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("right"))
	path := filepath.Join(t.TempDir(), "password")
	writeSecret(t, path, "wrong")
	cfg := configFor(server.Addr())
	cfg.Connection.PasswordFile = path
	lines := &logLines{}
	client := openInBackground(t, cfg, lines.option())
	eventually(t, "the refusal", func() bool { return attempts(client) > 0 })
	within(t, 500*time.Millisecond, "a command that only an intervention can help", func() {
		if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrDown) || !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("got %v, want ErrDown and why", err)
		}
	})
	eventually(t, "another attempt", func() bool { return len(lines.containing("connect attempt failed")) > 1 })
	writeSecret(t, path, "right")
	eventually(t, "ready", func() bool { return client.State() == redisconn.StateReady })
	if got := lines.containing("WARN redis connect attempt failed"); len(got) != 1 {
		t.Errorf("the refusal was told %d times, want once: %q", len(got), got)
	}
	if got := attempts(client); got != 1 {
		t.Errorf("the flight recorder has %d attempts that differ in nothing, want 1", got)
	}
}

func TestABackgroundConnectEndsWithTheClient(t *testing.T) {
	redisconntest.NoLeaks(t)
	for name, password := range map[string]redisconn.Secret{"between attempts": "", "after a fatal failure": "wrong"} {
		t.Run(name, func(t *testing.T) {
			addr := redisconntest.ReserveAddr(t)
			if password != "" {
				addr = redisconntest.NewServer(t, redisconntest.WithPassword("right")).Addr()
			}
			cfg := configFor(addr)
			cfg.Connection.Password = password
			client := openInBackground(t, cfg)
			eventually(t, "an attempt", func() bool { return attempts(client) > 0 })
			shared := make(chan error, 1)
			go func() { shared <- client.Connect(t.Context()) }()
			within(t, 500*time.Millisecond, "Close", func() {
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			})
			if err := <-shared; !errors.Is(err, redisconn.ErrDraining) && !errors.Is(err, redisconn.ErrClosed) {
				t.Errorf("who shared the attempt was told %v", err)
			}
		})
	}
}

func TestWhoHearsThatTheClientIsReadyMaySendAtOnce(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.WhenDown = redisconn.WhenDownFailFast
	client := newClient(t, cfg)
	answer := make(chan error, 1)
	client.OnStateChange(func(change redisconn.StateChange) {
		if change.To == redisconn.StateReady {
			answer <- client.Ping(t.Context()).Err()
		}
	})
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestIdleConnectionsAreOpenedInAdvance(t *testing.T) {
	client, _ := openServer(t, func(c *redisconn.Config) { c.Pool.MinIdle = 3 })
	eventually(t, "three idle connections", func() bool { return client.PoolStats().IdleConns == 3 })
}
