package redisconn_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

var silent = redisconn.WithLogger(slog.New(slog.DiscardHandler))

// newRegistry returns a registry that is shut down at the end of the test.
func newRegistry(t *testing.T) *redisconn.Registry {
	t.Helper()
	registry := new(redisconn.Registry)
	t.Cleanup(func() {
		if _, err := registry.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return registry
}

func TestARegistryHasOneClientPerName(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	cfg := configFor(server.Addr())
	first, err := registry.Open(t.Context(), "cache", cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	again, err := registry.Open(t.Context(), "cache", cfg)
	if err != nil || again != first {
		t.Errorf("the same name: another client, %v", err)
	}
	other, err := registry.Open(t.Context(), "sessions", cfg, silent)
	if err != nil || other == first {
		t.Errorf("another name: the same client, %v", err)
	}
	if got, ok := registry.Get("cache"); !ok || got != first {
		t.Error("Get does not find it")
	}
	if _, ok := registry.Get("absent"); ok {
		t.Error("Get finds what is not there")
	}
	if got := registry.Names(); !slices.Equal(got, []string{"cache", "sessions"}) {
		t.Errorf("names %q", got)
	}
}

func TestTheSameNameWithAnotherConfigurationNamesTheFields(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	cfg := configFor(server.Addr())
	if _, err := registry.Open(t.Context(), "cache", cfg, silent); err != nil {
		t.Fatal(err)
	}
	cfg.Pool.Size, cfg.Connection.Password = 3, "s3cret"
	_, err := registry.Open(t.Context(), "cache", cfg)
	if err == nil || !strings.Contains(err.Error(), "connection.password") || !strings.Contains(err.Error(), "pool.size") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v, want the names of both fields and no value", err)
	}
}

func TestCallersOfARegistryShareOneOpening(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	var all sync.WaitGroup
	clients := make(chan *redisconn.Client, 20)
	for range 20 {
		all.Go(func() {
			client, err := registry.Open(t.Context(), "cache", configFor(server.Addr()), silent)
			if err != nil {
				t.Error(err)
			}
			clients <- client
		})
	}
	all.Wait()
	first := <-clients
	for range 19 {
		if <-clients != first {
			t.Error("two clients with one name")
		}
	}
	if n := server.ConnectedClients(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestAFailedOpeningIsForgotten(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	registry := newRegistry(t)
	cfg := configFor(addr)
	cfg.Timeouts.Connect = 100 * time.Millisecond
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := registry.Open(t.Context(), "cache", cfg, silent); redisconn.ClassOf(err) != redisconn.ClassRefused || !strings.Contains(err.Error(), `client "cache"`) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if got := registry.Names(); len(got) != 0 {
		t.Errorf("names %q", got)
	}
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if _, err := registry.Open(t.Context(), "cache", cfg, silent); err != nil {
		t.Error(err)
	}
}

// stalling is a dialer that waits for the test, or for its context.
func stalling() (option redisconn.Option, dialling <-chan struct{}, release func()) {
	begun, released := make(chan struct{}, 100), make(chan struct{})
	return redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		begun <- struct{}{}
		select {
		case <-released:
			return new(net.Dialer).DialContext(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}), begun, sync.OnceFunc(func() { close(released) })
}

func TestWhoWaitsForAnotherOpeningWaitsWithinItsOwnContext(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	stall, dialling, release := stalling()
	first := make(chan error, 1)
	go func() {
		_, err := registry.Open(t.Context(), "cache", configFor(server.Addr()), silent, stall)
		first <- err
	}()
	<-dialling
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := registry.Open(ctx, "cache", configFor(server.Addr())); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "by another caller") {
		t.Errorf("got %v", err)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestAnOpenerThatGivesUpDoesNotSpeakForTheOthers(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	stall, dialling, _ := stalling()
	impatient, giveUp := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := registry.Open(impatient, "cache", configFor(server.Addr()), silent, stall)
		first <- err
	}()
	<-dialling
	go func() {
		_, err := registry.Open(t.Context(), "cache", configFor(server.Addr()), silent)
		second <- err
	}()
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first was told %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second was told %v", err)
	}
}

func TestAClientThatWasClosedFreesItsName(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	cfg := configFor(server.Addr())
	first, err := registry.Open(t.Context(), "cache", cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := registry.Get("cache"); ok {
		t.Error("Get returns a closed client")
	}
	cfg.Pool.Size = 3 // another configuration is no contradiction any more
	second, err := registry.Open(t.Context(), "cache", cfg, silent)
	if err != nil || second == first {
		t.Errorf("got %v, %v", second, err)
	}
}

func TestARegistryReportsOnEveryClient(t *testing.T) {
	server := redisconntest.NewServer(t)
	registry := newRegistry(t)
	for _, name := range []string{"cache", "sessions"} {
		if _, err := registry.Open(t.Context(), name, configFor(server.Addr()), silent); err != nil {
			t.Fatal(err)
		}
	}
	reports := registry.Health(t.Context())
	if len(reports) != 2 || reports["cache"].Status != redisconn.StatusPass || reports["sessions"].Status != redisconn.StatusPass {
		t.Errorf("%+v", reports)
	}
}

func TestARegistryEndsEveryClientThoughOneFails(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	registry := new(redisconn.Registry)
	busy, err := registry.Open(t.Context(), "busy", configFor(server.Addr()), silent)
	if err != nil {
		t.Fatal(err)
	}
	idle, err := registry.Open(t.Context(), "idle", configFor(server.Addr()), silent)
	if err != nil {
		t.Fatal(err)
	}
	ended := blocked(t, busy)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	receipts, err := registry.Shutdown(ctx)
	if !errors.Is(err, redisconn.ErrDrainIncomplete) || !strings.Contains(err.Error(), `client "busy"`) || strings.Contains(err.Error(), "idle") {
		t.Errorf("got %v", err)
	}
	if len(receipts) != 2 || receipts["busy"].Abandoned != 1 || receipts["idle"].Took == 0 {
		t.Errorf("receipts %+v", receipts)
	}
	if busy.State() != redisconn.StateClosed || idle.State() != redisconn.StateClosed {
		t.Errorf("states %s and %s", busy.State(), idle.State())
	}
	<-ended
	if receipts, err := registry.Shutdown(t.Context()); len(receipts) != 0 || err != nil {
		t.Errorf("an empty registry: %v, %v", receipts, err)
	}
	if _, err := registry.Open(t.Context(), "again", configFor(server.Addr()), silent); err != nil {
		t.Error(err)
	}
	if _, err := registry.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A client that was still being opened was no client yet, so a shutdown passed
// it by and it stayed open behind the back of its registry.
func TestAClientThatIsBeingOpenedIsEndedToo(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	registry := new(redisconn.Registry)
	stall, dialling, release := stalling()
	opened := make(chan error, 1)
	go func() {
		client, err := registry.Open(t.Context(), "cache", configFor(server.Addr()), silent, stall)
		if client != nil {
			t.Error("the opener got a client of a registry that is shut down")
		}
		opened <- err
	}()
	<-dialling
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := registry.Shutdown(impatient); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "still being opened") {
		t.Errorf("got %v", err)
	}
	release()
	if err := <-opened; !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("the opener was told %v", err)
	}
	eventually(t, "no connection", func() bool { return server.ConnectedClients() == 0 })
}

func TestAShutdownOutlastsAnOpeningThatFails(t *testing.T) {
	registry := new(redisconn.Registry)
	stall, dialling, release := stalling()
	cfg := configFor(redisconntest.ReserveAddr(t))
	cfg.Timeouts.Connect = 50 * time.Millisecond
	opened := make(chan error, 1)
	go func() {
		_, err := registry.Open(t.Context(), "cache", cfg, silent, stall)
		opened <- err
	}()
	<-dialling
	ended := make(chan error, 1)
	go func() {
		_, err := registry.Shutdown(t.Context())
		ended <- err
	}()
	release()
	if err := <-ended; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-opened; err == nil {
		t.Error("the opener got a client")
	}
}

func TestDefaultIsTheProcesssClient(t *testing.T) {
	server := redisconntest.NewServer(t)
	t.Setenv("REDIS_URL", "redis://"+redisconntest.ReserveAddr(t))
	t.Setenv("REDIS_CONNECT_TIMEOUT", "50ms")
	t.Cleanup(func() {
		if _, err := redisconn.Clients.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	was := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(was) })

	if _, err := redisconn.Default(t.Context()); redisconn.ClassOf(err) != redisconn.ClassRefused {
		t.Errorf("nothing listens: %v", err)
	}
	t.Setenv("REDIS_URL", "redis://"+server.Addr())
	var all sync.WaitGroup
	clients := make(chan *redisconn.Client, 10)
	for range 10 {
		all.Go(func() {
			client, err := redisconn.Default(t.Context())
			if err != nil {
				t.Error(err)
			}
			clients <- client
		})
	}
	all.Wait()
	first := <-clients
	for range 9 {
		if <-clients != first {
			t.Error("two default clients")
		}
	}
	if got, ok := redisconn.Clients.Get(redisconn.DefaultName); !ok || got != first {
		t.Error("it is not in the process's registry")
	}
	if later, err := redisconn.Default(t.Context()); err != nil || later != first {
		t.Errorf("a later caller got another client, %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if second, err := redisconn.Default(t.Context()); err != nil || second == first {
		t.Errorf("after Close: the same client, %v", err)
	}
	if _, err := redisconn.Clients.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("REDIS_POOL_SIZE", "many")
	if _, err := redisconn.Default(t.Context()); redisconn.ClassOf(err) != redisconn.ClassConfig {
		t.Errorf("an environment that cannot be read: %v", err)
	}
}
