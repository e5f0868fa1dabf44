package redisconn_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// underLoad runs do while callers increment a counter, and fails the test when a
// call of theirs fails.
func underLoad(t *testing.T, client *redisconn.Client, do func()) {
	t.Helper()
	var over atomic.Bool
	var calls atomic.Int64
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for !over.Load() {
				if err := client.Incr(t.Context(), "load").Err(); err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				calls.Add(1)
			}
		})
	}
	eventually(t, "the load", func() bool { return calls.Load() > 100 })
	do()
	before := calls.Load()
	eventually(t, "the load goes on", func() bool { return calls.Load() > before+100 || t.Failed() })
	over.Store(true)
	callers.Wait()
}

// replaceableFile writes a password to a file that a test may replace.
func replaceableFile(t *testing.T, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	redisconntest.ReplaceFile(t, path, []byte(password+"\n"))
	return path
}

// openWithFile starts a server with a password and a client that has it from a file.
func openWithFile(t *testing.T, change func(*redisconn.Config)) (*redisconn.Client, *redisconntest.Server, string) {
	t.Helper()
	server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
	file := replaceableFile(t, "first")
	cfg := configFor(server.Addr())
	cfg.Connection.PasswordFile = file
	cfg.Reload.Interval = 10 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	return openClient(t, cfg), server, file
}

func TestAPasswordThatChangesIsTakenOverUnderLoad(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, server, file := openWithFile(t, nil)
	underLoad(t, client, func() {
		server.AddPassword("default", "second")
		redisconntest.ReplaceFile(t, file, []byte("second"))
		eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
		server.RemovePassword("default", "first")
	})
	if got := client.Stats().Reloads; got != 1 {
		t.Errorf("%d reloads, want 1", got)
	}
	if h := client.Health(t.Context()); h.Generation != 2 {
		t.Errorf("health is of generation %d, want 2", h.Generation)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// Between the removal of a password and the next look at its file every new
// connection was refused, and its callers with it, although the next password was
// there to be read.
func TestARefusedPasswordIsReadAnewBeforeACallFailsForIt(t *testing.T) {
	client, server, file := openWithFile(t, func(c *redisconn.Config) {
		c.Reload.Off = true           // only a refusal makes it look
		c.Health.Interval = time.Hour // and only that of a command
	})
	replace := func(to, from string) {
		server.AddPassword("default", to)
		redisconntest.ReplaceFile(t, file, []byte(to))
		server.RemovePassword("default", from)
		server.Disconnect("default")
	}
	replace("second", "first")
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("a command: %v", err)
	}
	replace("third", "second")
	if _, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error { return p.Incr(t.Context(), "n").Err() }); err != nil {
		t.Errorf("a pipeline: %v", err)
	}
	replace("fourth", "third")
	if _, err := client.RunTransaction(t.Context(), func(p redis.Pipeliner) error { return p.Incr(t.Context(), "n").Err() }); err != nil {
		t.Errorf("a transaction: %v", err)
	}
	replace("fifth", "fourth")
	if err := client.Watch(t.Context(), func(tx *redis.Tx) error { return tx.Incr(t.Context(), "n").Err() }, "n"); err != nil {
		t.Errorf("a watch: %v", err)
	}
	if n, err := client.Get(t.Context(), "n").Int(); n != 3 || err != nil {
		t.Errorf("n is %d, %v, want 3", n, err)
	}
}

func TestTheMonitorReadsARefusedPasswordAnewToo(t *testing.T) {
	client, server, file := openWithFile(t, func(c *redisconn.Config) { c.Reload.Off = true })
	server.AddPassword("default", "second")
	redisconntest.ReplaceFile(t, file, []byte("second"))
	server.RemovePassword("default", "first")
	server.Disconnect("default")
	eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
	if client.Stats().Outages != 0 {
		t.Error("it counts as an outage")
	}
}

func TestABadPasswordLeavesTheConnectionsThatThereAre(t *testing.T) {
	var log logLines
	server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
	file := replaceableFile(t, "first")
	cfg := configFor(server.Addr())
	cfg.Connection.PasswordFile = file
	cfg.Reload.Interval = 10 * time.Millisecond
	client := openClient(t, cfg, log.option())
	underLoad(t, client, func() {
		redisconntest.ReplaceFile(t, file, []byte("not-the-password"))
		eventually(t, "a warning", func() bool { return client.LastHealth().Status == redisconn.StatusWarn })
	})
	h := client.LastHealth()
	if h.Class != redisconn.ClassAuth || !strings.Contains(h.Reason, "not in use") || h.State != redisconn.StateReady || h.Generation != 1 {
		t.Errorf("health %+v", h)
	}
	if failures := eventsOf(client, redisconn.EventReloadFailed); len(failures) != 1 {
		t.Errorf("told of %d failed reloads, want 1: it is the same one", len(failures))
	}
	var failed *redisconn.ConnectError
	if err := client.Reload(t.Context()); !errors.As(err, &failed) || failed.Class != redisconn.ClassAuth {
		t.Errorf("Reload: %v", err)
	}

	server.AddPassword("default", "not-the-password") // the server learns of it later
	eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
	eventually(t, "no warning", func() bool { return client.LastHealth().Status == redisconn.StatusPass })
}

