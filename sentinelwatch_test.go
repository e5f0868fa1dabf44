package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAPlannedFailoverMovesEverything(t *testing.T) {
	t.Parallel()
	s := redisconntest.NewSentinel(t)
	client := openClient(t, sentinelConfigFor(s))
	messages := client.Subscribe(t.Context(), "news").Channel()
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(t.Context(), 0, "queue").Err() }()
	eventually(t, "the BLPOP", func() bool { return client.Stats().InFlight == 1 })

	began := time.Now()
	master := s.Failover()
	moved(t, client, master)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error("a write:", err)
	}
	if got := master.Client().Get(t.Context(), "k").Val(); got != "v" {
		t.Errorf("the new master holds %q", got)
	}
	eventually(t, "the subscription moves", func() bool { return master.Client().Publish(t.Context(), "news", "hello").Val() > 0 })
	if m := <-messages; m.Payload != "hello" {
		t.Errorf("received %v", m)
	}
	select { // it held a connection to the old master, which nobody pushes to any more
	case err := <-popped:
		if !errors.Is(err, redisconn.ErrMaybeApplied) {
			t.Errorf("BLPOP: %v", err)
		}
	case <-time.After(soon):
		t.Error("a BLPOP stays with the old master")
	}
	if client.Stats().Failovers != 1 || client.Stats().Generation != 2 || client.LastHealth().Generation != 2 {
		t.Errorf("%+v", client.Stats())
	}
	gaps := eventsOf(client, redisconn.EventGap)
	if len(gaps) != 1 || gaps[0].Node != master.Addr() || gaps[0].Took > time.Since(began) {
		t.Errorf("gaps %+v", gaps)
	}
	if told := eventsOf(client, redisconn.EventTopology); len(told) == 0 || told[0].Node != master.Addr() || !strings.Contains(told[0].Detail, "failover: ") {
		t.Errorf("topology %+v", told)
	}
}

func TestAFailoverThatFollowsTheEndOfTheMasterCostsIdempotentCommandsNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*redisconntest.Sentinel) *redisconntest.Server{
		"killed":  (*redisconntest.Sentinel).KillMaster,
		"stopped": (*redisconntest.Sentinel).PauseMaster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redisconntest.NewSentinel(t)
			client := openClient(t, sentinelConfigFor(s))
			var failed atomic.Pointer[error]
			over, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for {
					select {
					case <-over:
						return
					default:
					}
					if err := client.Set(context.Background(), "k", "v", 0).Err(); err != nil {
						failed.Store(&err)
					}
					time.Sleep(time.Millisecond) // a caller that has something else to do as well
				}
			}()
			old := end(s)
			master := s.AwaitSwitch(old)
			moved(t, client, master)
			eventually(t, "ready", func() bool { return client.State() == redisconn.StateReady })
			close(over)
			<-ended
			if err := failed.Load(); err != nil {
				t.Error(*err)
			}
			// The old master comes back and believes that it is the master still.
			if name == "stopped" {
				old.Resume()
			} else {
				old.Start()
			}
			if err := client.Set(t.Context(), "k", "new", 0).Err(); err != nil {
				t.Error(err)
			}
			if got := master.Client().Get(t.Context(), "k").Val(); got != "new" {
				t.Errorf("a write after the old master came back is not on the new one, which holds %q", got)
			}
		})
	}
}

// A replica answers READONLY, and as long as nobody asked why a connection stayed
// with it for ever.
func TestAMasterThatDeniesItIsLeftAtOnce(t *testing.T) {
	t.Parallel()
	one, two := redisconntest.NewServer(t), redisconntest.NewServer(t)
	fake := newFakeSentinel(t, one.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master = "mymaster"
	cfg.Timeouts.Operation = 5 * time.Second
	client := openClient(t, cfg)
	eventually(t, "the first look at the deployment", func() bool { return client.Health(t.Context()).Quorum != nil })

	host, port, _ := strings.Cut(two.Addr(), ":")
	if err := one.Client().Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
			p.Incr(t.Context(), "n")
			p.Incr(t.Context(), "n")
			return nil
		})
		written <- err
	}()
	eventually(t, "commands wait while nobody names another master", func() bool { return client.State() == redisconn.StateDown })
	if got := eventsOf(client, redisconn.EventOutageBegan); len(got) != 1 || got[0].Class != redisconn.ClassReadOnly || !strings.Contains(got[0].Detail, "says that it is a replica") {
		t.Errorf("outages: %+v", got)
	}
	fake.name(two.Addr(), 2)
	within(t, sentinelPoll/2, "to move", func() {
		if err := <-written; err != nil {
			t.Errorf("a transaction that met it: %v", err)
		}
	})
	if got := two.Client().Get(t.Context(), "n").Val(); got != "2" {
		t.Errorf("the new master counts %s", got)
	}
}

// sentinelPoll is how often sentinels are asked when there is no reason.
const sentinelPoll = 2 * time.Second

