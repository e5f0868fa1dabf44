package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/redisconntest"
)

// canary is a password that no output may hold, whole or percent-escaped.
const canary = "cAnaRy%2F7x"

func TestNoOutputHoldsThePassword(t *testing.T) {
	const password = "cAnaRy/7x"
	server := passwordServer(t, password)
	other := passwordServer(t, "another")
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(broken, []byte(password+"\n"+password), 0o600); err != nil {
		t.Fatal(err)
	}

	inEnv := call{env: []string{"REDIS_PASSWORD=" + password}}
	inURL := call{env: []string{"REDIS_URL=redis://:" + canary + "@" + server.Addr()}}
	onStdin := call{stdin: password}
	ways := []struct {
		run  call
		args []string
	}{
		{inEnv, []string{"--addrs", server.Addr()}},
		{inEnv, []string{"--addrs", other.Addr()}},
		{inEnv, []string{"--addrs", proxy.Addr()}},
		{inURL, nil},
		{inURL, []string{"--pool-size", "0"}},
		{onStdin, []string{"--password-stdin", "--addrs", server.Addr()}},
		{call{stdin: password + "\n" + password}, []string{"--password-stdin"}},
		{call{}, []string{"--addrs", server.Addr(), "--password", password}},
		{call{}, []string{"--url", "redis://:" + canary + "@" + server.Addr()}},
		{call{}, []string{"--url", "redis://" + canary + "@" + server.Addr()}},
		{call{}, []string{"--url", "redis://:" + password + "@" + server.Addr()}},
		{call{}, []string{"--url", "redis:/:" + canary + "@" + server.Addr()}},
		{call{}, []string{"--url", "redis://" + server.Addr() + "?password=" + canary}},
		{call{}, []string{"--url", "redis://" + server.Addr() + "?pasword=" + canary}},
		{call{}, []string{"--addrs", server.Addr(), "--password-file", file}},
		{call{}, []string{"--addrs", server.Addr(), "--password-file", broken}},
		{call{}, []string{"--pasword=" + password}},
		{call{}, []string{"--pasword", password}},
		{call{}, []string{"redis://:" + canary + "@" + server.Addr()}},
	}
	commands := [][]string{
		{"doctor"}, {"doctor", "-o", "short"}, {"doctor", "-o", "json"}, {"doctor", "--offline"}, {"check"}, {"check", "-o", "json"},
		{"config"}, {"config", "-o", "json"}, {"config", "-o", "env"},
		{"ping", "-n", "2", "--interval", "0s"}, {"ping", "-n", "2", "--interval", "0s", "-o", "json"}, {"watch", "--once", "--interval", "100ms"}, {"demo"}, {},
	}
	for _, way := range ways {
		for _, command := range commands {
			args := append(append([]string{}, command...), way.args...)
			o := way.run.run(t, args...)
			if said := strings.ToLower(o.stdout + o.stderr); strings.Contains(said, "canary") {
				t.Errorf("%v says\n%s%s", args, o.stdout, o.stderr)
			}
		}
	}
}
