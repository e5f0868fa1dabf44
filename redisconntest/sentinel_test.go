package redisconntest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

// failoverClient returns a plain go-redis client that goes by way of the sentinels.
func failoverClient(t testing.TB, s *redisconntest.Sentinel) *redis.Client {
	t.Helper()
	client := redis.NewFailoverClient(s.FailoverOptions())
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// wantWritesAt waits until what the client writes arrives at this server.
func wantWritesAt(t testing.TB, client redis.UniversalClient, server *redisconntest.Server, key, v string) {
	t.Helper()
	redisconntest.Eventually(t, 15*time.Second, "writes arrive at "+server.Addr(), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return client.Set(ctx, key, v, 0).Err() == nil && server.Client().Get(ctx, key).Val() == v
	})
}

func TestSentinelCanFailOverAsSoonAsItIsReturnedAndTheDriverFollows(t *testing.T) {
	t.Parallel()
	start := time.Now()
	s := redisconntest.NewSentinel(t)
	t.Logf("started in %v", time.Since(start))
	if s.MasterName() != "mymaster" || len(s.Sentinels()) != 3 || len(s.Nodes()) != 2 || s.Master() != s.Nodes()[0] ||
		!slices.Equal(s.Replicas(), s.Nodes()[1:]) || s.SentinelAddrs()[2] != s.Sentinels()[2].Addr() {
		t.Errorf("name %q, sentinels %v, master %s, %d nodes", s.MasterName(), s.SentinelAddrs(), s.Master().Addr(), len(s.Nodes()))
	}
	for _, server := range append(s.Nodes(), s.Sentinels()...) {
		if n := server.ConnectedClients(); n != 0 {
			t.Errorf("%d clients at %s before there is one: members of the topology count", n, server.Addr())
		}
	}
	client := failoverClient(t, s)
	wantWritesAt(t, client, s.Master(), "k", "before")

	old := s.Master()
	start = time.Now()
	master := s.Failover()
	t.Logf("all sentinels agreed on the new master after %v", time.Since(start))
	if master == old || master != s.Master() || !slices.Equal(s.Replicas(), []*redisconntest.Server{old}) {
		t.Fatalf("old master %s, returned %s, master now %s", old.Addr(), master.Addr(), s.Master().Addr())
	}
	wantWritesAt(t, client, master, "k", "after")
}

func TestMasterThatIsKilledOrPausedIsSucceededByAReplica(t *testing.T) {
	t.Parallel()
	s := redisconntest.NewSentinel(t, redisconntest.WithReplicas(2), redisconntest.WithMasterName("orders"),
		redisconntest.WithData(redisconntest.WithPassword("of the data")),
		redisconntest.WithSentinels(3, redisconntest.WithPassword("of the sentinels")), redisconntest.WithDownAfter(time.Second))
	client := failoverClient(t, s)
	wantWritesAt(t, client, s.Master(), "k", "1")
	sentinel := s.Sentinels()[0]
	wantError(t, plain(t, sentinel.Addr(), once).Ping(within(t, time.Second)).Err(), "NOAUTH")
	wantError(t, plain(t, sentinel.Addr(), once, func(o *redis.Options) { o.Password = "of the data" }).
		Ping(within(t, time.Second)).Err(), "WRONGPASS")

	start := time.Now()
	killed := s.KillMaster()
	if killed.PID() != 0 {
		t.Error("the killed master runs")
	}
	second := s.AwaitSwitch(killed)
	t.Logf("switched %v after the kill", time.Since(start))
	wantWritesAt(t, client, second, "k", "2")

	// One sentinel of three may be missing as well.
	sentinel.Kill()
	start = time.Now()
	paused := s.PauseMaster()
	if paused != second {
		t.Fatalf("%s was paused, the master is %s", paused.Addr(), second.Addr())
	}
	third := s.AwaitSwitch(paused)
	t.Logf("switched %v after the pause", time.Since(start))
	if third == killed || third == second {
		t.Fatalf("the third master is %s", third.Addr())
	}
	paused.Resume()
	if s.Master() != third {
		t.Errorf("the master is %s after its predecessor came back, want %s", s.Master().Addr(), third.Addr())
	}

	for _, sentinel := range s.Sentinels() {
		sentinel.Kill()
	}
	if s.Master() != third {
		t.Errorf("without sentinels the master is %s, want the last one named, %s", s.Master().Addr(), third.Addr())
	}
	sentinel.Start()
	if s.Master() == nil || sentinel.Client().Ping(t.Context()).Err() != nil {
		t.Error("the sentinel does not work after a restart")
	}
}