// A sentinel that was cut off from the others answers for the past, which is no
// reason to go back there.
func TestTheWordOfTheMinorityAboutThePastMovesNobody(t *testing.T) {
	t.Parallel()
	one, two := redisconntest.NewServer(t), redisconntest.NewServer(t)
	sentinels := []*fakeSentinel{newFakeSentinel(t, two.Addr(), 5), newFakeSentinel(t, two.Addr(), 5), newFakeSentinel(t, one.Addr(), 4)}
	cfg := configFor(sentinels[0].Addr())
	for _, other := range sentinels[1:] {
		cfg.Connection.Addrs = append(cfg.Connection.Addrs, other.Addr())
	}
	cfg.Sentinel.Master = "mymaster"
	client := openClient(t, cfg)
	moved(t, client, two)
	eventually(t, "the first look at the deployment", func() bool { return client.Health(t.Context()).Quorum != nil })
	sentinels[0].hang()
	sentinels[1].hang()
	redisconntest.Eventually(t, 3*sentinelPoll, "only the third answers", func() bool {
		q := client.Health(t.Context()).Quorum
		return q.Answering == 1
	})
	if client.Stats().Failovers != 0 {
		t.Error("moved to the past")
	}
	moved(t, client, two)
}

func TestAPlannedFailoverLosesNothingWithTheWriteGate(t *testing.T) {
	t.Parallel()
	s := redisconntest.NewSentinel(t)
	cfg := sentinelConfigFor(s)
	cfg.Sentinel.WriteGate = true
	var log logLines
	client := openClient(t, cfg, log.option())
	ledger := redisconntest.NewLedger("h")
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := ledger.Do(context.Background(), client, 0); err != nil {
				t.Error(err)
			}
		}
	}()
	master := s.Failover()
	moved(t, client, master)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	close(over)
	<-ended
	audit, err := ledger.Audit(t.Context(), master.Client())
	if err != nil || !audit.Clean() {
		t.Errorf("%v, %v", audit, err)
	}
	if len(log.containing("redis writes held")) == 0 || len(log.containing("redis writes let go")) == 0 {
		t.Errorf("log: %v", log.all())
	}
}

func TestHealthKnowsTheNodesAndTheQuorum(t *testing.T) {
	t.Parallel()
	s := redisconntest.NewSentinel(t)
	client := openClient(t, sentinelConfigFor(s))
	var health redisconn.Health
	eventually(t, "the nodes are known", func() bool {
		health = client.Health(t.Context())
		return len(health.Nodes) == 5 && health.Status == redisconn.StatusPass
	})
	roles := map[string]int{}
	for _, n := range health.Nodes {
		roles[n.Role]++
		if n.Status != redisconn.StatusPass || n.Role != "replica" && n.LastSuccess.IsZero() || n.Role != "replica" && n.Latency <= 0 {
			t.Errorf("%+v", n)
		}
		if n.Role == "replica" && (n.Link != "up" || n.Addr != s.Replicas()[0].Addr() || n.Lag == nil) {
			t.Errorf("%+v", n)
		}
	}
	if roles["master"] != 1 || roles["replica"] != 1 || roles["sentinel"] != 3 {
		t.Errorf("nodes %+v", health.Nodes)
	}
	if q := health.Quorum; q == nil || *q != (redisconn.Quorum{Master: "mymaster", Sentinels: 3, Answering: 3, Needed: 2}) {
		t.Errorf("quorum %+v", q)
	}

	warned := func(text string) {
		t.Helper()
		redisconntest.Eventually(t, 15*time.Second, "health warns: "+text, func() bool {
			health = client.Health(t.Context())
			return health.Status == redisconn.StatusWarn && strings.Contains(health.Reason, text)
		})
		if client.State() != redisconn.StateReady {
			t.Errorf("%s: state %s, and yet commands work", text, client.State())
		}
	}
	s.Sentinels()[0].Kill()
	warned("sentinel " + s.SentinelAddrs()[0] + " does not help: refused")
	s.Sentinels()[1].Pause()
	warned("1 of 3 sentinels answer and 2 must agree")
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error("sentinels are not in the way of commands:", err)
	}
	s.Sentinels()[1].Resume()
	s.Sentinels()[0].Start()
	s.Replicas()[0].Kill()
	warned("replica " + s.Replicas()[0].Addr() + " is down")
	var told []string
	for _, e := range eventsOf(client, redisconn.EventTopology) {
		told = append(told, e.Detail)
	}
	for _, want := range []string{"does not help: refused", "is well again", "is down, say the sentinels"} {
		if !strings.Contains(strings.Join(told, "\n"), want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
}

func TestNothingIsLeftAtTheSentinelsAfterADrain(t *testing.T) {
	redisconntest.NoLeaks(t)
	s := redisconntest.NewSentinel(t)
	proxy := redisconntest.NewProxy(t, s.SentinelAddrs()[0])
	cfg := sentinelConfigFor(s)
	cfg.Connection.Addrs = []string{proxy.Addr()}
	client := openClient(t, cfg)
	eventually(t, "the sentinels are listened to", func() bool {
		return proxy.Stats().Commands["psubscribe"] > 0 && len(redisconn.KnownSentinels(client)) >= 3
	})
	proxy.CutAll()
	eventually(t, "and again after a cut", func() bool { return proxy.Stats().Commands["psubscribe"] > 1 })
	if _, err := client.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	eventually(t, "no connection to a sentinel is left", func() bool { return proxy.Links() == 0 })
}
