package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestEveryFieldHasItsFlag(t *testing.T) {
	for _, f := range redisconn.Fields() {
		flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(f.Env, "REDIS_")), "_", "-")
		args := []string{"config", flag + "=\x00"} // no field takes it, so the problem says who was asked
		if o := invoke(t, args...).expect(t, exitUsage); !strings.Contains(o.stderr, f.Path) || !strings.Contains(o.stderr, "flag "+flag) {
			t.Errorf("%s: %s", flag, o.stderr)
		}
	}
}

func TestASwitchNeedsNoValue(t *testing.T) {
	for given, want := range map[string]string{"--tls": "true", "--tls=true": "true", "--tls=no": "false"} {
		o := invoke(t, "config", given).expect(t, exitOK)
		for line := range strings.Lines(o.stdout) {
			if cells := strings.Fields(line); cells[0] == "tls.enabled" && cells[1] != want {
				t.Errorf("%s: %s", given, line)
			}
		}
	}
}

func TestFlagsMayStandBeforeTheCommand(t *testing.T) {
	before := invoke(t, "--pool-size", "7", "config")
	after := invoke(t, "config", "--pool-size", "7")
	if before != after || before.code != exitOK || !strings.Contains(before.stdout, "flag --pool-size") {
		t.Errorf("%+v\n%+v", before, after)
	}
}

func TestACommandLineThatCannotBeUnderstoodSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		args string
		says []string
	}{
		{"chek", []string{"no such command", "did you mean check?", "redisconn --help"}},
		{"check --pool-siez 5", []string{"no flag --pool-siez", "did you mean --pool-size?", "redisconn check --help"}},
		{"check localhost", []string{"takes flags only", "--url"}},
		{"check --url", []string{"needs an argument", "--url"}},
		{"check -o yaml", []string{"--output is none of table, json"}},
		{"config -o yaml", []string{"--output is none of table, json, env"}},
		{"ping -o env", []string{"--output is none of table, json"}},
		{"check --wait 0s", []string{"--wait takes a time"}},
		{"check --wait 2h", []string{"--wait takes a time"}},
		{"check --wait soon", []string{"soon"}},
		{"ping -n 0", []string{"--count takes a number"}},
		{"ping --interval=-1s", []string{"--interval takes a time"}},
		{"check --password a --password-file b --password-stdin", []string{"--password and --password-file and --password-stdin give two passwords"}},
		{"help nothing", []string{"nothing"}},
	} {
		o := invoke(t, strings.Fields(c.args)...).expect(t, exitUsage)
		for _, text := range c.says {
			if !strings.Contains(o.stderr, text) || o.stdout != "" {
				t.Errorf("%s: no %q in\n%s%s", c.args, text, o.stdout, o.stderr)
			}
		}
	}
}

func TestAPasswordMayComeFromAFileOrStandardInput(t *testing.T) {
	server := passwordServer(t, "right")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		run  call
		args []string
	}{
		{call{stdin: "right\n"}, []string{"--password-stdin"}},
		{call{stdin: "right\r\n"}, []string{"--password-stdin"}},
		{call{stdin: "right"}, []string{"--password-stdin"}},
		{call{env: []string{"REDIS_PASSWORD=wrong"}, stdin: "right"}, []string{"--password-stdin"}},
		{call{}, []string{"--password-file", file}},
		{call{env: []string{"REDIS_PASSWORD=wrong"}}, []string{"--password-file", file}},
		{call{env: []string{"REDIS_PASSWORD=right"}}, nil},
	} {
		if o := c.run.run(t, append([]string{"check", "--addrs", server.Addr()}, c.args...)...).expect(t, exitOK); o.stderr != "" {
			t.Errorf("%v: %s", c.args, o.stderr)
		}
	}
}

func TestStandardInputIsReadWithinBounds(t *testing.T) {
	o := call{stdin: strings.Repeat("x", maxPassword+1)}.run(t, "config", "--password-stdin").expect(t, exitFailed)
	if !strings.Contains(o.stderr, "more than a password") {
		t.Error(o.stderr)
	}
	broken := call{setup: func(a *app) { a.stdin = iotest.ErrReader(errors.New("unplugged")) }}
	if o := broken.run(t, "config", "--password-stdin").expect(t, exitFailed); !strings.Contains(o.stderr, "unplugged") {
		t.Error(o.stderr)
	}
}

func TestAPasswordOnTheCommandLineIsWarnedAbout(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	for _, args := range [][]string{
		{"--addrs", addr, "--password", "hunter2"},
		{"--url", "redis://:hunter2@" + addr},
		{"--url", "redis://" + addr + "?password=hunter2"},
	} {
		o := invoke(t, append([]string{"check"}, args...)...).expect(t, exitFailed)
		if !strings.Contains(o.stderr, "every user of this machine can see") || !strings.Contains(o.stderr, "--password-stdin") {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
	if o := invoke(t, "check", "--addrs", addr, "--password-file", "/no/such/file"); o.stderr != "" {
		t.Errorf("a file: %s", o.stderr)
	}
}
