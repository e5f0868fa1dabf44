package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestPingGolden(t *testing.T) {
	args := []string{"ping", "--url", "embedded://", "-n", "5", "--interval", "0s"}
	o := invoke(t, args...).expect(t, exitOK)
	golden.Check(t, "ping.golden", o.stdout)
	if o.stderr != "" {
		t.Errorf("on standard error: %q", o.stderr)
	}
	golden.Check(t, "ping.golden.json", invoke(t, append(args, "-o", "json")...).expect(t, exitOK).stdout)
}

func TestThePingSummaryGolden(t *testing.T) {
	s := &pings{target: "cache.internal:6379", server: "redis 7.0.15", took: 21 * time.Second, failed: 3,
		failures: map[redisconn.Class]int{redisconn.ClassTimeout: 2, redisconn.ClassLost: 1}}
	for i := range 97 {
		s.answered = append(s.answered, time.Duration(50+i*i)*time.Microsecond)
	}
	var out bytes.Buffer
	a := newApp(nil, nil, &out, nil)
	a.printPings(s)
	golden.Check(t, "ping-summary.golden", out.String())
	out.Reset()
	if err := a.stdout.json(s.document()); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "ping-summary.golden.json", out.String())
}

func TestWhereNobodyWatchesTheNumberOfPingsIsBounded(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	o := invoke(t, "ping", "--addrs", server.Addr(), "--interval", "0s", "-o", "json").expect(t, exitOK)
	var document pingsDocument
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil || document.Sent != pingsUnattended || document.Latency.Max <= 0 {
		t.Errorf("%v: %s", err, o.stdout)
	}
}

func TestAPingThatFailsIsCountedByItsClass(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	stopper := &signalWriter{prefix: "\r\x1b[K2 pings", seen: make(chan struct{})}
	go func(seen chan struct{}) {
		<-seen
		proxy.Blackhole()
	}(stopper.seen)
	watched := call{setup: func(a *app) { a.stderr = &console{w: stopper, terminal: true} }}
	o := watched.run(t, "ping", "--addrs", proxy.Addr(), "-n", "4", "--interval", "150ms", "--operation-timeout", "300ms", "--health-fail-after", "1000").expect(t, exitFailed)
	if !strings.Contains(o.stdout, "4 pings, 2 failed") || !strings.Contains(o.stdout, "× 2: no answer came in time") {
		t.Error(o.stdout)
	}
}

func TestPingSaysWhyItCannotConnect(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--addrs", redisconntest.ReserveAddr(t)}, exitFailed, "× dial: nothing listens at the address"},
		{[]string{"--tls", "--tls-ca-file", "/no/such/ca.pem"}, exitUsage, "× tls.ca_file = /no/such/ca.pem"},
		{[]string{"--pool-size", "0"}, exitUsage, "× pool.size = 0"},
	} {
		o := invoke(t, append([]string{"ping"}, c.args...)...).expect(t, c.code)
		if !strings.Contains(o.stderr, c.says) || o.stdout != "" {
			t.Errorf("%v: %s%s", c.args, o.stdout, o.stderr)
		}
	}
}
