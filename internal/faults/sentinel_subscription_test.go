package faults_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// publishInterval is how often a message is published.
const publishInterval = 20 * time.Millisecond

// reception is what a subscriber got of what a publisher, both with clients of
// the same kind, published across a failover.
type reception struct {
	missed  int           // messages that were published with success and not received
	gap     time.Duration // the longest time between two of them
	resumed bool          // messages came again
}

func (r reception) String() string {
	if !r.resumed {
		return fmt.Sprintf("nothing received for the %s watched, %d messages missed", brief(r.gap), r.missed)
	}
	return fmt.Sprintf("%s without a message, %d missed", brief(r.gap), r.missed)
}

// acrossFailover subscribes, publishes 50 messages a second, lets the master
// fall, and watches for so long or until messages come from its successor.
func acrossFailover(t *testing.T, publisher, subscriber redis.UniversalClient, watched time.Duration, fall func()) reception {
	t.Helper()
	messages := subscriber.Subscribe(t.Context(), "news")
	if _, err := messages.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	var published, received sync.Map
	var gap longest
	var last atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; !over.Load(); n++ {
			if publisher.Publish(t.Context(), "news", strconv.Itoa(n)).Err() == nil {
				published.Store(strconv.Itoa(n), true)
			}
			time.Sleep(publishInterval)
		}
	})
	go func() {
		for m := range messages.Channel() {
			received.Store(m.Payload, true)
			now := time.Now().UnixNano()
			if before := last.Swap(now); before > 0 {
				gap.note(time.Duration(now - before))
			}
		}
	}()
	redisconntest.Eventually(t, 5*time.Second, "messages come", func() bool { return last.Load() > 0 })
	fallen := time.Now()
	fall()
	switched := time.Now().UnixNano() // what came before may be from the old master
	var r reception
	for time.Since(fallen) < watched && !r.resumed {
		time.Sleep(publishInterval)
		r.resumed = last.Load() > switched
	}
	time.Sleep(5 * publishInterval) // some more from the successor
	over.Store(true)
	all.Wait()
	time.Sleep(5 * publishInterval) // the last ones are on their way
	if err := messages.Close(); err != nil {
		t.Errorf("closing the subscription: %v", err)
	}
	published.Range(func(key, _ any) bool {
		if _, ok := received.Load(key); !ok {
			r.missed++
		}
		return true
	})
	if r.gap = gap.get(); !r.resumed {
		r.gap = time.Since(fallen)
	}
	return r
}

// gapsTold are the gaps that a client told of.
func gapsTold(client *redisconn.Client) (n int) {
	for _, e := range client.History() {
		if e.Kind == redisconn.EventGap && e.Took > 0 {
			n++
		}
	}
	return n
}

func TestSubscriptionsFollowTheMaster(t *testing.T) {
	amongOthers(t)
	for _, c := range []struct {
		name    string
		limit   time.Duration // of the gap
		watched time.Duration // of go-redis
		fall    func(*redisconntest.Sentinel)
	}{
		{"planned", 2 * time.Second, 12 * time.Second, func(s *redisconntest.Sentinel) { s.Failover() }},
		{"stopped", 8 * time.Second, 25 * time.Second, func(s *redisconntest.Sentinel) { s.AwaitSwitch(s.PauseMaster()) }},
		{"killed", 8 * time.Second, 12 * time.Second, func(s *redisconntest.Sentinel) { s.AwaitSwitch(s.KillMaster()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bothSides(t, rowsSentinelGap[c.name],
				func(t *testing.T) string {
					onlyForThePage(t)
					s := redisconntest.NewSentinel(t)
					return acrossFailover(t, sentinelPlain(t, s), sentinelPlain(t, s), c.watched, func() { c.fall(s) }).String()
				},
				func(t *testing.T) string {
					var r reception
					within(t, c.limit, "the time without a message", func() time.Duration {
						s := redisconntest.NewSentinel(t)
						subscriber := openSentinel(t, s, nil)
						r = acrossFailover(t, openSentinel(t, s, nil), subscriber, 20*time.Second, func() { c.fall(s) })
						if told := gapsTold(subscriber); told != 1 {
							t.Errorf("%d gaps were told of, want one", told)
						}
						return r.gap
					})
					return r.String() + ", told by an event"
				})
		})
	}
}
