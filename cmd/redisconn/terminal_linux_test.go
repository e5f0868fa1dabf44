package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/term"

	"github.com/redisconn/redisconn/redisconntest"
)

// pseudoterminal is a terminal whose user is the test: see pty(7).
type pseudoterminal struct {
	user, program *os.File
	shown         lockedBuffer
}

func newPseudoterminal(t *testing.T, columns, rows int) *pseudoterminal {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	var unlocked, number int32
	control(t, user, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(t, user, syscall.TIOCGPTN, unsafe.Pointer(&number))
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	p := &pseudoterminal{user: user, program: program}
	p.resize(t, columns, rows)
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := user.Read(buf)
			if err != nil {
				return // closed by the cleanup
			}
			_, _ = p.shown.Write(buf[:n])
		}
	}()
	return p
}

func control(t *testing.T, file *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatalf("ioctl %#x: %v", request, errno)
	}
}

func (p *pseudoterminal) resize(t *testing.T, columns, rows int) {
	t.Helper()
	size := [4]uint16{uint16(rows), uint16(columns)}
	control(t, p.user, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// eventually waits until all of it was shown since the last call.
func (p *pseudoterminal) eventually(t *testing.T, all ...string) string {
	t.Helper()
	shown := ""
	redisconntest.Eventually(t, 20*time.Second, "a terminal with "+strings.Join(all, " and "), func() bool {
		shown += p.shown.take()
		for _, text := range all {
			if !strings.Contains(shown, text) {
				return false
			}
		}
		return true
	})
	return shown
}

func TestWatchGivesTheTerminalBackHoweverItEnds(t *testing.T) {
	server := redisconntest.NewServer(t)
	key := func(k string) func(*pseudoterminal, *process) error {
		return func(p *pseudoterminal, _ *process) error { _, err := p.user.WriteString(k); return err }
	}
	signal := func(s syscall.Signal) func(*pseudoterminal, *process) error {
		return func(_ *pseudoterminal, p *process) error { return p.cmd.Process.Signal(s) }
	}
	for name, c := range map[string]struct {
		quit func(*pseudoterminal, *process) error
		code int
	}{
		"q": {key("q"), exitOK}, "Ctrl-C": {key("\x03"), exitInterrupted}, "Ctrl-D": {key("\x04"), exitInterrupted},
		"SIGINT": {signal(syscall.SIGINT), exitInterrupted}, "SIGTERM": {signal(syscall.SIGTERM), exitInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			tty := newPseudoterminal(t, 80, 24)
			before, err := term.GetState(int(tty.program.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			p := &process{cmd: exec.Command(os.Args[0], "watch", "--addrs", server.Addr())}
			p.cmd.Env = []string{asCommandEnv + "=1", "GOCOVERDIR=" + t.TempDir()}
			p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty.program, tty.program, &p.stderr
			if err := p.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has ended, unless the test failed
			tty.eventually(t, enterScreen, "● ready", "\x1b[32m")
			if during, err := term.GetState(int(tty.program.Fd())); err != nil || *during == *before {
				t.Errorf("the terminal does not hand over single keys: %v", err)
			}
			tty.resize(t, 40, 12)
			tty.eventually(t, clearScreen, "…")
			if err := c.quit(tty, p); err != nil {
				t.Fatal(err)
			}
			if code := p.end(t); code != c.code || p.stderr.Len() > 0 {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, &p.stderr)
			}
			if shown := tty.eventually(t, leaveScreen); !strings.HasSuffix(shown, leaveScreen) {
				t.Errorf("something comes after the end: %q", shown)
			}
			if after, err := term.GetState(int(tty.program.Fd())); err != nil || *after != *before {
				t.Errorf("the terminal is not what it was: %v", err)
			}
		})
	}
}

// See https://no-color.org: set and not empty means none.
func TestColoursAreForTerminalsWhoseUserDidNotDeclineThem(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	for name, c := range map[string]struct {
		env      []string
		coloured bool
	}{
		"nothing said":   {nil, true},
		"NO_COLOR=1":     {[]string{"NO_COLOR=1"}, false},
		"NO_COLOR empty": {[]string{"NO_COLOR="}, true},
		"TERM=dumb":      {[]string{"TERM=dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tty := newPseudoterminal(t, 80, 24)
			p := &process{cmd: exec.Command(os.Args[0], "check", "--addrs", addr)}
			p.cmd.Env = append(c.env, asCommandEnv+"=1", "GOCOVERDIR="+t.TempDir())
			p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty.program, tty.program, tty.program
			if err := p.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it has ended, unless the test failed
			if code := p.end(t); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if shown := tty.eventually(t, "[refused]"); strings.Contains(shown, "\x1b[") != c.coloured {
				t.Errorf("coloured: %t, want %t: %q", !c.coloured, c.coloured, shown)
			}
		})
	}
}
