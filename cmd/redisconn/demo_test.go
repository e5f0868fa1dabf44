package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

// What depends on how fast the callers of the last step were.
var (
	inFlight = regexp.MustCompile(`\d+ in flight, \d+ drained`)
	calls    = regexp.MustCompile(`(?m)^(   (acknowledged|counted)\s+)\d+`)
)

func TestDemoGolden(t *testing.T) {
	redisconntest.NoLeaks(t)
	began := time.Now()
	o := invoke(t, "demo", "--pool-size", "20").expect(t, exitOK)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	text := inFlight.ReplaceAllString(o.stdout, "50 in flight, 50 drained")
	golden.Check(t, "demo.golden", calls.ReplaceAllString(text, "${1}200"))
}

func TestTheDemoLeavesNothingOnARealServer(t *testing.T) {
	redisconntest.NoLeaks(t)
	ca := redisconntest.NewCA(t)
	for name, server := range map[string]*redisconntest.Server{
		"tcp":  redisconntest.NewServer(t, redisconntest.WithPassword("right")),
		"unix": redisconntest.NewServer(t, redisconntest.WithPassword("right"), redisconntest.WithUnixSocket()),
		"tls":  redisconntest.NewServer(t, redisconntest.WithPassword("right"), redisconntest.WithTLS(ca)),
	} {
		args := []string{"demo", "--addrs", server.Addr()}
		switch name {
		case "tcp":
			args = []string{"demo", "--url", "redis://" + server.Addr() + "/0"}
		case "tls":
			args = append(args, "--tls", "--tls-ca-file", ca.CAFile())
		}
		o := call{env: []string{"REDIS_PASSWORD=right"}}.run(t, args...).expect(t, exitOK)
		if !strings.Contains(o.stdout, "applied: maybe") || !strings.Contains(o.stdout, "0 abandoned") {
			t.Errorf("%s: %s", name, o.stdout)
		}
		if left, err := server.Client().Keys(t.Context(), "*").Result(); err != nil || len(left) > 0 {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
}

func TestTheDemoDoesNotTouchTheRedisOfTheEnvironment(t *testing.T) {
	server := redisconntest.NewServer(t)
	call{env: []string{"REDIS_URL=redis://" + server.Addr()}}.run(t, "demo").expect(t, exitOK)
	if n := server.CommandCalls("incr"); n != 0 {
		t.Errorf("%d INCR on a server that nobody named", n)
	}
}

func TestTheDemoSaysWhyItCannotConnect(t *testing.T) {
	o := invoke(t, "demo", "--addrs", redisconntest.ReserveAddr(t)).expect(t, exitFailed)
	if !strings.Contains(o.stdout, "× dial: nothing listens at the address") || strings.Contains(o.stdout, "Done in") {
		t.Error(o.stdout)
	}
	o = invoke(t, "demo", "--pool-size", "0").expect(t, exitUsage)
	if !strings.Contains(o.stderr, "× pool.size = 0") {
		t.Error(o.stderr)
	}
}
