package redisconn

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// ShutdownOnSignal is a main's one line: the context it returns ends with
// SIGINT or SIGTERM, and stop, deferred, then shuts the client down within
// Timeouts.Shutdown.
//
//	ctx, stop := redisconn.ShutdownOnSignal(ctx, client)
//	defer stop()
//
// Work that hangs on the context stops taking new requests first and finishes
// what it has, and the client drains after it. A second signal ends the process
// as if nobody listened. stop may be called without a signal, and twice.
func ShutdownOnSignal(ctx context.Context, client *Client) (_ context.Context, stop func()) {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	// From the first signal on, the next one is the operating system's again.
	context.AfterFunc(ctx, release)
	return ctx, func() {
		release()
		if err := client.Close(); err != nil {
			client.log.Warn("redis shutdown", "error", err)
		}
	}
}
