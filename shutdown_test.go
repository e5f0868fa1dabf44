package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// blocked starts a BLPOP that waits for ever and returns what will become of it.
func blocked(t *testing.T, client *redisconn.Client) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- client.BLPop(context.Background(), 0, "empty").Err() }()
	eventually(t, "the BLPOP", func() bool { return client.Stats().InFlight == 1 && client.Stats().Routes.BlockingInUse == 1 })
	return ended
}

// held starts a WATCH section that keeps a connection of the pool until the list
// "empty" gets an element, and returns what will become of it. A BLPOP alone
// would not: it has a connection of its own.
func held(t *testing.T, client *redisconn.Client) <-chan error {
	t.Helper()
	ended, inside := make(chan error, 1), make(chan struct{})
	go func() { ended <- client.Watch(context.Background(), blockInside(inside), "watched") }()
	<-inside
	return ended
}

// blockInside is the function of a WATCH section that blocks until the list
// "empty" gets an element; it closes inside, where there is one, when it begins.
func blockInside(inside chan struct{}) func(*redis.Tx) error {
	return func(tx *redis.Tx) error {
		if inside != nil {
			close(inside)
		}
		return tx.BLPop(context.Background(), 0, "empty").Err()
	}
}

func TestDrainLetsCallsFinish(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, server := openServer(t)
	ended := blocked(t, client)
	drained := make(chan redisconn.Receipt, 1)
	go func() {
		receipt, err := client.Drain(t.Context())
		if err != nil {
			t.Error(err)
		}
		drained <- receipt
	}()
	eventually(t, "draining", func() bool { return client.State() == redisconn.StateDraining })
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrDraining) || redisconn.ClassOf(err) != redisconn.ClassDraining {
		t.Errorf("a new command while draining: %v", err)
	}
	if err := client.Watch(t.Context(), func(*redis.Tx) error { return nil }); !errors.Is(err, redisconn.ErrDraining) {
		t.Errorf("a new Watch while draining: %v", err)
	}
	server.Client().LPush(t.Context(), "empty", "x")
	if err := <-ended; err != nil {
		t.Errorf("the command that was under way: %v", err)
	}
	receipt := <-drained
	if receipt.InFlight != 1 || receipt.Drained != 1 || receipt.Abandoned != 0 || receipt.Took <= 0 {
		t.Errorf("receipt %+v", receipt)
	}
	if got := receipt.String(); !strings.HasPrefix(got, "1 in flight, 1 drained, 0 abandoned, 0 subscriptions closed, in ") {
		t.Errorf("the receipt says %q", got)
	}
	if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redisconn.ErrClosed) || redisconn.ClassOf(err) != redisconn.ClassClosed {
		t.Errorf("a command after Drain: %v", err)
	}
	eventually(t, "no connection left", func() bool { return server.ConnectedClients() == 0 })
}

func TestDrainAbandonsAtItsDeadlineAndTellsTheCallers(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, _ := openServer(t)
	ended := blocked(t, client)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, 200*time.Millisecond, "Drain", func() {
		receipt, err := client.Drain(ctx)
		if !errors.Is(err, redisconn.ErrDrainIncomplete) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if receipt.InFlight != 1 || receipt.Drained != 0 || receipt.Abandoned != 1 {
			t.Errorf("receipt %+v", receipt)
		}
	})
	err := <-ended
	if !errors.Is(err, redisconn.ErrMaybeApplied) || !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("the abandoned caller was told %v, want that it may have been applied", err)
	}
}

func TestDrainEndsAtItsDeadlineAlsoWhenTheServerIsStopped(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, server := openServer(t, func(c *redisconn.Config) { c.Timeouts.Operation = 5 * time.Second })
	subscription := client.Subscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	defer server.Resume()
	ended := make(chan error, 1)
	go func() { ended <- client.Incr(context.Background(), "n").Err() }()
	eventually(t, "the INCR", func() bool { return client.Stats().InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, 250*time.Millisecond, "Drain", func() {
		receipt, err := client.Drain(ctx)
		if !errors.Is(err, redisconn.ErrDrainIncomplete) || receipt.Abandoned != 1 || receipt.Subscriptions != 1 {
			t.Errorf("got %v, receipt %+v", err, receipt)
		}
	})
	runtime.KeepAlive(subscription) // one that is collected needs no closing
	if err := <-ended; !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("the abandoned caller was told %v", err)
	}
}

