package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// blockedClients is how many commands wait at the server.
func blockedClients(t *testing.T, server *redisconntest.Server) int {
	t.Helper()
	info, err := server.Client().InfoMap(t.Context(), "clients").Result()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, digit := range info["Clients"]["blocked_clients"] {
		n = 10*n + int(digit-'0')
	}
	return n
}

// Sixty workers that wait for work in a pool of twenty kept a SET waiting until
// one of them was served.
func TestCommandsThatWaitDoNotHoldThePool(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Size, c.Pool.Blocking = 2, 20 })
	var workers sync.WaitGroup
	for range 10 {
		workers.Go(func() {
			if err := client.BLPop(t.Context(), 0, "jobs").Err(); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "ten workers wait", func() bool { return blockedClients(t, server) == 10 })
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	if got := client.Stats().Pool.InUse; got != 0 {
		t.Errorf("%d connections of the pool are in use", got)
	}
	for range 10 {
		server.Client().LPush(t.Context(), "jobs", "x")
	}
	workers.Wait()
	if got := client.Stats().Routes; got.BlockingInUse != 0 || got.Blocking != 10 {
		t.Errorf("after the end: %+v", got)
	}
}

// XREAD without BLOCK does not wait, and need not be kept from the others.
func TestOnlyWhatWaitsTakesTheBlockingRoute(t *testing.T) {
	client, _ := openServer(t)
	ctx := t.Context()
	client.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "0"}, Block: -1})
	client.Get(ctx, "k")
	if got := client.Stats().Routes.Blocking; got != 0 {
		t.Errorf("%d commands took the blocking route", got)
	}
	client.Do(ctx, "BLPOP", "empty", "0.01")
	client.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "$"}, Block: time.Millisecond})
	client.Do(ctx, "WAIT", 0, 1)
	if got := client.Stats().Routes.Blocking; got != 3 {
		t.Errorf("%d commands took the blocking route, want 3", got)
	}
}

// The driver knows the timeout of a BLPOP only when it made the command itself:
// one made with Do was cut after the read timeout, and its element was lost.
func TestACommandMadeByHandWaitsAsLongAsItSays(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Timeouts.Operation = 100 * time.Millisecond })
	popped := make(chan error, 1)
	go func() { popped <- client.Do(context.Background(), "BLPOP", "jobs", 0).Err() }()
	eventually(t, "it waits", func() bool { return blockedClients(t, server) == 1 })
	select {
	case err := <-popped:
		t.Fatalf("it ended: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	server.Client().LPush(t.Context(), "jobs", "x")
	if err := <-popped; err != nil {
		t.Error(err)
	}
}

// The driver does not look at a cancellation while it waits for a reply.
func TestACancelledCommandThatWaitsReturnsAtOnce(t *testing.T) {
	client, server := openServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- client.BLPop(ctx, 0, "jobs").Err() }()
	go func() {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.BLPop(ctx, 0, "jobs").Err() })
		ended <- err
	}()
	eventually(t, "both wait", func() bool { return blockedClients(t, server) == 2 })
	within(t, time.Second, "the end of both", func() {
		cancel()
		for range 2 {
			if err := <-ended; !redisconn.IsMaybeApplied(err) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
	})
	eventually(t, "the server lets go", func() bool { return blockedClients(t, server) == 0 })
	if got := client.Stats().Routes.BlockingInUse; got != 0 {
		t.Errorf("%d connections are in use", got)
	}
}

func TestWhereAsManyBlockAsMayTheNextIsToldWhoTheyAre(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Blocking = 1 })
	holder := blocked(t, client)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := client.BRPop(ctx, time.Second, "empty").Err()
	if redisconn.ClassOf(err) != redisconn.ClassPool || !errors.Is(err, context.DeadlineExceeded) || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v", err)
	}
	for _, part := range []string{"all 1 connection for blocking commands (pool.blocking) are taken", "held by 1 blpop for up to "} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}

	// What would be cut in the middle of its own timeout is not begun.
	began := time.Now()
	long, cancelLong := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancelLong()
	if err := client.Do(long, "BRPOP", "empty", "9.9").Err(); redisconn.ClassOf(err) != redisconn.ClassPool {
		t.Errorf("got %v", err)
	}
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("it waited %s for a place of no use", waited)
	}

	_, err = client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.BLPop(ctx, 0, "empty").Err() })
	if redisconn.ClassOf(err) != redisconn.ClassPool || !redisconn.SafeToRetry(err) {
		t.Errorf("a pipeline that blocks: %v", err)
	}

	gone, giveUp := context.WithCancel(t.Context())
	giveUp()
	if err := client.BLPop(gone, 0, "empty").Err(); redisconn.ClassOf(err) != redisconn.ClassCanceled || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v", err)
	}

	next := make(chan error, 1)
	go func() { next <- client.BLPop(t.Context(), 0, "empty").Err() }()
	eventually(t, "the next one waits for the place", func() bool { return client.Stats().InFlight == 2 })
	server.Client().LPush(t.Context(), "empty", "x", "y")
	if err := errors.Join(<-holder, <-next); err != nil {
		t.Error(err)
	}
}

