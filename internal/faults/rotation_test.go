package faults_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// duringGetAndSet runs change while 20 callers read and write, and counts how
// their calls end until some time after it.
func duringGetAndSet(t *testing.T, client redis.UniversalClient, change func()) *outcomes {
	t.Helper()
	var seen outcomes
	var over atomic.Bool
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for n := 0; !over.Load(); n++ {
				if n%2 == 0 {
					seen.note(client.Set(t.Context(), "k", worker, 0).Err())
				} else {
					seen.note(client.Get(t.Context(), "k").Err())
				}
				time.Sleep(time.Millisecond) // a caller that has something else to do as well
			}
		})
	}
	more := func() {
		before := seen.calls.Load()
		redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return seen.calls.Load() > before+100 })
	}
	more()
	change()
	more()
	over.Store(true)
	all.Wait()
	return &seen
}

func (o *outcomes) figure() string {
	return fmt.Sprintf("%d of %d failed", o.failed.Load(), o.calls.Load())
}

// noneFailed is the promise of both rotations.
func noneFailed(t *testing.T, seen *outcomes) string {
	t.Helper()
	if seen.failed.Load() > 0 {
		t.Errorf("%s, first other than maybe: %v", seen.figure(), seen.firstPlain())
	}
	return seen.figure()
}

func TestPasswordThatIsRotatedCostsNoCall(t *testing.T) {
	rotate := func(t *testing.T, server *redisconntest.Server, learn func()) {
		server.AddPassword("default", "second")
		learn()
		server.RemovePassword("default", "first")
		if server.Disconnect("default") == 0 {
			t.Error("there was no connection to kill")
		}
	}
	bothSides(t, rowPassword,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
			client := newPlain(t, &redis.Options{Addr: server.Addr(), Password: "first"})
			return duringGetAndSet(t, client, func() { rotate(t, server, func() {}) }).figure()
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t, redisconntest.WithPassword("first"))
			file := filepath.Join(t.TempDir(), "password")
			redisconntest.ReplaceFile(t, file, []byte("first"))
			client := open(t, server.Addr(), func(cfg *redisconn.Config) { cfg.Connection.PasswordFile = file })
			return noneFailed(t, duringGetAndSet(t, client, func() {
				rotate(t, server, func() { redisconntest.ReplaceFile(t, file, []byte("second")) })
			}))
		})
}

func TestCertificatesThatAreRotatedCostNoCall(t *testing.T) {
	// The new authority is announced to the client, then used by both sides, and
	// the old one ends.
	rotate := func(ca *redisconntest.CA, server *redisconntest.Server, own redisconntest.Cert, learn func(redisconntest.Cert)) {
		ca.Rotate()
		learn(own)
		server.RotateCertificate()
		learn(ca.Reissue(own))
		ca.Retire()
		server.RotateCertificate()
		server.Disconnect("default")
	}
	start := func(t *testing.T) (*redisconntest.CA, *redisconntest.Server, redisconntest.Cert) {
		ca := redisconntest.NewCA(t)
		return ca, redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth()), ca.ClientCert()
	}
	bothSides(t, rowCertificates,
		func(t *testing.T) string {
			ca, server, own := start(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr(), TLSConfig: server.TLSConfig()})
			return duringGetAndSet(t, client, func() { rotate(ca, server, own, func(redisconntest.Cert) {}) }).figure()
		},
		func(t *testing.T) string {
			ca, server, own := start(t)
			volume := redisconntest.NewSecretVolume(t, ca.TLSSecret(own))
			client := open(t, server.Addr(), func(cfg *redisconn.Config) {
				cfg.TLS = redisconn.TLSConfig{
					Enabled: true, CAFile: volume.Path("ca.crt"), CertFile: volume.Path("tls.crt"), KeyFile: volume.Path("tls.key"),
				}
			})
			return noneFailed(t, duringGetAndSet(t, client, func() {
				rotate(ca, server, own, func(next redisconntest.Cert) {
					before := client.Stats().Generation
					volume.Update(ca.TLSSecret(next))
					redisconntest.Eventually(t, 5*time.Second, "the new certificates are in use", func() bool { return client.Stats().Generation > before })
				})
			}))
		})
}

func TestForceReconnectCostsNoCall(t *testing.T) {
	rowForceReconnect.Plain("has none: a program makes another client and closes this one under its callers")
	server := redisconntest.NewServer(t)
	client := open(t, server.Addr(), nil)
	ledger := redisconntest.NewLedger("force")
	before := idsOfClients(t, server)
	var over atomic.Bool
	var seen outcomes
	var all sync.WaitGroup
	for worker := range 50 {
		all.Go(func() {
			for !over.Load() {
				seen.note(ledger.Do(t.Context(), client, worker))
			}
		})
	}
	redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return seen.calls.Load() > 1000 })
	if err := client.ForceReconnect(t.Context()); err != nil {
		t.Error(err)
	}
	after := seen.calls.Load()
	redisconntest.Eventually(t, 5*time.Second, "the callers go on", func() bool { return seen.calls.Load() > after+1000 })
	redisconntest.Eventually(t, 5*time.Second, "no connection is left of those there were", func() bool {
		for id := range idsOfClients(t, server) {
			if before[id] {
				return false
			}
		}
		return true
	})
	over.Store(true)
	all.Wait()
	verdict := audit(t, ledger, server)
	if seen.failed.Load() > 0 || !verdict.Clean() {
		t.Errorf("%s; first other than maybe: %v; audit %v", seen.figure(), seen.firstPlain(), verdict)
	}
	figure := fmt.Sprintf("%s, %d twice", seen.figure(), len(verdict.Twice))
	t.Log(figure)
	rowForceReconnect.Here("%s", figure)
}

