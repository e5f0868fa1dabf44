package redisconn_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// pingTogether makes so many callers call at the same time, each so often.
func pingTogether(t *testing.T, client *redisconn.Client, callers, each int) {
	t.Helper()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if err := client.Ping(context.Background()).Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// The first flight opened its connection, which took longer than a millisecond, and
// so the server counted as far away. Eight callers then went direct for as long as
// the client lived: no flight was there to show how near it was.
func TestASlowDialDoesNotMakeAServerFarAway(t *testing.T) {
	server := redisconntest.NewServer(t)
	var dialer net.Dialer
	cfg := configFor(server.Addr())
	cfg.Pool.Size = 20 // of which half may be in use where a server is far away
	client := openClient(t, cfg, redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return dialer.DialContext(ctx, network, addr)
	}))
	pingTogether(t, client, 3, 1) // two go direct, for one a flight opens a connection
	const callers, each = 8, 50
	redisconntest.Eventually(t, soon, "most of eight callers' commands take the lane", func() bool {
		before := client.Stats().Routes.Lane
		pingTogether(t, client, callers, each)
		return client.Stats().Routes.Lane-before > callers*each/2
	})
}

// Before the first flight nothing was known of the way, so the first calls to a
// server that is far away waited for each other's flights.
func TestTheFirstCallsToAServerFarAwayGoDirect(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Delay(20 * time.Millisecond)
	cfg := configFor(proxy.Addr())
	cfg.Pool.Size = 20
	client := openClient(t, cfg)
	pingTogether(t, client, 8, 1)
	if routes := client.Stats().Routes; routes.Lane != 0 {
		t.Errorf("%d commands took the lane", routes.Lane)
	}
}

// pausing is a connection that holds up the reply to one PING.
type pausing struct {
	net.Conn
	pings, which int
	pause        time.Duration
}

func (p *pausing) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("ping")) {
		p.pings++
	}
	return p.Conn.Write(b)
}

func (p *pausing) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.pings == p.which {
		p.which = 0
		<-time.After(p.pause)
	}
	return n, err
}

// On one processor some clients met a pause just then, took a server on the same
// machine for one that is far away, and kept few callers off the lane until health had
// sampled once more.
func TestOnePauseWhileConnectingDoesNotMakeAServerFarAway(t *testing.T) {
	server := redisconntest.NewServer(t)
	const pause = 200 * time.Millisecond
	var dialer net.Dialer
	client := openClient(t, configFor(server.Addr()), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		return &pausing{Conn: conn, which: 2, pause: pause}, err // the first is that of the handshake
	}))
	if got := client.LastHealth().Latency.Last; got >= pause {
		t.Errorf("the server seems to be %s away, which was a pause", got)
	}
}

func TestAPingTellsThatAServerIsNoFartherAwayThanThat(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{Pool: redisconn.PoolConfig{Size: 20}})
	choice.NoFarther(10 * time.Millisecond)
	if choice.Wanted(10) || !choice.Wanted(11) {
		t.Error("10 ms: want direct up to half of the pool")
	}
	choice.NoFarther(50 * time.Millisecond) // one that was held up proves nothing
	choice.NoFarther(100 * time.Microsecond)
	if !choice.Wanted(3) {
		t.Error("0.1 ms: want the lane from 3 on")
	}
	choice.NoFarther(10 * time.Millisecond)
	if !choice.Wanted(3) {
		t.Error("one slow PING made the server far away")
	}
}

func TestAFlightIsForHalfOfTheCallsInFlightWithinBounds(t *testing.T) {
	for inFlight, want := range map[int64]int{1: 16, 31: 16, 40: 20, 128: 64, 512: 256, 5000: 256} {
		if got := redisconn.Together(inFlight); got != want {
			t.Errorf("%d in flight: %d together, want %d", inFlight, got, want)
		}
	}
}