func TestAFileThatIsGoneLeavesTheConnectionsThatThereAre(t *testing.T) {
	client, _, file := openWithFile(t, nil)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a warning", func() bool { return client.LastHealth().Class == redisconn.ClassConfig })
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	redisconntest.ReplaceFile(t, file, []byte("first\n"))
	eventually(t, "no warning", func() bool { return client.LastHealth().Status == redisconn.StatusPass })
	if got := client.Stats().Generation; got != 1 {
		t.Errorf("generation %d: the password is the one it was", got)
	}
}

func TestAnOutageForARevokedPasswordEndsWithTheNextOne(t *testing.T) {
	client, server, file := openWithFile(t, func(c *redisconn.Config) { c.Reload.Off = true })
	server.AddPassword("default", "second")
	server.RemovePassword("default", "first")
	server.Disconnect("default")
	eventually(t, "an outage", func() bool { return client.State() == redisconn.StateDown })
	redisconntest.ReplaceFile(t, file, []byte("second"))
	if err := client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end", func() bool { return client.State() == redisconn.StateReady })
}

// tlsFrom points a configuration to the files of a volume.
func tlsFrom(volume *redisconntest.SecretVolume) redisconn.TLSConfig {
	return redisconn.TLSConfig{
		Enabled: true, CAFile: volume.Path("ca.crt"), CertFile: volume.Path("tls.crt"), KeyFile: volume.Path("tls.key"),
		ExpiryWarning: time.Hour,
	}
}

func TestCertificatesThatChangeAreTakenOverUnderLoad(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	own := ca.ClientCert()
	volume := redisconntest.NewSecretVolume(t, ca.TLSSecret(own))
	cfg := configFor(server.Addr())
	cfg.TLS = tlsFrom(volume)
	cfg.Reload.Interval = 10 * time.Millisecond
	client := openClient(t, cfg)
	if h := client.LastHealth(); h.Status != redisconn.StatusPass || len(h.Certificates) != 2 || h.Certificates[0].Of != "client" || h.Certificates[1].Node != server.Addr() {
		t.Errorf("%s (%s), certificates %+v", h.Status, h.Reason, h.Certificates)
	}
	underLoad(t, client, func() {
		volume.Update(ca.TLSSecret(ca.Reissue(own)))
		eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })

		// A new authority, announced before it is used.
		ca.Rotate()
		volume.Update(ca.TLSSecret(ca.Reissue(own)))
		server.RotateCertificate()
		eventually(t, "the third generation", func() bool { return client.Stats().Generation == 3 })

		// A key that does not belong to the certificate.
		torn := ca.TLSSecret(ca.ClientCert())
		torn["tls.key"] = ca.TLSSecret(ca.ClientCert())["tls.key"]
		volume.Update(torn)
		eventually(t, "a warning", func() bool { return client.LastHealth().Class == redisconn.ClassConfig })
	})
	if got := client.Stats().Generation; got != 3 {
		t.Errorf("generation %d, want 3", got)
	}
}

// A server that has the certificate of another authority by the time that the
// client is given that authority refused every new connection until the next look
// at the files.
func TestAnUntrustedServerMakesItReadTheAuthoritiesAnew(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	volume := redisconntest.NewSecretVolume(t, map[string][]byte{"ca.crt": ca.PEM()})
	cfg := configFor(server.Addr())
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: volume.Path("ca.crt"), ExpiryWarning: time.Hour}
	cfg.Reload.Off = true
	client := openClient(t, cfg)
	ca.Rotate()
	server.RotateCertificate()
	volume.Update(map[string][]byte{"ca.crt": ca.PEM()})
	server.Disconnect("default")
	if err := client.Incr(t.Context(), "n").Err(); err != nil {
		t.Error(err)
	}
}

func TestACertificateThatIsAboutToEndIsAWarning(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(30*time.Minute))))
	cfg := configFor(server.Addr())
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), ExpiryWarning: time.Hour}
	client := openClient(t, cfg)
	h := client.LastHealth()
	if h.Status != redisconn.StatusWarn || h.Class != redisconn.ClassTLS || !strings.Contains(h.Reason, "the certificate of "+server.Addr()) {
		t.Errorf("%s: %s", h.Status, h.Reason)
	}
	if h.State != redisconn.StateReady {
		t.Errorf("state %s: commands work as they should", h.State)
	}
}

