package redisconn_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// alternating is a provider of two passwords in turn, so that each time that it is
// asked there is something to reload.
func alternating() redisconn.Option {
	var asked atomic.Int64
	return redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
		return redisconn.Credentials{Password: redisconn.Secret(strconv.FormatInt(asked.Add(1)%2, 10))}, nil
	})
}

// dialLog opens connections and counts them by address.
type dialLog struct{ byAddr sync.Map }

func (l *dialLog) option() redisconn.Option {
	return redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		count, _ := l.byAddr.LoadOrStore(addr, new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	})
}

func (l *dialLog) to(addr string) int64 {
	count, _ := l.byAddr.LoadOrStore(addr, new(atomic.Int64))
	return count.(*atomic.Int64).Load()
}

// Reload had no pace of its own: fifty in a row, with a provider that had something
// else each time, were fifty generations in 23 ms.
func TestReloadsInARowAreASecondApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		client := server.open(t, func(cfg *redisconn.Config) { cfg.Health.Interval = time.Hour }, alternating())
		const reloads = 10
		before, began := server.dialled(), time.Now()
		for range reloads {
			if err := client.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := client.Stats().Reloads; got != reloads {
			t.Errorf("%d reloads, want %d: there was something new each time", got, reloads)
		}
		if dials := server.dialled() - before; dials != reloads {
			t.Errorf("%d connections for %d reloads", dials, reloads)
		}
		if took, least := time.Since(began), (reloads-1)*time.Second; took < least || took > least*11/10 {
			t.Errorf("%d reloads took %s, want a second between each two, with a tenth of jitter at most", reloads, took)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAReloadThatWaitsForItsTurnEndsWithItsContextOrTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		client := server.open(t, nil, alternating())
		if err := client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := client.Reload(ctx)
		if !errors.As(err, new(*redisconn.ConnectError)) || !errors.Is(err, context.DeadlineExceeded) || redisconn.ClassOf(err) != redisconn.ClassTimeout {
			t.Errorf("its time is up: %v", err)
		}
		waiting := make(chan error)
		go func() { waiting <- client.Reload(t.Context()) }()
		synctest.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waiting; !errors.Is(err, redisconn.ErrClosed) && !errors.Is(err, redisconn.ErrDraining) {
			t.Errorf("the client ends: %v", err)
		}
		if got := client.Stats().Generation; got != 2 {
			t.Errorf("generation %d, want 2", got)
		}
	})
}

// A reload that its caller cut short said so to the next one too, who had time.
func TestAReloadThatWasCutShortSaysNothingToTheNext(t *testing.T) {
	client, server, file := openWithFile(t, func(c *redisconn.Config) { c.Reload.Off = true })
	server.AddPassword("default", "second")
	redisconntest.ReplaceFile(t, file, []byte("second"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Reload(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := client.Reload(t.Context()); err != nil || client.Stats().Generation != 2 {
		t.Errorf("%v, generation %d", err, client.Stats().Generation)
	}
}

// Fifty reloads with a password that the server refuses were fifty refusals in
// 16 ms, and servers lock out whoever fails so often.
func TestMaterialThatWasRefusedIsNotTriedAgainForASecond(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
	file := replaceableFile(t, "first")
	cfg := configFor(server.Addr())
	cfg.Connection.PasswordFile = file
	cfg.Reload.Off = true
	var dials dialLog
	client := openClient(t, cfg, dials.option())
	redisconntest.ReplaceFile(t, file, []byte("not-the-password"))
	before := dials.to(server.Addr())
	within(t, time.Second, "what was refused is known", func() {
		for range 50 {
			for name, renew := range map[string]func(context.Context) error{"Reload": client.Reload, "ForceReconnect": client.ForceReconnect} {
				if err := renew(t.Context()); redisconn.ClassOf(err) != redisconn.ClassAuth {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
	if n := dials.to(server.Addr()) - before; n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
	server.AddPassword("default", "second")
	redisconntest.ReplaceFile(t, file, []byte("second"))
	if err := client.ForceReconnect(t.Context()); err != nil || client.Stats().Generation != 2 {
		t.Errorf("with another password: %v, generation %d", err, client.Stats().Generation)
	}
}

func TestAReloadThatFailsAgainIsToldOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		file := replaceableFile(t, "first")
		client := server.open(t, func(cfg *redisconn.Config) {
			cfg.Connection.PasswordFile = file
			cfg.Health.Interval = time.Hour
		})
		server.set(func(s *memoryServer) { s.answers["hello"], s.answers["auth"] = wrongPassword, wrongPassword })
		redisconntest.ReplaceFile(t, file, []byte("second"))
		before := server.dialled()
		time.Sleep(10 * time.Second) // the file's watcher tries after about 1, 2, 4 and 8
		if dials := server.dialled() - before; dials < 3 || dials > 5 {
			t.Errorf("%d attempts", dials)
		}
		if told := eventsOf(client, redisconn.EventReloadFailed); len(told) != 1 || told[0].Class != redisconn.ClassAuth {
			t.Errorf("told %+v", told)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}

const wrongPassword = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"

// A call that is refused looks for other credentials before it fails, so a node
// that had revoked the user made every call to it ask the program's provider.
func TestCallsThatARevokedUserFailsAskTheProviderOnceASecond(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithUser("app", "secret", "~*", "&*", "+@all"))
	var asked atomic.Int64
	client := openClient(t, clusterConfig(cluster), redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
		asked.Add(1)
		return redisconn.Credentials{Username: "app", Password: "secret"}, nil
	}))
	node := cluster.Nodes()[0]
	if err := node.Client().ACLSetUser(t.Context(), "app", "off").Err(); err != nil {
		t.Fatal(err)
	}
	node.Disconnect("app")
	key := keyIn(cluster, 0, 3, "k")
	began, calls := time.Now(), 0
	asked.Store(0)
	for ; time.Since(began) < 1500*time.Millisecond; calls++ {
		if err := client.Set(t.Context(), key, 1, 0).Err(); redisconn.ClassOf(err) != redisconn.ClassAuth {
			t.Fatalf("a call was told %v", err)
		}
	}
	if n := asked.Load(); n < 1 || n > 2 || calls < 100 {
		t.Errorf("%d calls asked %d times, want once a second", calls, n)
	}
}
