package faults_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestConnectWaitsForAServerThatIsYetToAppear(t *testing.T) {
	for row, absent := range map[*faults.Row]time.Duration{rowAbsentBriefly: 500 * time.Millisecond, rowAbsent: 4 * time.Second} {
		t.Run(absent.String(), func(t *testing.T) {
			t.Parallel()
			connectAfter(t, row, absent)
		})
	}
}

func connectAfter(t *testing.T, row *faults.Row, absent time.Duration) {
	const patience = 250 * time.Millisecond
	bothSides(t, row,
		func(t *testing.T) string {
			addr := redisconntest.ReserveAddr(t)
			client := newPlain(t, &redis.Options{Addr: addr})
			began := time.Now()
			outcome := make(chan string, 1)
			go func() {
				verdict := "succeeds"
				if client.Ping(t.Context()).Err() != nil {
					verdict = "fails"
				}
				outcome <- fmt.Sprintf("%s after %s", verdict, brief(time.Since(began)))
			}()
			select {
			case text := <-outcome:
				return text
			case <-time.After(absent):
				redisconntest.NewServer(t, redisconntest.WithAddr(addr))
				return <-outcome
			}
		},
		func(t *testing.T) string {
			took := within(t, patience, "from the server's first answer, Connect", func() time.Duration {
				addr := redisconntest.ReserveAddr(t)
				client := newHere(t, addr, nil)
				connected := make(chan time.Time, 1)
				go func() {
					if err := client.Connect(t.Context()); err != nil {
						t.Errorf("Connect: %v", err)
					}
					connected <- time.Now()
				}()
				time.Sleep(absent) // the fault itself
				redisconntest.NewServer(t, redisconntest.WithAddr(addr))
				answered := time.Now()
				return (<-connected).Sub(answered)
			})
			return fmt.Sprintf("connected %s after", brief(max(took, 0)))
		})
}

func TestConnectToAnAbsentServerFailsWithItsContext(t *testing.T) {
	const budget, slack = time.Second, 100 * time.Millisecond
	bothSides(t, rowAbsentShort,
		func(t *testing.T) string {
			client := newPlain(t, &redis.Options{Addr: redisconntest.ReserveAddr(t)})
			began := time.Now()
			err := client.Ping(timeout(t, budget)).Err()
			return fmt.Sprintf("after %s: `%s`", brief(time.Since(began)), nameless(err))
		},
		func(t *testing.T) string {
			addr := redisconntest.ReserveAddr(t)
			client := newHere(t, addr, nil)
			var failed *redisconn.ConnectError
			took := within(t, budget+slack, "Connect", func() time.Duration {
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				defer cancel()
				began := time.Now()
				if err := client.Connect(ctx); !errors.As(err, &failed) || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Connect returns %v, want a ConnectError that is DeadlineExceeded", err)
				}
				return time.Since(began)
			})
			if failed.Class != redisconn.ClassRefused || failed.Attempts < 3 {
				t.Errorf("class %s after %d attempts, want %s after some", failed.Class, failed.Attempts, redisconn.ClassRefused)
			}
			for _, part := range []string{addr, "nothing listens", "attempts", failed.Class.Info().Next} {
				if !strings.Contains(failed.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, failed)
				}
			}
			return fmt.Sprintf("after %s and %d attempts", brief(took), failed.Attempts)
		})
}

// canary is the password of every test here. It must not come up in any error.
const canary = "s3cr3t-canary"

// refusal is a way in which a start can fail.
type refusal struct {
	row      *faults.Row
	class    redisconn.Class
	stage    redisconn.Stage
	budget   time.Duration // of the context; 0: none
	limit    time.Duration // that Connect must keep
	attempts int           // how many are expected; 0: as many as there is time for
	slow     bool          // go-redis takes five seconds or more

	server []redisconntest.ServerOption
	script func(t *testing.T) string // instead of a server: returns an address
	tls    bool
	cfg    func(*redisconn.Config)
	plain  func(*redis.Options)
}

