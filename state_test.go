package redisconn_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestOnlyTheTransitionsThatAreDrawnExist(t *testing.T) {
	const (
		idle, connecting, ready = redisconn.StateIdle, redisconn.StateConnecting, redisconn.StateReady
		degraded, down          = redisconn.StateDegraded, redisconn.StateDown
		draining, closed        = redisconn.StateDraining, redisconn.StateClosed
	)
	all := []redisconn.State{idle, connecting, ready, degraded, down, draining, closed}
	drawn := map[redisconn.State][]redisconn.State{
		idle:       {connecting, draining},
		connecting: {ready, idle, draining},
		ready:      {degraded, down, draining},
		degraded:   {ready, down, draining},
		down:       {ready, draining},
		draining:   {closed},
	}
	way := map[redisconn.State][]redisconn.State{
		idle: nil, connecting: {connecting}, ready: {connecting, ready}, degraded: {connecting, ready, degraded},
		down: {connecting, ready, down}, draining: {draining}, closed: {draining, closed},
	}
	for _, from := range all {
		for _, to := range all {
			machine := redisconn.NewMachine(slog.New(slog.DiscardHandler))
			for _, step := range way[from] {
				if !machine.To(step, "on the way") {
					t.Fatalf("cannot reach %s", from)
				}
			}
			if got, want := machine.To(to, "tried"), slices.Contains(drawn[from], to); got != want {
				t.Errorf("%s to %s: %v, want %v", from, to, got, want)
			}
		}
	}
}

func TestATransitionIsOneLogLine(t *testing.T) {
	lines := &logLines{}
	machine := redisconn.NewMachine(slog.New(lineHandler{lines: lines}))
	machine.To(redisconn.StateConnecting, "asked")
	machine.To(redisconn.StateReady, "verified")
	machine.To(redisconn.StateDegraded, "slow")
	machine.To(redisconn.StateDown, "gone")
	machine.To(redisconn.StateDown, "gone again") // is none
	var levels []string
	for _, line := range lines.all() {
		level, rest, _ := strings.Cut(line, " ")
		levels = append(levels, level)
		if !strings.Contains(rest, "from=") || !strings.Contains(rest, "reason=") {
			t.Errorf("line %q", line)
		}
	}
	if want := []string{"INFO", "INFO", "WARN", "WARN"}; !slices.Equal(levels, want) {
		t.Errorf("levels %v, want %v", levels, want)
	}
}

// A log handler is the program's own code: one that asked the client for its
// state, or shut it down, met a transition's lock and waited for itself.
func TestALogHandlerMayUseTheClient(t *testing.T) {
	var client *redisconn.Client
	var asked atomic.Bool
	handler := handlerFunc(func() {
		if client != nil && asked.CompareAndSwap(false, true) {
			_ = client.State()
			_ = client.Close()
		}
	})
	client = newClient(t, configFor("127.0.0.1:1"), redisconn.WithLogger(slog.New(handler)))
	_ = client.Connect(t.Context())
	if got := client.State(); got != redisconn.StateClosed {
		t.Errorf("state %s, want closed", got)
	}
}
