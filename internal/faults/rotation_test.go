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
				key := strconv.Itoa(n / 2 % 100) // on a cluster those of every node
				if n%2 == 0 {
					seen.note(client.Set(t.Context(), key, worker, 0).Err())
				} else {
					seen.note(client.Get(t.Context(), key).Err())
				}
				time.Sleep(time.Millisecond) // a caller that has something else to do as well
			}
		})
	}
	atWork := func(least time.Duration) {
		began, before := time.Now(), seen.calls.Load()
		redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool {
			return seen.calls.Load() > before+100 && time.Since(began) > least
		})
	}
	atWork(0)
	change()
	atWork(time.Second) // the monitor has looked at every node, and the client at its files
	over.Store(true)
	all.Wait()
	return &seen
}

func (o *outcomes) figure() string {
	return fmt.Sprintf("%d of %d failed", o.failed.Load(), o.calls.Load())
}

// noneFailed is the promise of every rotation: no call failed, and none was left
// behind with the connections that were replaced.
func noneFailed(t *testing.T, client *redisconn.Client, seen *outcomes) string {
	t.Helper()
	if seen.failed.Load() > 0 {
		t.Errorf("%s, first other than maybe: %v", seen.figure(), seen.firstPlain())
	}
	if client.Stats().Reloads == 0 {
		t.Error("no connection was replaced")
	}
	receipt, err := client.Drain(t.Context())
	if err != nil || receipt.Abandoned > 0 {
		t.Errorf("at the end %s: %v", receipt, err)
	}
	return fmt.Sprintf("%s, %d abandoned", seen.figure(), receipt.Abandoned)
}

// For the calls to one node of a cluster that had refused the old password the
// client did not look for a new one: 3 to 15 of 11,000 failed.
func TestPasswordThatIsRotatedCostsNoCall(t *testing.T) {
	rotate := func(t *testing.T, all servers, learn func()) {
		all.each(func(node *redisconntest.Server) { node.AddPassword("default", "second") })
		learn()
		all.each(func(node *redisconntest.Server) { node.RemovePassword("default", "first") })
		all.disconnect(t)
	}
	for _, topology := range topologies {
		t.Run(string(topology), func(t *testing.T) {
			bothSides(t, rowsPassword[topology],
				func(t *testing.T) string {
					all := topology.start(t, redisconntest.WithPassword("first"))
					client := all.openPlain(t)
					return duringGetAndSet(t, client, func() { rotate(t, all, func() {}) }).figure()
				},
				func(t *testing.T) string {
					all := topology.start(t, redisconntest.WithPassword("first"))
					file := filepath.Join(t.TempDir(), "password")
					redisconntest.ReplaceFile(t, file, []byte("first"))
					client := all.open(t, func(cfg *redisconn.Config) { cfg.Connection.PasswordFile = file })
					return noneFailed(t, client, duringGetAndSet(t, client, func() {
						rotate(t, all, func() { redisconntest.ReplaceFile(t, file, []byte("second")) })
					}))
				})
		})
	}
}

func TestCertificatesThatAreRotatedCostNoCall(t *testing.T) {
	// The new authority is announced to the client, then used by both sides, and
	// the old one ends.
	rotate := func(t *testing.T, ca *redisconntest.CA, all servers, own redisconntest.Cert, learn func(redisconntest.Cert)) {
		ca.Rotate()
		learn(own)
		all.each(func(node *redisconntest.Server) { node.RotateCertificate() })
		learn(ca.Reissue(own))
		ca.Retire()
		all.each(func(node *redisconntest.Server) { node.RotateCertificate() })
		all.disconnect(t)
	}
	for _, topology := range topologies {
		start := func(t *testing.T) (*redisconntest.CA, servers, redisconntest.Cert) {
			ca := redisconntest.NewCA(t)
			return ca, topology.start(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth()), ca.ClientCert()
		}
		t.Run(string(topology), func(t *testing.T) {
			bothSides(t, rowsCertificates[topology],
				func(t *testing.T) string {
					ca, all, own := start(t)
					client := all.openPlain(t)
					return duringGetAndSet(t, client, func() { rotate(t, ca, all, own, func(redisconntest.Cert) {}) }).figure()
				},
				func(t *testing.T) string {
					ca, all, own := start(t)
					volume := redisconntest.NewSecretVolume(t, ca.TLSSecret(own))
					client := all.open(t, func(cfg *redisconn.Config) {
						cfg.TLS = redisconn.TLSConfig{
							Enabled: true, CAFile: volume.Path("ca.crt"), CertFile: volume.Path("tls.crt"), KeyFile: volume.Path("tls.key"),
						}
					})
					return noneFailed(t, client, duringGetAndSet(t, client, func() {
						rotate(t, ca, all, own, func(next redisconntest.Cert) {
							before := client.Stats().Generation
							volume.Update(ca.TLSSecret(next))
							redisconntest.Eventually(t, 5*time.Second, "the new certificates are in use", func() bool { return client.Stats().Generation > before })
						})
					}))
				})
		})
	}
}

func TestForceReconnectCostsNoCall(t *testing.T) {
	for _, topology := range topologies {
		t.Run(string(topology), func(t *testing.T) {
			row := rowsForceReconnect[topology]
			row.Plain("has none: a program makes another client and closes this one under its callers")
			all := topology.start(t)
			client := all.open(t, func(*redisconn.Config) {})
			ledgers := []*redisconntest.Ledger{redisconntest.NewLedger(tagIn(0)), redisconntest.NewLedger(tagIn(1)), redisconntest.NewLedger(tagIn(2))}
			ids := func() map[string]bool {
				ids := map[string]bool{}
				all.each(func(node *redisconntest.Server) {
					for id := range idsOfClients(t, node) {
						ids[node.Addr()+" "+id] = true
					}
				})
				return ids
			}
			var over atomic.Bool
			var seen outcomes
			var callers sync.WaitGroup
			for worker := range 50 {
				callers.Go(func() {
					for !over.Load() {
						seen.note(ledgers[worker%len(ledgers)].Do(t.Context(), client, worker))
					}
				})
			}
			redisconntest.Eventually(t, 5*time.Second, "the callers are at work", func() bool { return seen.calls.Load() > 1000 })
			before := ids()
			if err := client.ForceReconnect(t.Context()); err != nil {
				t.Error(err)
			}
			after := seen.calls.Load()
			redisconntest.Eventually(t, 5*time.Second, "the callers go on", func() bool { return seen.calls.Load() > after+1000 })
			redisconntest.Eventually(t, 5*time.Second, "no connection is left of those there were", func() bool {
				for id := range ids() {
					if before[id] {
						return false
					}
				}
				return true
			})
			over.Store(true)
			callers.Wait()
			figure := noneFailed(t, client, &seen)
			reader := all.openPlain(t)
			twice := 0
			for _, ledger := range ledgers {
				verdict, err := ledger.Audit(t.Context(), reader)
				if err != nil || !verdict.Clean() {
					t.Errorf("audit %v, %v", verdict, err)
				}
				twice += len(verdict.Twice)
			}
			figure += fmt.Sprintf(", %d twice", twice)
			t.Log(figure)
			row.Here("%s", figure)
		})
	}
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