func TestTLSMaterialMayBeInTheConfigurationItself(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	cert, key := ca.ClientCert().PEM()
	oneLine := func(pem []byte) string { return strings.ReplaceAll(string(pem), "\n", `\n`) }
	cfg, err := redisconn.NewBuilder().Environ("REDIS_", []string{
		"REDIS_URL=rediss://" + server.Addr(), "REDIS_TLS_CA=" + string(ca.PEM()),
		"REDIS_TLS_CERT=" + oneLine(cert), "REDIS_TLS_KEY=" + oneLine(key),
	}).Build()
	if err != nil {
		t.Fatal(err)
	}
	client := openClient(t, cfg)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}

func TestForceReconnectReplacesEveryConnectionUnderLoad(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, server := openServer(t)
	ctx := t.Context()
	before := connectionIDs(t, server)
	underLoad(t, client, func() {
		var all sync.WaitGroup
		for range 5 { // they share one
			all.Go(func() {
				if err := client.ForceReconnect(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := client.ForceReconnect(ctx); err != nil { // fresh
			t.Error(err)
		}
	})
	if got := client.Stats().Generation; got != 2 {
		t.Errorf("generation %d, want 2", got)
	}
	eventually(t, "the old connections are closed", func() bool {
		for id := range connectionIDs(t, server) {
			if before[id] {
				return false
			}
		}
		return true
	})
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// connectionIDs are the ids of the clients' connections at a server.
func connectionIDs(t *testing.T, server *redisconntest.Server) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	list, err := server.Client().ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(list) {
		if !strings.Contains(line, "user=default") {
			continue // the kit's own
		}
		id, _, _ := strings.Cut(line, " ")
		ids[id] = true
	}
	return ids
}

func TestACallThatBlocksGoesOnOnTheOldConnection(t *testing.T) {
	client, server := openServer(t)
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(t.Context(), 0, "queue").Err() }()
	eventually(t, "a BLPOP", func() bool { return client.Stats().InFlight == 1 })
	if err := client.ForceReconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().RPush(t.Context(), "queue", "job").Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-popped; err != nil {
		t.Error(err)
	}
}

func TestASubscriptionOutlivesTheGenerationItBeganIn(t *testing.T) {
	client, server, file := openWithFile(t, nil)
	subscription := client.Subscribe(t.Context(), "news")
	messages := subscription.Channel()
	server.AddPassword("default", "second")
	redisconntest.ReplaceFile(t, file, []byte("second"))
	eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
	server.RemovePassword("default", "first")
	eventually(t, "a message", func() bool {
		if err := server.Client().Publish(t.Context(), "news", "hello").Err(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-messages:
			return true
		default:
			return false
		}
	})
	runtime.KeepAlive(subscription)
}

func TestThereIsNothingToReloadBeforeConnectAndAfterDrain(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	if err := client.Reload(t.Context()); redisconn.ClassOf(err) != redisconn.ClassDown {
		t.Errorf("before Connect: %v", err)
	}
	connected, _ := openServer(t)
	if err := connected.Reload(t.Context()); err != nil || connected.Stats().Generation != 1 {
		t.Errorf("without a change: %v, generation %d", err, connected.Stats().Generation)
	}
	if err := connected.Close(); err != nil {
		t.Fatal(err)
	}
	if err := connected.ForceReconnect(t.Context()); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("after Drain: %v", err)
	}
}

func TestWhoSharesAReloadLeavesWithItsOwnContext(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := openClient(t, configFor(server.Addr()))
	server.Pause()
	defer server.Resume()
	begun := make(chan error, 1)
	go func() { begun <- client.ForceReconnect(t.Context()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	eventually(t, "a caller that shares", func() bool {
		err := client.ForceReconnect(ctx)
		return errors.Is(err, context.Canceled) && strings.Contains(err.Error(), "another caller")
	})
	if err := <-begun; redisconn.ClassOf(err) != redisconn.ClassTimeout {
		t.Errorf("the one who does it: %v", err)
	}
}

func TestCertificatesAreListedByNode(t *testing.T) {
	leaf := lasting(t, "cache").parsed
	all := redisconn.CertificatesOf(leaf, "c:1", "a:1", "b:1", "a:1")
	if len(all) != 3 || all[0].Node != "a:1" || all[1].Node != "b:1" || all[2].Node != "c:1" || all[0].Subject != "cache" {
		t.Errorf("%+v", all)
	}
}