func TestACommandThatWaitsIsSentAgainOnlyWhenItWasNotApplied(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := openClient(t, configFor(proxy.Addr()))
	refused := proxy.Answer(redisconntest.Command("blpop"), 1, redisconntest.ReadOnly)
	server.Client().LPush(t.Context(), "jobs", "x")
	if err := client.BLPop(t.Context(), time.Second, "jobs").Err(); err != nil || refused.Hits() != 1 {
		t.Errorf("got %v after %d refusals", err, refused.Hits())
	}
	ended := blocked(t, client)
	eventually(t, "it waits", func() bool { return blockedClients(t, server) == 1 })
	proxy.CutAll()
	if err := <-ended; redisconn.ClassOf(err) != redisconn.ClassLost || !redisconn.IsMaybeApplied(err) {
		t.Errorf("got %v", err)
	}
}

// A stopped server accepts connections, and a BLPOP that may wait for ever had
// its handshake wait for ever as well.
func TestOpeningAConnectionToWaitOnHasATimeOfItsOwn(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) {
		c.Timeouts.Dial = 100 * time.Millisecond
		c.WhenDown = redisconn.WhenDownFailFast
	})
	server.Pause()
	defer server.Resume()
	within(t, 5*time.Second, "a BLPOP at a stopped server", func() {
		if err := client.BLPop(context.Background(), 0, "jobs").Err(); !redisconn.SafeToRetry(err) {
			t.Errorf("got %v", err)
		}
	})
}

// The reply to the PING that opens a connection was lost: nothing of what was to
// follow had been sent, and yet a BLPOP was told that it may have been applied.
func TestACommandWhoseConnectionBreaksAsItOpensIsSentAgain(t *testing.T) {
	client, proxy, server := openProxied(t, func(c *redisconn.Config) { c.Health.Interval = time.Hour })
	lost := proxy.DropReply(redisconntest.Command("ping"), 1)
	server.Client().LPush(t.Context(), "jobs", "x")
	if err := client.BLPop(t.Context(), time.Second, "jobs").Err(); err != nil || lost.Hits() != 1 {
		t.Errorf("got %v after %d lost replies", err, lost.Hits())
	}
}

// A pool that keeps two idle connections has no use for twenty idle lines.
func TestNoMoreIdleConnectionsToWaitOnAreKeptThanThePoolKeeps(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.MaxIdle = 2; c.Health.Interval = time.Hour })
	before := server.ConnectedClients()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { client.BLPop(t.Context(), time.Second, "jobs") })
	}
	eventually(t, "all wait", func() bool { return blockedClients(t, server) == 20 })
	for range 20 {
		server.Client().LPush(t.Context(), "jobs", "x")
	}
	all.Wait()
	eventually(t, "two are kept", func() bool { return server.ConnectedClients() <= before+2 })
	if err := client.BLPop(t.Context(), time.Second, "jobs").Err(); err != redis.Nil {
		t.Errorf("on a line that was kept: %v", err)
	}
}

func TestWhoBlocksIsGroupedByCommandTheLongestFirst(t *testing.T) {
	client, server := openServer(t, func(c *redisconn.Config) { c.Pool.Blocking = 2 })
	first := blocked(t, client)
	second := make(chan error, 1)
	go func() { second <- client.BRPop(t.Context(), 0, "other").Err() }()
	eventually(t, "two block", func() bool { return client.Stats().Routes.BlockingInUse == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := client.BLPop(ctx, 0, "third").Err()
	if err == nil || !strings.Contains(err.Error(), "held by 1 blpop for up to ") || !strings.Contains(err.Error(), ", 1 brpop for up to ") {
		t.Errorf("got %v", err)
	}
	server.Client().LPush(t.Context(), "empty", "x")
	server.Client().LPush(t.Context(), "other", "x")
	if err := errors.Join(<-first, <-second); err != nil {
		t.Error(err)
	}
}
