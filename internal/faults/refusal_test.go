package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

// unwilling is a server that answers and refuses.
type unwilling struct {
	addr   string
	begin  func() // makes it refuse; called once clients are connected
	end    func() // makes it willing again
	refuse func(ctx context.Context, client redis.UniversalClient) error
}

func set(ctx context.Context, client redis.UniversalClient) error {
	return client.Set(ctx, "k", "v", 0).Err()
}

func incr(ctx context.Context, client redis.UniversalClient) error {
	return client.Incr(ctx, "n").Err()
}

// unwillingServers are how a server comes to refuse: for real, except for
// LOADING, which takes a data set of a size that no test should need.
var unwillingServers = []struct {
	name    string
	row     *faults.Row
	class   redisconn.Class
	retried bool
	start   func(t *testing.T) unwilling
}{
	{"maxclients", rowMaxClients, redisconn.ClassMaxClients, true, func(t *testing.T) unwilling {
		const most = 8
		server := redisconntest.NewServer(t, redisconntest.WithDirective("maxclients", fmt.Sprint(most)))
		server.ConnectedClients() // the kit's own connection is among them
		var held []net.Conn
		end := sync.OnceFunc(func() {
			for _, conn := range held {
				_ = conn.Close() // a connection that the server closed already is as good
			}
		})
		t.Cleanup(end)
		return unwilling{addr: server.Addr(), refuse: incr, end: end, begin: func() {
			for range most {
				conn, err := net.Dial("tcp", server.Addr())
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, conn)
			}
			redisconntest.Eventually(t, time.Second, "the server is full", func() bool { return infoField(t, server, "clients", "connected_clients") == fmt.Sprint(most) })
		}}
	}},
	{"LOADING", rowLoading, redisconn.ClassLoading, true, func(t *testing.T) unwilling {
		proxy := redisconntest.NewProxy(t, redisconntest.NewServer(t).Addr())
		return unwilling{addr: proxy.Addr(), refuse: incr, end: proxy.Clear, begin: func() {
			proxy.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
		}}
	}},
	{"READONLY", rowReadOnly, redisconn.ClassReadOnly, true, func(t *testing.T) unwilling {
		replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(redisconntest.NewServer(t)))
		return unwilling{addr: replica.Addr(), refuse: incr, begin: func() {}, end: func() { promote(t, replica) }}
	}},
	{"NOREPLICAS", rowNoReplicas, redisconn.ClassNoReplicas, true, func(t *testing.T) unwilling {
		server := redisconntest.NewServer(t)
		configure := func(replicas string) func() {
			return func() {
				if err := server.Client().ConfigSet(context.Background(), "min-replicas-to-write", replicas).Err(); err != nil {
					t.Errorf("CONFIG SET: %v", err)
				}
			}
		}
		return unwilling{addr: server.Addr(), refuse: incr, begin: configure("1"), end: configure("0")}
	}},
	{"MASTERDOWN", rowMasterDown, redisconn.ClassMasterDown, true, func(t *testing.T) unwilling {
		master := redisconntest.NewServer(t)
		replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(master), redisconntest.WithDirective("replica-serve-stale-data", "no"))
		get := func(ctx context.Context, client redis.UniversalClient) error {
			if err := client.Get(ctx, "absent").Err(); !errors.Is(err, redis.Nil) {
				return err
			}
			return nil
		}
		return unwilling{addr: replica.Addr(), refuse: get, end: func() { promote(t, replica) }, begin: func() {
			master.Kill()
			redisconntest.Eventually(t, 2*time.Second, "the replica misses its master", func() bool { return infoField(t, replica, "replication", "master_link_status") == "down" })
		}}
	}},
	{"OOM", rowOOM, redisconn.ClassOOM, false, func(t *testing.T) unwilling {
		server := redisconntest.NewServer(t, redisconntest.WithDirective("maxmemory-policy", "noeviction"))
		return unwilling{addr: server.Addr(), refuse: set, end: func() {}, begin: func() {
			if err := server.Client().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
				t.Fatal(err)
			}
		}}
	}},
	{"BUSY", rowBusy, redisconn.ClassBusy, false, func(t *testing.T) unwilling {
		server := redisconntest.NewServer(t, redisconntest.WithDirective("busy-reply-threshold", "10"))
		watcher := server.Client().Conn() // opened in good time: a busy server lets nobody in
		if err := watcher.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		script := make(chan struct{})
		killer := server.Client().Conn() // a busy server lets nobody in any more, not even to kill the script
		if err := killer.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		end := func() {
			if err := killer.ScriptKill(context.Background()).Err(); err != nil && !strings.HasPrefix(err.Error(), "NOTBUSY") {
				t.Errorf("SCRIPT KILL: %v", err)
			}
			<-script
			if err := killer.Close(); err != nil {
				t.Errorf("closing a connection of the kit: %v", err)
			}
		}
		return unwilling{addr: server.Addr(), refuse: set, end: end, begin: func() {
			go func() {
				defer close(script)
				_ = server.Client().Eval(context.Background(), "while true do end", nil).Err() // killed
			}()
			redisconntest.Eventually(t, 2*time.Second, "the server is busy", func() bool {
				err := watcher.Get(t.Context(), "k").Err()
				return err != nil && strings.HasPrefix(err.Error(), "BUSY")
			})
		}}
	}},
}

func promote(t *testing.T, replica *redisconntest.Server) {
	if err := replica.Client().ReplicaOf(context.Background(), "no", "one").Err(); err != nil {
		t.Errorf("REPLICAOF NO ONE: %v", err)
	}
}

func TestRefusalsHaveAClassOfTheirOwnAndPassWhereTheyCan(t *testing.T) {
	const budget, slack, healing = 300 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond
	for _, refusal := range unwillingServers {
		t.Run(refusal.name, func(t *testing.T) {
			bothSides(t, refusal.row,
				func(t *testing.T) string {
					server := refusal.start(t)
					client := newPlain(t, &redis.Options{Addr: server.addr})
					server.begin()
					defer server.end()
					began := time.Now()
					err := server.refuse(timeout(t, budget), client)
					return fmt.Sprintf("after %s: `%s`", brief(time.Since(began)), nameless(err))
				},
				func(t *testing.T) string {
					server := refusal.start(t)
					client := open(t, server.addr, nil)
					server.begin()
					heal := sync.OnceFunc(server.end)
					defer heal()

					began := time.Now()
					err := server.refuse(timeout(t, budget), client)
					took := time.Since(began)
					if class := redisconn.ClassOf(err); class != refusal.class || !redisconn.SafeToRetry(err) || took > budget+slack {
						t.Fatalf("class %q after %v, want %s with nothing applied within %v: %v", class, took, refusal.class, budget, err)
					}
					var command *redisconn.CommandError
					if errors.As(err, &command) != refusal.retried {
						t.Errorf("want a CommandError only for what is sent again; the server's own answer otherwise: %v", err)
					}
					if !refusal.retried {
						return fmt.Sprintf("class %s after %s", refusal.class, brief(took))
					}
					timer := time.AfterFunc(healing, heal)
					defer timer.Stop()
					began = time.Now()
					err = server.refuse(t.Context(), client)
					if took := time.Since(began); err != nil || took < healing/2 {
						t.Errorf("a call in whose time the server became willing returns %v after %v, want it to wait and succeed", err, took)
					}
					return fmt.Sprintf("class %s after %s; succeeds once it has passed", refusal.class, brief(took))
				})
		})
	}
}
