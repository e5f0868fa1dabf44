//go:build unix

package redisconn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestASignalEndsTheContextAndStopDrains(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			client, _ := openServer(t)
			ctx, stop := redisconn.ShutdownOnSignal(t.Context(), client)
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			if got := client.State(); got != redisconn.StateReady {
				t.Errorf("state %s before stop, want ready: work that is under way needs the client", got)
			}
			stop()
			if got := client.State(); got != redisconn.StateClosed {
				t.Errorf("state %s after stop, want closed", got)
			}
			stop() // twice is once
		})
	}
}

func TestStopWithoutASignalDrains(t *testing.T) {
	client, _ := openServer(t)
	ctx, stop := redisconn.ShutdownOnSignal(t.Context(), client)
	stop()
	if client.State() != redisconn.StateClosed || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("state %s, context %v", client.State(), ctx.Err())
	}
}

func TestStopLogsADrainThatWasIncomplete(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Timeouts.Shutdown = 20 * time.Millisecond
	lines := &logLines{}
	client := openClient(t, cfg, lines.option())
	ended := blocked(t, client)
	_, stop := redisconn.ShutdownOnSignal(t.Context(), client)
	stop()
	if got := lines.containing("WARN redis shutdown"); len(got) != 1 || !strings.Contains(got[0], "1 call abandoned") {
		t.Errorf("logged %q", got)
	}
	<-ended
}

// The second signal must kill a program whose shutdown hangs, so the test lets
// another process hang.
func TestASecondSignalEndsTheProcess(t *testing.T) {
	const role = "REDISCONN_TEST_HANGS"
	if addr := os.Getenv(role); addr != "" {
		client, err := redisconn.Open(context.Background(), configFor(addr))
		if err != nil {
			t.Fatal(err)
		}
		ctx, _ := redisconn.ShutdownOnSignal(context.Background(), client)
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("hanging")
		select {}
	}
	server := redisconntest.NewServer(t)
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestASecondSignalEndsTheProcess$")
	process.Env = append(os.Environ(), role+"="+server.Addr())
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(output); lines.Scan(); {
		switch lines.Text() {
		case "ready":
			err = process.Process.Signal(syscall.SIGTERM)
		case "hanging":
			// The handler is taken down beside this line; signals until then are the context's.
			go func() {
				for process.Process.Signal(syscall.SIGTERM) == nil {
					time.Sleep(10 * time.Millisecond)
				}
			}()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = process.Wait() // its state says how it ended
	status, ok := process.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want killed by SIGTERM", process.ProcessState)
	}
}
