package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

// clean fails the test unless every call of the ledger succeeded and was executed once.
func clean(t *testing.T, verdict redisconntest.Audit, seen *outcomes) {
	t.Helper()
	if seen.failed.Load() > 0 || len(verdict.Twice) > 0 || len(verdict.Lost) > 0 {
		t.Errorf("%d of %d calls failed (first that is not maybe: %v); %v", seen.failed.Load(), seen.calls.Load(), seen.firstPlain(), verdict)
	}
}

func tally(verdict redisconntest.Audit, seen *outcomes) string {
	return fmt.Sprintf("%d of %d failed, %d twice", seen.failed.Load(), seen.calls.Load(), len(verdict.Twice))
}

func TestCallsThatWereNeverSentAreSentAgainWhateverTheirEffect(t *testing.T) {
	const calls = 20
	scenario := func(t *testing.T, dial dialer) (redisconntest.Audit, *outcomes) {
		server := redisconntest.NewServer(t)
		proxy := redisconntest.NewProxy(t, server.Addr())
		client := dial(t, proxy.Addr(), calls)
		ledger := redisconntest.NewLedger("h")
		var seen outcomes

		proxy.DropRequest(redisconntest.Command("hello"), 2*calls) // lost in the handshake, on both first attempts
		crowd(calls, func(worker int) { seen.note(ledger.Do(t.Context(), client, worker)) })

		proxy.Refuse() // lost in the dial
		timer := time.AfterFunc(300*time.Millisecond, proxy.Accept)
		defer timer.Stop()
		crowd(calls, func(worker int) { seen.note(ledger.Do(t.Context(), client, worker)) })
		settled(t, proxy)
		return audit(t, ledger, server), &seen
	}
	bothSides(t, rowUnsent,
		func(t *testing.T) string {
			return tally(scenario(t, dialPlain))
		},
		func(t *testing.T) string {
			verdict, seen := scenario(t, dialHere)
			clean(t, verdict, seen)
			return tally(verdict, seen)
		})
}

// Under TLS the driver does not look at an idle connection before it uses it:
// INCR was written into connections that the server had closed long ago, and
// its callers were told maybe.
func TestIdleConnectionsThatWereCutCostNoCall(t *testing.T) {
	const calls = 20
	ca := redisconntest.NewCA(t)
	scenario := func(t *testing.T, proxy *redisconntest.Proxy, server *redisconntest.Server, client redis.UniversalClient) (redisconntest.Audit, *outcomes) {
		ledger := redisconntest.NewLedger("h")
		var seen outcomes
		for _, ending := range []redisconntest.Ending{redisconntest.Reset, redisconntest.Finish} {
			proxy.CutWith(ending)
			proxy.Delay(5 * time.Millisecond) // so that each call takes a connection of its own
			crowd(calls, func(worker int) { seen.note(ledger.Do(t.Context(), client, worker)) })
			proxy.Delay(0)
			proxy.CutAll()
			redisconntest.Eventually(t, time.Second, "all links are cut", func() bool { return proxy.Links() == 0 })
			crowd(calls, func(worker int) { seen.note(ledger.Do(t.Context(), client, worker)) })
		}
		settled(t, proxy)
		return audit(t, ledger, server), &seen
	}
	for _, link := range []struct {
		name  string
		row   *faults.Row
		proxy []redisconntest.ProxyOption
		tls   bool
	}{
		{"plaintext", rowDeadIdle, nil, false},
		{"TLS", rowDeadIdleTLS, []redisconntest.ProxyOption{redisconntest.ProxyTLS(ca)}, true},
	} {
		t.Run(link.name, func(t *testing.T) {
			bothSides(t, link.row,
				func(t *testing.T) string {
					server := redisconntest.NewServer(t)
					proxy := redisconntest.NewProxy(t, server.Addr(), link.proxy...)
					options := &redis.Options{Addr: proxy.Addr(), PoolSize: calls}
					if link.tls {
						options.TLSConfig = ca.ClientConfig()
					}
					return tally(scenario(t, proxy, server, newPlain(t, options)))
				},
				func(t *testing.T) string {
					server := redisconntest.NewServer(t)
					proxy := redisconntest.NewProxy(t, server.Addr(), link.proxy...)
					client := open(t, proxy.Addr(), func(cfg *redisconn.Config) {
						cfg.Pool.Size = calls
						if link.tls {
							cfg.TLS.Enabled, cfg.TLS.CAFile = true, ca.CAFile()
						}
					})
					verdict, seen := scenario(t, proxy, server, client)
					clean(t, verdict, seen)
					return tally(verdict, seen)
				})
		})
	}
}
