package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestCheckGolden(t *testing.T) {
	refusing := redisconntest.ReserveAddr(t)
	guarded := passwordServer(t, "right")
	for _, c := range []struct {
		name string
		args []string
		env  []string
		code int
	}{
		{"embedded", []string{"--url", "embedded://"}, nil, exitOK},
		{"refused", []string{"--addrs", refusing}, nil, exitFailed},
		{"password", []string{"--addrs", guarded.Addr()}, []string{"REDIS_PASSWORD=wrong", "REDIS_PASWORD=misspelt", "REDIS_READ_TIMEOUT=4s"}, exitFailed},
		{"configuration", []string{"--pool-size", "0", "--retry-effect", "idempotant"}, nil, exitUsage},
		{"files", []string{"--tls", "--tls-ca-file", "/no/such/ca.pem"}, nil, exitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := call{env: c.env}
			table := run.run(t, append([]string{"check"}, c.args...)...).expect(t, c.code)
			golden.Check(t, "check-"+c.name+".golden", anyPort(table.stdout))
			document := run.run(t, append([]string{"check", "-o", "json"}, c.args...)...).expect(t, c.code)
			golden.Check(t, "check-"+c.name+".golden.json", anyPort(document.stdout))
			if table.stderr != "" || document.stderr != "" {
				t.Errorf("on standard error: %q, %q", table.stderr, document.stderr)
			}
		})
	}
}

// checked runs check -o json and returns what it says.
func checked(t *testing.T, run call, args ...string) (verdictDocument, outcome) {
	t.Helper()
	o := run.run(t, append([]string{"check", "-o", "json"}, args...)...)
	var document verdictDocument
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil {
		t.Fatalf("%v\n%s%s", err, o.stdout, o.stderr)
	}
	return document, o
}

func TestCheckProvesEveryStageOfARealServer(t *testing.T) {
	redisconntest.NoLeaks(t)
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithUser("app", "secret"))
	url := "rediss://" + strings.Replace(server.Addr(), "127.0.0.1", "localhost", 1) + "/3"
	verdict, o := checked(t, call{stdin: "secret\n"}, "--url", url, "--username", "app", "--tls-ca-file", ca.CAFile(), "--password-stdin")
	o.expect(t, exitOK)
	if !verdict.Success || verdict.Attempts != 0 || len(verdict.Stages) != len(redisconn.Stages())-1 { // there are no sentinels
		t.Errorf("%+v", verdict)
	}
	for i, said := range []string{"valid", "localhost resolves to", "tcp connection", "TLS 1.3 with a verified certificate", "accepts user app on RESP3, database 3", "master", "PING answered"} {
		if s := verdict.Stages[i]; s.Result != "pass" || !strings.Contains(s.Detail, said) || s.Took == 0 {
			t.Errorf("%+v, want %q", s, said)
		}
	}
}

func TestCheckOfASentinelDeployment(t *testing.T) {
	s := redisconntest.NewSentinel(t, redisconntest.WithData(redisconntest.WithPassword("data")), redisconntest.WithSentinels(3, redisconntest.WithPassword("watch")))
	url := "redis+sentinel://" + strings.Join(s.SentinelAddrs(), ",") + "/mymaster/0"
	env := call{env: []string{"REDIS_PASSWORD=data", "REDIS_SENTINEL_PASSWORD=watch"}}
	verdict, o := checked(t, env, "--url", url)
	o.expect(t, exitOK)
	if len(verdict.Stages) != len(redisconn.Stages()) || !strings.Contains(verdict.Target, "mymaster (sentinels ") {
		t.Errorf("%+v", verdict)
	}
	if found := verdict.Stages[1]; found.Stage != redisconn.StageDiscover || found.Result != "pass" || !strings.Contains(found.Detail, "3 of 3 sentinels name "+s.Master().Addr()) {
		t.Errorf("%+v", found)
	}
	if resolve := verdict.Stages[2]; resolve.Result != "skip" || !strings.Contains(resolve.Detail, "the sentinels name an address") {
		t.Errorf("%+v", resolve)
	}

	verdict, o = checked(t, env, "--url", strings.Replace(url, "mymaster", "other", 1))
	o.expect(t, exitFailed)
	if broken := verdict.Stages[1]; verdict.Class != redisconn.ClassNoMaster || broken.Result != "fail" || !strings.Contains(broken.Detail, s.SentinelAddrs()[2]+" knows no master of that name") {
		t.Errorf("%+v", verdict)
	}
	if o := invoke(t, "config", "--url", url, "--sentinel-password", canary).expect(t, exitOK); !strings.Contains(o.stdout, "sentinel.master") || strings.Contains(o.stdout+o.stderr, canary) {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

func TestDataNodesAndSentinelsHaveAPasswordEach(t *testing.T) {
	args := []string{"config", "--url", "redis+sentinel://s1,s2/mymaster", "--password-file", "/run/data", "--sentinel-password-file", "/run/watch"}
	invoke(t, args...).expect(t, exitOK)
	if o := invoke(t, append(args, "--sentinel-password", "x")...).expect(t, exitUsage); !strings.Contains(o.stderr, "give two passwords") {
		t.Error(o.stderr)
	}
}

func TestCheckWaitsForAServerThatComesLate(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	waiting := make(chan struct{})
	told := &signalWriter{prefix: "waiting for " + addr + ": nothing listens", seen: waiting}
	ended := make(chan outcome)
	go func() {
		watched := call{setup: func(a *app) { a.stderr = newConsole(told, nil) }}
		ended <- watched.run(t, "check", "--addrs", addr, "--wait", "30s")
	}()
	<-waiting
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if o := (<-ended).expect(t, exitOK); !strings.Contains(o.stdout, "√ connected: 5 proved") {
		t.Error(o.stdout)
	}
}

// signalWriter closes a channel when a line with a prefix is written.
type signalWriter struct {
	prefix string
	seen   chan struct{}
}

func (w *signalWriter) Write(p []byte) (int, error) {
	if w.seen != nil && strings.HasPrefix(string(p), w.prefix) {
		close(w.seen)
		w.seen = nil
	}
	return len(p), nil
}

// A stage is told when it holds for the first time, so what an attempt proved
// that failed later counts for the one that succeeded.
func TestCheckKeepsWhatEarlierAttemptsProved(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Any, 2, redisconntest.Loading)
	o := invoke(t, "check", "--addrs", proxy.Addr(), "--wait", "30s").expect(t, exitOK)
	if !strings.Contains(o.stdout, "√ connected: 5 proved") || strings.Contains(o.stdout, "not checked") || !strings.Contains(o.stderr, "still loading") {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

func TestCheckGivesUpAtTheEndOfTheWait(t *testing.T) {
	began := time.Now()
	o := invoke(t, "check", "--addrs", redisconntest.ReserveAddr(t), "--wait", "600ms").expect(t, exitDeadline)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if !strings.Contains(o.stdout, "dial still fails [refused] after") || strings.Count(o.stderr, "waiting for") != 1 {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

func TestCheckDoesNotWaitForWhatCannotPass(t *testing.T) {
	server := passwordServer(t, "right")
	began := time.Now()
	verdict, o := checked(t, call{env: []string{"REDIS_PASSWORD=wrong"}}, "--addrs", server.Addr(), "--wait", "1m")
	o.expect(t, exitFailed)
	if took := time.Since(began); verdict.Class != redisconn.ClassAuth || took > 20*time.Second {
		t.Errorf("%s after %s", verdict.Class, took)
	}
}
