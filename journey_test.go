package redisconn_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// travelHook takes a Journey along on every call.
type travelHook struct {
	mu       sync.Mutex // guards journeys
	journeys []redisconn.Journey
}

func (h *travelHook) note(j *redisconn.Journey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.journeys = append(h.journeys, *j)
}

func (h *travelHook) told() []redisconn.Journey {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.journeys)
}

func (h *travelHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *travelHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, journey := redisconn.WithJourney(ctx)
		defer h.note(journey)
		return next(ctx, cmd)
	}
}

func (h *travelHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, journey := redisconn.WithJourney(ctx)
		defer h.note(journey)
		return next(ctx, cmds)
	}
}

func TestAHookLearnsHowACallThatSucceededTravelled(t *testing.T) {
	_, proxy, client := behindProxy(t)
	hook := &travelHook{}
	client.AddHook(hook)
	cancelled, cancel := context.WithCancel(context.Background())
	defer cancel()
	// Without an end of its own a context shares its deadline with others, and nothing but that.
	for name, ctx := range map[string]context.Context{"without an end": context.Background(), "with an end": cancelled} {
		proxy.Answer(redisconntest.Command("set"), 2, redisconntest.Loading)
		if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		proxy.Answer(redisconntest.Command("mget"), 1, redisconntest.Loading)
		if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.MGet(ctx, "a", "b").Err() }); err != nil {
			t.Fatal(err)
		}
		if _, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "k").Err() }); err != nil {
			t.Fatal(err)
		}
		got := hook.told()
		want := []redisconn.Journey{
			{Attempts: 3, Route: redisconn.RouteDirect, Node: proxy.Addr()}, {Attempts: 2, Route: redisconn.RouteDirect, Node: proxy.Addr()},
			{Attempts: 1, Route: redisconn.RouteDirect, Node: proxy.Addr()},
		}
		if got = got[max(len(got)-3, 0):]; !slices.Equal(got, want) {
			t.Errorf("context %s: %+v, want %+v", name, got, want)
		}
	}
}

// Pipelines on a cluster once told nothing of how they had travelled.
func TestOnAClusterAJourneyEndsAtTheNodeThatAnswered(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 2, 0)
	cfg := clusterConfig(cluster)
	cfg.Cluster.RefreshInterval = time.Hour // only what commands meet leads to news
	client := openClient(t, cfg)
	hook := &travelHook{}
	client.AddHook(hook)
	ctx := t.Context()
	here, elsewhere := "{a}", "{b}"
	if cluster.NodeOf(here) == cluster.NodeOf(elsewhere) {
		t.Fatal("these keys are for two nodes")
	}
	set := func(keys ...string) func(redis.Pipeliner) error {
		return func(p redis.Pipeliner) error {
			for _, key := range keys {
				p.Set(ctx, key, 1, 0)
			}
			return nil
		}
	}
	want := func(what string, err error, node string) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		got := hook.told()
		if j := got[len(got)-1]; j != (redisconn.Journey{Attempts: 1, Route: redisconn.RouteDirect, Node: node}) {
			t.Errorf("%s: %+v, want the node %q", what, j, node)
		}
	}
	everywhere := func(node string) {
		t.Helper()
		want("a command", client.Set(ctx, here, 1, 0).Err(), node)
		_, err := client.Pipelined(ctx, set(here, here))
		want("a pipeline to one node", err, node)
		_, err = client.TxPipelined(ctx, set(here, here))
		want("a transaction", err, node)
	}
	everywhere(cluster.NodeOf(here).Addr())
	_, err := client.Pipelined(ctx, set(here, elsewhere))
	want("a pipeline to two nodes", err, "")
	want("a command of two parts", client.MGet(ctx, here, elsewhere).Err(), "")

	slot := redisconntest.SlotOf(here)
	migration := cluster.MigrateSlot(slot, 1-slot*2/16384)
	migration.MoveKeys()
	want("a command that was sent on", client.Set(ctx, here, 1, 0).Err(), migration.To().Addr())
	migration.Finish()
	everywhere(migration.To().Addr())
}

func TestAJourneyAgreesWithTheErrorAboutAttempts(t *testing.T) {
	_, proxy, client := behindProxy(t)
	hook := &travelHook{}
	client.AddHook(hook)
	proxy.DropReply(redisconntest.Command("incr"), 1)
	failed := wantCommandError(t, client.Incr(context.Background(), "n").Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	refused := wantCommandError(t, client.Incr(context.Background(), "n").Err(), redisconn.ClassClosed, redisconn.AppliedNo)
	got := hook.told()
	if len(got) != 2 || got[0].Attempts != failed.Attempts || got[1] != (redisconn.Journey{}) || refused.Attempts != 0 {
		t.Errorf("journeys %+v, errors of %d and %d attempts", got, failed.Attempts, refused.Attempts)
	}
}

// A hook that takes no Journey along must not pay for those that could, in this
// process or not: with the switch on, looking in a context that is twenty values deep.
func BenchmarkLookingForAJourney(b *testing.B) {
	client, _ := openServer(b)
	type key int
	deep := context.Background()
	for i := range 20 {
		deep = context.WithValue(deep, key(i), i)
	}
	get := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := client.Set(deep, "k", "v", 0).Err(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("NobodyEverAsked", get)
	redisconn.WithJourney(context.Background())
	b.Run("SomebodyAskedOnce", get)
}