func TestStartThatCannotSucceedSaysWhyInTime(t *testing.T) {
	ca, stranger := redisconntest.NewCA(t), redisconntest.NewCA(t)
	const retried, atOnce = time.Second + 100*time.Millisecond, time.Second
	password := redisconntest.WithPassword(canary)
	for name, r := range map[string]refusal{
		"wrong password": {row: rowWrongPassword, class: redisconn.ClassAuth, stage: redisconn.StageHandshake, limit: atOnce, attempts: 1,
			server: []redisconntest.ServerOption{redisconntest.WithPassword("another")},
			cfg:    func(cfg *redisconn.Config) { cfg.Connection.Password = canary },
			plain:  func(o *redis.Options) { o.Password = canary }},
		"no password": {row: rowNoPassword, class: redisconn.ClassAuth, stage: redisconn.StageHandshake, limit: atOnce, attempts: 1,
			server: []redisconntest.ServerOption{password},
			cfg:    func(cfg *redisconn.Config) { cfg.Connection.Password = "" },
			plain:  func(o *redis.Options) { o.Password = "" }},
		"no such database": {row: rowNoDatabase, class: redisconn.ClassDatabase, stage: redisconn.StageHandshake, limit: atOnce, attempts: 1,
			server: []redisconntest.ServerOption{password},
			cfg:    func(cfg *redisconn.Config) { cfg.Connection.DB = 99 },
			plain:  func(o *redis.Options) { o.DB = 99 }},
		"wrong authority": {row: rowWrongCA, class: redisconn.ClassTLS, stage: redisconn.StageTLS, limit: atOnce, attempts: 1, tls: true,
			server: []redisconntest.ServerOption{password, redisconntest.WithTLS(stranger)}},
		"expired": {row: rowExpired, class: redisconn.ClassTLS, stage: redisconn.StageTLS, limit: atOnce, attempts: 1, tls: true,
			server: []redisconntest.ServerOption{password, redisconntest.WithTLS(ca, redisconntest.CertExpired())}},
		"another host": {row: rowWrongName, class: redisconn.ClassTLS, stage: redisconn.StageTLS, limit: atOnce, attempts: 1, tls: true,
			server: []redisconntest.ServerOption{password, redisconntest.WithTLS(ca, redisconntest.CertHosts("cache.example"))}},
		"no client certificate": {row: rowNoClientCert, class: redisconn.ClassTLS, stage: redisconn.StageHandshake, limit: atOnce, attempts: 1, tls: true,
			server: []redisconntest.ServerOption{password, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth()}},
		"TLS to plaintext": {row: rowTLSToPlain, class: redisconn.ClassTLSMismatch, stage: redisconn.StageTLS, limit: 2 * time.Second, attempts: 1, tls: true, slow: true,
			server: []redisconntest.ServerOption{password}},
		"plaintext to TLS": {row: rowPlainToTLS, class: redisconn.ClassTLSMismatch, stage: redisconn.StageHandshake, limit: 2 * time.Second, attempts: 1,
			server: []redisconntest.ServerOption{password, redisconntest.WithTLS(ca)}},
		"web server": {row: rowHTTP, class: redisconn.ClassProtocol, stage: redisconn.StageHandshake, limit: atOnce, attempts: 1,
			script: func(t *testing.T) string { return redisconntest.NewScripted(t, redisconntest.HTTPAnswer).Addr() }},
		"refused": {row: rowRefused, class: redisconn.ClassRefused, stage: redisconn.StageDial, budget: time.Second, limit: retried,
			script: func(t *testing.T) string { return redisconntest.ReserveAddr(t) }},
		"unresolvable": {row: rowUnresolvable, class: redisconn.ClassDNS, stage: redisconn.StageResolve, budget: time.Second, limit: retried,
			script: func(*testing.T) string { return "no-such-host.invalid:6379" }},
		"silent": {row: rowSilent, class: redisconn.ClassTimeout, stage: redisconn.StageHandshake, budget: time.Second, limit: retried, slow: true,
			script: func(t *testing.T) string { return redisconntest.NewUnanswered(t) }},
		"black hole": {row: rowBlackHole, class: redisconn.ClassUnreachable, stage: redisconn.StageDial, budget: time.Second, limit: retried, slow: true,
			script: func(t *testing.T) string { return redisconntest.NewUnreachable(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := ""
			if r.script != nil {
				addr = r.script(t)
			} else {
				addr = redisconntest.NewServer(t, r.server...).Addr()
			}
			t.Run("go-redis", func(t *testing.T) {
				if r.slow {
					onlyForThePage(t)
				}
				r.row.Plain("%s", r.tryPlain(t, addr, ca))
			})
			t.Run("redisconn", func(t *testing.T) { r.row.Here("%s", r.tryHere(t, addr, ca)) })
		})
	}
}

// tryPlain sends a first PING, without a deadline where go-redis gives up by itself.
func (r refusal) tryPlain(t *testing.T, addr string, ca *redisconntest.CA) string {
	t.Helper()
	options := &redis.Options{Addr: addr, Password: canary}
	if r.tls {
		options.TLSConfig = ca.ClientConfig()
	}
	if r.plain != nil {
		r.plain(options)
	}
	client := newPlain(t, options)
	began := time.Now()
	err := client.Ping(context.Background()).Err()
	if err == nil {
		t.Error("PING succeeds")
	}
	return fmt.Sprintf("%s: `%s`", brief(time.Since(began)), nameless(err))
}

func (r refusal) tryHere(t *testing.T, addr string, ca *redisconntest.CA) string {
	t.Helper()
	var failed *redisconn.ConnectError
	took := within(t, r.limit, "Connect", func() time.Duration {
		client := newHere(t, addr, func(cfg *redisconn.Config) {
			cfg.Connection.Password = canary
			if r.tls {
				cfg.TLS.Enabled, cfg.TLS.CAFile = true, ca.CAFile()
			}
			if r.cfg != nil {
				r.cfg(cfg)
			}
		})
		ctx := t.Context()
		if r.budget > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, r.budget)
			defer cancel()
		}
		began := time.Now()
		if err := client.Connect(ctx); !errors.As(err, &failed) {
			t.Fatalf("Connect returns %v, want a ConnectError", err)
		}
		return time.Since(began)
	})
	text := failed.Error()
	if failed.Class != r.class || failed.Stage != r.stage {
		t.Errorf("class %s at stage %s, want %s at %s: %v", failed.Class, failed.Stage, r.class, r.stage, failed)
	}
	if r.attempts > 0 && failed.Attempts != r.attempts {
		t.Errorf("%d attempts, want %d: %v", failed.Attempts, r.attempts, failed)
	}
	for _, part := range []string{addr, r.class.Info().Next, r.class.Info().Causes} {
		if !strings.Contains(text, part) {
			t.Errorf("the error does not say %q: %s", part, text)
		}
	}
	if strings.Contains(text, canary) || strings.ContainsAny(text, "\r\n\x00") {
		t.Errorf("the error tells a secret or breaks the line: %q", text)
	}
	attempts := "1 attempt"
	if failed.Attempts > 1 {
		attempts = fmt.Sprintf("%d attempts", failed.Attempts)
	}
	return fmt.Sprintf("%s, %s: %s at %s", brief(took), attempts, failed.Class, failed.Stage)
}
