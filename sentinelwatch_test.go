package redisconn_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
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
	cfg.Timeouts.Dial, cfg.Timeouts.Operation = 10*time.Second, 10*time.Second // so that those who hang are not asked again
	client := openClient(t, cfg)
	moved(t, client, two)
	eventually(t, "the first look at the deployment", func() bool { return client.Health(t.Context()).Quorum != nil })
	sentinels[0].hang()
	sentinels[1].hang()
	redisconntest.Eventually(t, 3*sentinelPoll, "only the third answers", func() bool {
		q := client.Health(t.Context()).Quorum
		return q.Answering == 1
	})
	asked := func() int { return strings.Count(sentinels[2].heard(), "get-master-addr-by-name") }
	before := asked()
	redisconntest.Eventually(t, 4*sentinelPoll, "it is asked again", func() bool { return asked() > before })
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
		t.Errorf("%v, %v; log: %v", audit, err, log.all())
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

	if text, err := json.Marshal(health); err != nil || !strings.Contains(string(text), `"replication_link":"up","lag_bytes":`) {
		t.Errorf("%s, %v", text, err)
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
	for _, want := range []string{"does not help: ", "is well again", "is down, say the sentinels"} {
		if !strings.Contains(strings.Join(told, "\n"), want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
}

// The pool of a master that was left is closed under those who wait in it. They
// were told that the client is closed, which was not true.
func TestCallsThatWaitForAConnectionToTheOldMasterGetOneToTheNew(t *testing.T) {
	t.Parallel()
	one, two := redisconntest.NewServer(t), redisconntest.NewServer(t)
	fake := newFakeSentinel(t, one.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master, cfg.Pool.Size, cfg.Timeouts.Operation = "mymaster", 1, 10*time.Second
	client := openClient(t, cfg)
	holding := make(chan struct{})
	held := make(chan error, 1)
	go func() {
		held <- client.Watch(t.Context(), func(tx *redis.Tx) error {
			close(holding)
			return tx.BLPop(t.Context(), 0, "queue").Err()
		}, "k")
	}()
	<-holding
	waited := make(chan error, 1)
	go func() { waited <- client.Incr(t.Context(), "n").Err() }()
	eventually(t, "a call waits for the connection", func() bool { return client.Stats().Pool.Waiting == 1 })
	fake.name(two.Addr(), 2)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if err := <-held; !errors.Is(err, redisconn.ErrMaybeApplied) {
		t.Error("the one who held it:", err)
	}
}

// A reload leaves a BLPOP where it is, and the failover after it forgot that
// there was another generation before the last: the call stayed with a server
// that nobody pushed to any more.
func TestCallsThatAReloadLeftBehindMoveWithTheMaster(t *testing.T) {
	t.Parallel()
	one, two := redisconntest.NewServer(t), redisconntest.NewServer(t)
	fake := newFakeSentinel(t, one.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master = "mymaster"
	client := openClient(t, cfg)
	popped := blocked(t, client)
	if err := client.ForceReconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-popped:
		t.Fatalf("a reload ended the BLPOP: %v", err)
	default:
	}
	fake.name(two.Addr(), 2)
	select {
	case err := <-popped:
		if !errors.Is(err, redisconn.ErrMaybeApplied) {
			t.Error(err)
		}
	case <-time.After(4 * sentinelPoll):
		t.Error("the BLPOP stays with the old master")
	}
}

func TestAMasterThatCannotBeReachedIsNotMovedTo(t *testing.T) {
	t.Parallel()
	one := redisconntest.NewServer(t)
	fake := newFakeSentinel(t, one.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master = "mymaster"
	client := openClient(t, cfg)
	fake.name(redisconntest.ReserveAddr(t), 2)
	asked := func() int { return strings.Count(fake.heard(), "get-master-addr-by-name") }
	before := asked()
	redisconntest.Eventually(t, 4*sentinelPoll, "the sentinel is asked again and again", func() bool { return asked() > before+5 })
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil || client.Stats().Failovers != 0 {
		t.Errorf("%v, %d failovers", err, client.Stats().Failovers)
	}
	if told := eventsOf(client, redisconn.EventReloadFailed); len(told) != 1 || told[0].Class != redisconn.ClassRefused || told[0].Stage != redisconn.StageDial || told[0].Node == "" {
		t.Errorf("told %+v, want the reason once", told)
	}
	cfg.Timeouts.Connect = 300 * time.Millisecond
	var failed *redisconn.ConnectError
	if err := newClient(t, cfg).Connect(t.Context()); !errors.As(err, &failed) || failed.Class != redisconn.ClassRefused || failed.Stage != redisconn.StageDial {
		t.Errorf("a client that begins now: %v", err)
	}
}

func TestSentinelsThatNobodyNamesAnyMoreAreForgotten(t *testing.T) {
	t.Parallel()
	server := redisconntest.NewServer(t)
	one, other, third := newFakeSentinel(t, server.Addr(), 1), newFakeSentinel(t, server.Addr(), 1), newFakeSentinel(t, server.Addr(), 1)
	one.knows(other.Addr())
	cfg := configFor(one.Addr())
	cfg.Sentinel.Master, cfg.Timeouts.Dial = "mymaster", 3*time.Second // so that a sentinel that hangs is busy when it is asked again
	client := openClient(t, cfg)
	known := func() []string { return redisconn.KnownSentinels(client) }
	eventually(t, "another sentinel is learnt", func() bool { return slices.Contains(known(), other.Addr()) && other.subscriptions() > 0 })
	other.hang()
	one.knows(third.Addr())
	redisconntest.Eventually(t, 4*sentinelPoll, "and forgotten for a third", func() bool {
		return slices.Equal(known(), []string{one.Addr(), third.Addr()})
	})
	redisconntest.Eventually(t, 4*sentinelPoll, "which is told", func() bool {
		var told []string
		for _, e := range eventsOf(client, redisconn.EventTopology) {
			told = append(told, e.Detail)
		}
		all := strings.Join(told, "\n")
		return strings.Contains(all, "sentinel "+other.Addr()+" is gone") && strings.Contains(all, "sentinel "+third.Addr()+" appeared")
	})
}

func TestASubscriptionToASentinelThatHangsIsMadeAnew(t *testing.T) {
	t.Parallel()
	server := redisconntest.NewServer(t)
	fake := newFakeSentinel(t, server.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master = "mymaster"
	openClient(t, cfg)
	eventually(t, "the subscription", func() bool { return fake.subscriptions() == 1 })
	// It announces nothing and does not answer PING: after 10 s and two more that is a broken link.
	redisconntest.Eventually(t, 30*time.Second, "another subscription", func() bool { return fake.subscriptions() > 1 })
}

// What is announced may come late or mean nothing any more.
func TestAnnouncementsAreHeldAgainstTheSentinelsWord(t *testing.T) {
	t.Parallel()
	server := redisconntest.NewServer(t)
	fake := newFakeSentinel(t, server.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master, cfg.Sentinel.WriteGate = "mymaster", true
	client := openClient(t, cfg)
	host, port, _ := strings.Cut(server.Addr(), ":")
	about := func(addr string) string {
		h, p, _ := strings.Cut(addr, ":")
		return strings.Join([]string{"slave", addr, h, p, "@", "mymaster", host, port}, " ")
	}
	redisconn.Announce(client, "+try-failover", "master other "+host+" "+port)
	if redisconn.WritesHeld(client) {
		t.Error("writes are held for another master")
	}
	redisconn.Announce(client, "+try-failover", "master mymaster 10.1.2.3 6379")
	if redisconn.WritesHeld(client) {
		t.Error("writes are held for a master that was left")
	}
	redisconn.Announce(client, "+try-failover", "master mymaster "+host+" "+port)
	eventually(t, "writes are let go, for no sentinel says that it fails over", func() bool { return !redisconn.WritesHeld(client) })
	redisconn.Announce(client, "+try-failover", "master mymaster "+host+" "+port)
	redisconn.Announce(client, "-failover-abort-no-good-slave", "master mymaster "+host+" "+port)
	if redisconn.WritesHeld(client) {
		t.Error("writes are held after the sentinel gave up")
	}
	redisconn.Announce(client, "+selected-slave", about(server.Addr()))
	eventually(t, "the choice of who is the master already is forgotten", func() bool { return redisconn.Chosen(client) == "" })
	nobody := redisconntest.ReserveAddr(t)
	redisconn.Announce(client, "+selected-slave", about(nobody))
	if redisconn.Chosen(client) != nobody {
		t.Error("the choice is not known")
	}
	redisconn.Announce(client, "-failover-abort-slave-timeout", "master mymaster "+host+" "+port)
	if redisconn.Chosen(client) != "" || client.Stats().Failovers != 0 {
		t.Error("the choice outlasts the failover")
	}
}

// A configuration that is read anew leads to the sentinels in another way.
func TestAnotherGenerationListensToItsOwnSentinels(t *testing.T) {
	t.Parallel()
	server := redisconntest.NewServer(t)
	fake := newFakeSentinel(t, server.Addr(), 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master = "mymaster"
	client := openClient(t, cfg)
	eventually(t, "the subscription", func() bool { return fake.subscriptions() == 1 })
	if err := client.ForceReconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	redisconntest.Eventually(t, 4*sentinelPoll, "another subscription", func() bool { return fake.subscriptions() == 2 })
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	fake.hang()
	eventually(t, "that nobody names the master", func() bool {
		return redisconn.ClassOf(client.ForceReconnect(t.Context())) == redisconn.ClassTimeout
	})
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