// idsOfClients are the ids of the connections at a server that are not the kit's.
func idsOfClients(t *testing.T, server *redisconntest.Server) map[string]bool {
	t.Helper()
	list, err := server.Client().ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(list) {
		if id, _, _ := strings.Cut(line, " "); strings.Contains(line, "user=default") {
			ids[id] = true
		}
	}
	return ids
}

// A user that is revoked was asked for at full rate, by every caller.
func TestRevokedUserIsNotAskedForAtFullRate(t *testing.T) {
	const callers, watched = 20, 3 * time.Second
	scenario := func(t *testing.T, client redis.UniversalClient, server *redisconntest.Server, known func() bool) (attempts int, calls int64, slowest time.Duration) {
		t.Helper()
		if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := server.Client().ACLSetUser(t.Context(), "app", "off").Err(); err != nil {
			t.Fatal(err)
		}
		server.Disconnect("app")
		opened := func() int { // each attempt needs a connection
			n, err := strconv.Atoi(infoField(t, server, "stats", "total_connections_received"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		redisconntest.Eventually(t, 5*time.Second, "it is known", known)
		before := opened()
		var n, worst atomic.Int64
		until := time.Now().Add(watched)
		crowd(callers, func(int) {
			for time.Now().Before(until) {
				began := time.Now()
				if err := client.Set(t.Context(), "k", "v", 0).Err(); err == nil {
					t.Error("a revoked user wrote")
				}
				n.Add(1)
				for took := int64(time.Since(began)); took > worst.Load(); {
					worst.Store(took)
				}
				time.Sleep(time.Millisecond) // a caller that has something else to do as well
			}
		})
		return opened() - before, n.Load(), time.Duration(worst.Load())
	}
	start := func(t *testing.T) *redisconntest.Server {
		return redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~*", "+@all"))
	}
	bothSides(t, rowRevoked,
		func(t *testing.T) string {
			server := start(t)
			client := newPlain(t, &redis.Options{Addr: server.Addr(), Username: "app", Password: "secret"})
			attempts, calls, _ := scenario(t, client, server, func() bool { return client.Ping(t.Context()).Err() != nil })
			return fmt.Sprintf("%d in %d calls", attempts, calls)
		},
		func(t *testing.T) string {
			server := start(t)
			client := open(t, server.Addr(), func(cfg *redisconn.Config) {
				cfg.Connection.Username, cfg.Connection.Password = "app", "secret"
			})
			attempts, calls, slowest := scenario(t, client, server, func() bool { return client.State() == redisconn.StateDown })
			if most := int(watched/time.Second) + 1; attempts > most {
				t.Errorf("%d attempts in %s, want at most %d", attempts, watched, most)
			}
			if err := client.Get(t.Context(), "k").Err(); redisconn.ClassOf(err) != redisconn.ClassAuth && redisconn.ClassOf(err) != redisconn.ClassDown {
				t.Errorf("a caller was told %v", err)
			}
			return fmt.Sprintf("%d in %d calls, the slowest of which took %s", attempts, calls, brief(slowest))
		})
}

// A stopped server keeps its connections, so a command that blocks without end
// waited without end.
func TestBlockedCommandIsToldOfASilentServer(t *testing.T) {
	const silence, patience = 2 * time.Second, 1500 * time.Millisecond
	blocked := func(t *testing.T, client redis.UniversalClient, server *redisconntest.Server) (told chan error) {
		t.Helper()
		told = make(chan error, 1)
		go func() { told <- client.BLPop(t.Context(), 0, "queue").Err() }()
		awaitBlocked(t, server)
		server.Pause()
		t.Cleanup(server.Resume)
		return told
	}
	bothSides(t, rowSilentLink,
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			watched := silence + patience
			if measuringAll() {
				watched = 10 * time.Second
			}
			select {
			case err := <-blocked(t, dialPlain(t, server.Addr(), 0), server):
				return fmt.Sprintf("told %v", err)
			case <-time.After(watched):
				return fmt.Sprintf("held for the %s watched", brief(watched))
			}
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			client := open(t, server.Addr(), func(cfg *redisconn.Config) { cfg.Timeouts.Silence = silence })
			told := blocked(t, client, server)
			began := time.Now()
			var err error
			took := within(t, silence+patience, "the caller of BLPOP", func() time.Duration {
				err = <-told
				return time.Since(began)
			})
			if !redisconn.IsMaybeApplied(err) {
				t.Errorf("told %v", err)
			}
			return fmt.Sprintf("told after %s: maybe", brief(took))
		})
}