// Data nodes and sentinels can differ in TLS, and clients must then treat them apart. Sentinels have one setting for
// whether they speak TLS to both of data nodes and each other, so that these topologies form is not self-evident.
func TestDataNodesAndSentinelsSpeakTLSEachAsWanted(t *testing.T) {
	t.Parallel()
	data, own := redisconntest.NewCA(t), redisconntest.NewCA(t)
	cases := map[string]struct{ data, sentinels *redisconntest.CA }{
		"one authority":    {data, data},
		"two authorities":  {data, own},
		"data nodes only":  {data, nil},
		"sentinels only":   {nil, own},
		"mutual, one each": {data, own},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(ca *redisconntest.CA) (opts []redisconntest.ServerOption) {
				if ca != nil {
					opts = append(opts, redisconntest.WithTLS(ca))
				}
				if ca != nil && strings.HasPrefix(name, "mutual") {
					opts = append(opts, redisconntest.WithTLSClientAuth())
				}
				return opts
			}
			s := redisconntest.NewSentinel(t, redisconntest.WithData(with(c.data)...), redisconntest.WithSentinels(2, with(c.sentinels)...))
			for _, sentinel := range s.Sentinels() {
				client := redis.NewSentinelClient(sentinel.Options())
				defer client.Close()
				addr := must[[]string](t)(client.GetMasterAddrByName(within(t, 5*time.Second), s.MasterName()).Result())
				if strings.Join(addr, ":") != s.Master().Addr() {
					t.Errorf("the master is at %v, want %s", addr, s.Master().Addr())
				}
			}
			master := redis.NewClient(s.Master().Options())
			defer master.Close()
			must[string](t)(master.Set(within(t, 5*time.Second), "k", name, 0).Result())

			if c.data != nil && c.sentinels != nil {
				must[string](t)(failoverClient(t, s).Get(within(t, 5*time.Second), "k").Result())
			}
			if c.sentinels != nil {
				sentinel := s.Sentinels()[0]
				before := serverSerial(t, sentinel)
				sentinel.RotateCertificate()
				if serverSerial(t, sentinel) == before {
					t.Error("the sentinel has its old certificate")
				}
			}
		})
	}
}

func TestSentinelPasswordsRotateAndSurviveARestart(t *testing.T) {
	t.Parallel()
	s := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0), redisconntest.WithSentinels(1, redisconntest.WithPassword("first")))
	sentinel := s.Sentinels()[0]
	sentinel.AddPassword("default", "second")
	sentinel.RemovePassword("default", "first")
	sentinel.Restart()
	for password, says := range map[string]string{"first": "WRONGPASS", "second": ""} {
		err := plain(t, sentinel.Addr(), once, func(o *redis.Options) { o.Password = password }).Ping(within(t, time.Second)).Err()
		if says == "" && err != nil {
			t.Errorf("password %q: %v", password, err)
		} else if says != "" {
			wantError(t, err, says)
		}
	}
	if s.FailoverOptions().SentinelPassword != "second" {
		t.Error("FailoverOptions has the old password")
	}
}

func TestSentinelsThatCannotBeStartedSayWhy(t *testing.T) {
	redisconntest.RequireRedis(t)
	ca := redisconntest.NewCA(t)
	cases := map[string]struct {
		opt  redisconntest.SentinelOption
		says string
	}{
		"name":      {redisconntest.WithMasterName("my master"), `"my master" is not made of`},
		"replicas":  {redisconntest.WithReplicas(-1), "less than none"},
		"sentinels": {redisconntest.WithSentinels(0), "at least one"},
		"quorum":    {redisconntest.WithQuorum(4), "cannot be reached by 3 sentinels"},
		"downAfter": {redisconntest.WithDownAfter(time.Microsecond), "milliseconds"},
		"port":      {redisconntest.WithData(redisconntest.WithPort(1234)), "no WithPort"},
		"socket":    {redisconntest.WithSentinels(1, redisconntest.WithUnixSocket()), "no WithPort, WithAddr or WithUnixSocket"},
		"TLS":       {redisconntest.WithData(redisconntest.WithTLSClientAuth()), "needs WithTLS"},
		"master": {redisconntest.WithData(redisconntest.WithTLS(ca), func() redisconntest.ServerOption {
			return redisconntest.WithReplicaOf(redisconntest.NewServer(t, redisconntest.WithTLS(ca)))
		}()), "no WithReplicaOf"},
		"data directive":     {redisconntest.WithData(redisconntest.WithDirective("no-such-directive")), "no-such-directive"},
		"sentinel directive": {redisconntest.WithSentinels(1, redisconntest.WithDirective("sentinel", "nonsense")), "nonsense"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			wantError(t, redisconntest.Run(func(t testing.TB) { redisconntest.NewSentinel(t, c.opt) }), "NewSentinel: ", c.says)
		})
	}
}

func TestFailoverThatCannotHappenIsReported(t *testing.T) {
	t.Parallel()
	redisconntest.RequireRedis(t)
	err := redisconntest.Run(func(t testing.TB) {
		s := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0), redisconntest.WithSentinels(1),
			redisconntest.WithData(redisconntest.WithTLS(redisconntest.NewCA(t))))
		redisconntest.WithSettleLimit(s, 50*time.Millisecond)
		s.Failover()
		s.AwaitSwitch(s.KillMaster())
		s.FailoverOptions()
		s.Sentinels()[0].Kill()
		s.Failover()
	})
	wantError(t, err, "NOGOODSLAVE", "have not agreed on another master", "cannot speak TLS to the data nodes alone", "none answers")
}
