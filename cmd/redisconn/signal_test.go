//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

// process is the command as a process of its own.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = []string{asCommandEnv + "=1", "GOCOVERDIR=" + t.TempDir()} // a test binary with coverage asks for one
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = 10 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has ended, unless the test failed
	return p
}

// end waits for the process and returns its exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	timeout := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timeout.Stop()
	_ = p.cmd.Wait() // the exit code says all
	return p.cmd.ProcessState.ExitCode()
}

func TestCtrlCEndsPingWithItsSummary(t *testing.T) {
	server := redisconntest.NewServer(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		before := server.CommandCalls("ping")
		p := start(t, "ping", "--addrs", server.Addr(), "-n", "100000", "--interval", "10ms")
		redisconntest.Eventually(t, 10*time.Second, "a few pings", func() bool { return server.CommandCalls("ping") > before+10 })
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if code := p.end(t); code != exitInterrupted || !strings.Contains(p.stdout.String(), "pings, 0 failed") || p.stderr.Len() > 0 {
			t.Errorf("%v: exit code %d\n%s%s", sig, code, &p.stdout, &p.stderr)
		}
	}
}

func TestCtrlCEndsAWait(t *testing.T) {
	silent := redisconntest.NewScripted(t, redisconntest.Silence)
	p := start(t, "check", "--wait", "1m", "--addrs", silent.Addr())
	redisconntest.Eventually(t, 10*time.Second, "a connection", func() bool { return silent.Accepted() > 0 })
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != exitInterrupted || !strings.Contains(p.stderr.String(), "interrupted") {
		t.Errorf("exit code %d\n%s%s", code, &p.stdout, &p.stderr)
	}
}

func TestTheEndOfAWaitIsExitCode3(t *testing.T) {
	p := start(t, "check", "--wait", "300ms", "--addrs", redisconntest.ReserveAddr(t))
	if code := p.end(t); code != exitDeadline {
		t.Errorf("exit code %d\n%s%s", code, &p.stdout, &p.stderr)
	}
}