func TestDrainMayBeCalledAtAnyTimeByAnyNumber(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, _ := openServer(t)
	var all sync.WaitGroup
	receipts := make(chan redisconn.Receipt, 10)
	for range 10 {
		all.Go(func() {
			receipt, err := client.Drain(t.Context())
			if err != nil {
				t.Error(err)
			}
			receipts <- receipt
		})
	}
	all.Wait()
	first := <-receipts
	for range 9 {
		if got := <-receipts; got != first {
			t.Errorf("receipts differ: %+v and %+v", first, got)
		}
	}
	if again, err := client.Drain(t.Context()); err != nil || again != first {
		t.Errorf("Drain once more: %+v, %v", again, err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// An ended context and a finished drain are both there to be chosen; chosen by
// lot, every other late caller heard of its context.
func TestTheReceiptIsThereAlsoForACallerWhoIsLate(t *testing.T) {
	client, _ := openServer(t)
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := client.Drain(gone); err != nil {
			t.Fatal(err)
		}
	}
}

// The drain used to run inside a sync.Once, so a second caller waited for the
// first one's deadline whatever its own was.
func TestALaterCallerOfDrainWaitsNoLongerThanItsOwnContext(t *testing.T) {
	client, server := openServer(t)
	ended := blocked(t, client)
	go func() { _, _ = client.Drain(context.Background()) }()
	eventually(t, "draining", func() bool { return client.State() == redisconn.StateDraining })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	within(t, 500*time.Millisecond, "the second Drain", func() {
		if _, err := client.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	server.Client().LPush(t.Context(), "empty", "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestDrainBeforeConnectClosesTheClientForGood(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, err := redisconn.New(configFor("127.0.0.1:1"), redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := client.Drain(t.Context())
	if err != nil || receipt.InFlight != 0 {
		t.Errorf("got %+v, %v", receipt, err)
	}
	if err := client.Connect(t.Context()); !errors.Is(err, redisconn.ErrClosed) || redisconn.ClassOf(err) != redisconn.ClassClosed {
		t.Errorf("Connect on a closed client: %v", err)
	}
}

func TestDrainDuringConnectEndsIt(t *testing.T) {
	redisconntest.NoLeaks(t)
	for name, addr := range map[string]string{
		"refused":     redisconntest.ReserveAddr(t),
		"unanswered":  redisconntest.NewUnanswered(t),
		"unreachable": redisconntest.NewUnreachable(t),
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, configFor(addr))
			connected := make(chan error, 1)
			go func() { connected <- client.Connect(t.Context()) }()
			eventually(t, "connecting", func() bool { return client.State() == redisconn.StateConnecting })
			within(t, 200*time.Millisecond, "Drain", func() {
				if _, err := client.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if err := <-connected; !errors.Is(err, redisconn.ErrDraining) && !errors.Is(err, redisconn.ErrClosed) {
				t.Errorf("Connect was told %v", err)
			}
			if got := client.State(); got != redisconn.StateClosed {
				t.Errorf("state %s, want closed", got)
			}
		})
	}
}

// A dialer that does not honour its context must not keep Drain, and what it
// opens after all must not stay open.
func TestADialerThatTakesItsTimeKeepsNobody(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	release, dialling := make(chan struct{}), make(chan struct{}, 1)
	client := newClient(t, configFor(server.Addr()), redisconn.WithDialer(func(_ context.Context, network, addr string) (net.Conn, error) {
		dialling <- struct{}{}
		<-release
		return net.Dial(network, addr)
	}))
	connected := make(chan error, 1)
	go func() { connected <- client.Connect(t.Context()) }()
	<-dialling
	within(t, 300*time.Millisecond, "Drain", func() {
		if _, err := client.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
	close(release)
	if err := <-connected; !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("Connect was told %v", err)
	}
	eventually(t, "the connection to be gone", func() bool { return server.ConnectedClients() == 0 })
}

func TestCallsThatWaitForConnectAreDrainedByIt(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	client := newClient(t, configFor(addr))
	connected := make(chan error, 1)
	go func() { connected <- client.Connect(t.Context()) }()
	eventually(t, "an attempt", func() bool { return attempts(client) > 0 })
	answer := make(chan error, 1)
	go func() { answer <- client.Set(t.Context(), "k", "v", 0).Err() }()
	eventually(t, "the SET", func() bool { return client.Stats().InFlight == 1 })
	drained := make(chan redisconn.Receipt, 1)
	go func() {
		receipt, _ := client.Drain(t.Context())
		drained <- receipt
	}()
	eventually(t, "draining", func() bool { return client.State() == redisconn.StateDraining })
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if err := <-answer; err != nil {
		t.Errorf("the SET: %v", err)
	}
	if receipt := <-drained; receipt.Drained != 1 {
		t.Errorf("receipt %+v", receipt)
	}
	if err := <-connected; !errors.Is(err, redisconn.ErrDraining) && !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("Connect was told %v", err)
	}
}

func TestCallsThatWaitForAnOutageToEndAreDrainedByItsEnd(t *testing.T) {
	client, server := openServer(t)
	server.Kill()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	answer := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	go func() { answer <- client.Set(ctx, "k", "v", 0).Err() }()
	eventually(t, "the SET", func() bool { return client.Stats().InFlight == 1 })
	drained := make(chan redisconn.Receipt, 1)
	go func() {
		receipt, _ := client.Drain(ctx)
		drained <- receipt
	}()
	eventually(t, "draining", func() bool { return client.State() == redisconn.StateDraining })
	server.Start()
	if err := <-answer; err != nil {
		t.Errorf("the SET: %v", err)
	}
	if receipt := <-drained; receipt.Drained != 1 || receipt.Abandoned != 0 {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestCallsThatWaitForAnOutageToEndAreSentAwayAtTheDeadline(t *testing.T) {
	client, server := openServer(t)
	server.Kill()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	answer := make(chan error, 1)
	go func() { answer <- client.Incr(context.Background(), "n").Err() }()
	eventually(t, "the INCR", func() bool { return client.Stats().InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Drain(ctx); !errors.Is(err, redisconn.ErrDrainIncomplete) {
		t.Errorf("got %v", err)
	}
	if err := <-answer; !errors.Is(err, redisconn.ErrClosed) || errors.Is(err, redisconn.ErrMaybeApplied) || !redisconn.SafeToRetry(err) {
		t.Errorf("the caller was told %v, want closed and not applied", err)
	}
}

func TestDrainMayBeCalledByWhoHearsOfAStateChange(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	client := newClient(t, configFor(server.Addr()))
	drained := make(chan error, 1)
	client.OnStateChange(func(change redisconn.StateChange) {
		if change.To == redisconn.StateReady {
			_, err := client.Drain(t.Context())
			drained <- err
		}
	})
	_ = client.Connect(t.Context()) // it may be told that the client is draining already
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := client.State(); got != redisconn.StateClosed {
		t.Errorf("state %s, want closed", got)
	}
}

func TestShutdownIsDrainAndNeverStopsTheServer(t *testing.T) {
	client, server := openServer(t)
	cmd := client.Shutdown(t.Context())
	if err := cmd.Err(); err != nil || !strings.HasPrefix(cmd.Val(), "0 in flight, 0 drained") {
		t.Errorf("got %q, %v", cmd.Val(), err)
	}
	if err := server.Client().Ping(t.Context()).Err(); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}

func TestCloseTakesNoLongerThanTimeoutsShutdown(t *testing.T) {
	client, _ := openServer(t, func(c *redisconn.Config) { c.Timeouts.Shutdown = 50 * time.Millisecond })
	ended := blocked(t, client)
	within(t, 250*time.Millisecond, "Close", func() {
		if err := client.Close(); !errors.Is(err, redisconn.ErrDrainIncomplete) {
			t.Errorf("got %v", err)
		}
	})
	<-ended
}

func TestTheFlightRecorderEndsWithTheReceipt(t *testing.T) {
	client, _ := openServer(t)
	receipt, _ := client.Drain(t.Context())
	history := client.History()
	if len(history) < 2 {
		t.Fatal(history)
	}
	drained, closed := history[len(history)-2], history[len(history)-1]
	if drained.Kind != redisconn.EventDrained || drained.Took != receipt.Took || drained.Detail != receipt.String() {
		t.Errorf("got %+v", drained)
	}
	if closed.Kind != redisconn.EventStateChange || closed.To != redisconn.StateClosed {
		t.Errorf("got %+v", closed)
	}
}

// pongConn calls a function when it has read the n-th PONG and before it hands it on.
type pongConn struct {
	net.Conn
	left int
	then func()
}

func (c *pongConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], []byte("PONG")) {
		if c.left--; c.left == 0 {
			c.then()
		}
	}
	return n, err
}

func TestAVerifiedConnectionThatComesTooLateIsClosed(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	var client *redisconn.Client
	client = newClient(t, configFor(server.Addr()), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &pongConn{Conn: conn, left: 2, then: func() {
			if _, err := client.Drain(context.Background()); err != nil {
				t.Error(err)
			}
		}}, err
	}))
	if err := client.Connect(t.Context()); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the connection to be gone", func() bool { return server.ConnectedClients() == 0 })
}
