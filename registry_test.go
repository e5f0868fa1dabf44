package redisconn_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// registry makes a registry whose clients are closed at the test's end.
func registry(t *testing.T) *redisconn.Registry {
	t.Helper()
	var r redisconn.Registry
	t.Cleanup(func() {
		if _, err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &r
}

func TestARegistryOpensOneClientForAName(t *testing.T) {
	r, server := registry(t), redisconntest.NewServer(t)
	var mu sync.Mutex
	clients := map[*redisconn.Client]bool{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			client, err := r.Open(t.Context(), "cache", server.Config())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			clients[client] = true
		})
	}
	all.Wait()
	if len(clients) != 1 {
		t.Errorf("20 callers got %d clients, want one", len(clients))
	}
	if client, ok := r.Get("cache"); !ok || !clients[client] {
		t.Error("Get does not return it")
	}
	if _, ok := r.Get("other"); ok {
		t.Error("Get returns a client that nobody opened")
	}
}

func TestTheSameNameWithAnotherConfigurationIsAnErrorThatNamesTheFields(t *testing.T) {
	r, server := registry(t), redisconntest.NewServer(t)
	cfg := server.Config()
	if _, err := r.Open(t.Context(), "cache", cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Pool.Size, cfg.Connection.DB = 7, 3
	_, err := r.Open(t.Context(), "cache", cfg)
	if err == nil || !strings.Contains(err.Error(), "pool.size") || !strings.Contains(err.Error(), "connection.db") {
		t.Errorf("%v", err)
	}
}

func TestAnAttemptToOpenThatFailedIsForgotten(t *testing.T) {
	r, addr := registry(t), redisconntest.ReserveAddr(t)
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{addr}}}
	cfg.Timeouts.Connect, cfg.Timeouts.Dial = 50*time.Millisecond, 50*time.Millisecond
	_, err := r.Open(t.Context(), "cache", cfg)
	if redisconn.ClassOf(err) != redisconn.ClassRefused || !strings.Contains(err.Error(), `"cache"`) {
		t.Fatalf("%v, want refused, and the client's name", err)
	}
	if names := r.Names(); len(names) != 0 {
		t.Errorf("names %v after a failure", names)
	}
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if _, err := r.Open(t.Context(), "cache", cfg); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestWhoWaitsForAnothersAttemptWaitsNoLongerThanItsContext(t *testing.T) {
	r := registry(t)
	cfg := redisconn.Config{}
	cfg.Timeouts.Connect = time.Second
	dialing, refuse := make(chan struct{}, 100), make(chan struct{})
	held := redisconn.WithDialer(func(context.Context, string, string) (net.Conn, error) {
		dialing <- struct{}{}
		<-refuse
		return nil, errors.New("refused by the test")
	})
	first := make(chan error, 1)
	go func() {
		_, err := r.Open(context.Background(), "cache", cfg, held)
		first <- err
	}()
	<-dialing
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := r.Open(ctx, "cache", cfg)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "being opened by another caller") {
		t.Errorf("the caller that waits is told %v", err)
	}
	shared := make(chan error, 1)
	go func() {
		_, err := r.Open(context.Background(), "cache", cfg, held)
		shared <- err
	}()
	close(refuse)
	if err := <-first; err == nil {
		t.Error("a dialer that refuses opened a client")
	}
	if err := <-shared; err == nil {
		t.Error("the caller who shared the attempt was given a client")
	}
}

func TestANameIsFreeAgainOnceItsClientIsClosed(t *testing.T) {
	r, server := registry(t), redisconntest.NewServer(t)
	before, err := r.Open(t.Context(), "cache", server.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get("cache"); ok {
		t.Error("a closed client is still there")
	}
	after, err := r.Open(t.Context(), "cache", server.Config())
	if err != nil || after == before {
		t.Errorf("%v, same client: %v", err, after == before)
	}
}

func TestARegistryReportsTheHealthOfAllAndEndsAll(t *testing.T) {
	var r redisconn.Registry
	alive, dying := redisconntest.NewServer(t), redisconntest.NewServer(t)
	for name, server := range map[string]*redisconntest.Server{"alive": alive, "dying": dying} {
		if _, err := r.Open(t.Context(), name, server.Config()); err != nil {
			t.Fatal(err)
		}
	}
	if names := r.Names(); len(names) != 2 || names[0] != "alive" || names[1] != "dying" {
		t.Errorf("names %v", names)
	}
	dying.Kill()
	client, _ := r.Get("dying")
	redisconntest.Eventually(t, 5*time.Second, "down", func() bool { return client.State() == redisconn.StateDown })
	health := r.Health(t.Context())
	if health["alive"].Status != redisconn.StatusPass || health["dying"].Status != redisconn.StatusFail {
		t.Errorf("%+v", health)
	}
	receipts, err := r.Shutdown(t.Context())
	if err != nil || len(receipts) != 2 || client.State() != redisconn.StateClosed {
		t.Errorf("%v, receipts %v, state %s", err, receipts, client.State())
	}
	if names := r.Names(); len(names) != 0 {
		t.Errorf("names %v after the end", names)
	}
}

// One client that cannot drain in time used to be able to hide what became of the rest.
func TestAClientThatCannotDrainDoesNotKeepTheOthersFromEnding(t *testing.T) {
	var r redisconn.Registry
	quick, slow := redisconntest.NewServer(t), redisconntest.NewServer(t)
	for name, server := range map[string]*redisconntest.Server{"quick": quick, "slow": slow} {
		if _, err := r.Open(t.Context(), name, server.Config()); err != nil {
			t.Fatal(err)
		}
	}
	client, _ := r.Get("slow")
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(context.Background(), 0, "empty").Err() }()
	redisconntest.Eventually(t, 5*time.Second, "a call in flight", func() bool { return client.Stats().InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	receipts, err := r.Shutdown(ctx)
	if !errors.Is(err, redisconn.ErrDrainIncomplete) || !strings.Contains(err.Error(), `"slow"`) {
		t.Errorf("%v", err)
	}
	if receipts["slow"].Abandoned != 1 || receipts["quick"].Abandoned != 0 {
		t.Errorf("%v", receipts)
	}
	if err := <-popped; !errors.Is(err, redisconn.ErrMaybeApplied) {
		t.Errorf("the caller was told %v", err)
	}
}

func TestDefaultOpensTheProcesssClientFromTheEnvironment(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("from the environment"))
	t.Setenv("REDIS_PORT", "not a port")
	if _, err := redisconn.Default(t.Context()); len(redisconn.FieldErrors(err)) == 0 {
		t.Errorf("%v, want the field that is wrong", err)
	}
	t.Setenv("REDIS_PORT", "")
	t.Setenv("REDIS_ADDRS", server.Addr())
	t.Setenv("REDIS_PASSWORD", server.Password())
	first, err := redisconn.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := redisconn.Clients.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	second, err := redisconn.Default(t.Context())
	if err != nil || first != second {
		t.Errorf("%v, same client: %v", err, first == second)
	}
	if err := first.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}
