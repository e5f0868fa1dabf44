package redisconn_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestASignalEndsTheContextAndStopDrainsTheClient(t *testing.T) {
	client, err := redisconn.Open(t.Context(), redisconntest.NewServer(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := redisconn.ShutdownOnSignal(t.Context(), client)
	defer stop()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the signal did not end the context")
	}
	if got := client.State(); got != redisconn.StateReady {
		t.Errorf("state %s before stop: the work that hangs on the context ends first", got)
	}
	stop()
	if got := client.State(); got != redisconn.StateClosed {
		t.Errorf("state %s after stop", got)
	}
}

func TestStopWithoutASignalDrainsAndSaysWhatItAbandoned(t *testing.T) {
	var log bytes.Buffer
	cfg := redisconntest.NewServer(t).Config()
	cfg.Timeouts.Shutdown = 50 * time.Millisecond
	client, err := redisconn.Open(t.Context(), cfg, redisconn.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	popped := make(chan error, 1)
	go func() { popped <- client.BLPop(context.Background(), 0, "empty").Err() }()
	redisconntest.Eventually(t, 5*time.Second, "a call in flight", func() bool { return client.Stats().InFlight == 1 })
	_, stop := redisconn.ShutdownOnSignal(t.Context(), client)
	stop()
	stop()
	if err := <-popped; err == nil {
		t.Error("the abandoned call succeeded")
	}
	if !strings.Contains(log.String(), "drain incomplete") {
		t.Errorf("the log does not tell:\n%s", log.String())
	}
}
