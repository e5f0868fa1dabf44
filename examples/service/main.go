// Command service counts visits in Redis, behind HTTP. It is small and has what
// a service in production needs of its connection: configuration from the
// environment, probes, an orderly end, and a page for whoever is on call.
//
//	SERVICE_ADDR              where it listens, default :8080
//	SERVICE_LINGER            how long it serves on after SIGTERM, not ready any more, until every load
//	                          balancer has noticed; default 5s, and 0 where something else waits so long
//	SERVICE_SHUTDOWN_TIMEOUT  how long requests under way may take to finish, default 10s
//	REDIS_…                   see docs/environment.md
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release) // a second signal ends the process at once
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, os.Environ(), log); err != nil {
		log.Error("the service ends", "error", err)
		os.Exit(1)
	}
}
