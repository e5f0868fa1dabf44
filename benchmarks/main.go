// Command benchmarks runs redisconn and its rivals side by side against a
// redis-server that it starts, and writes what came of it: tables, a CSV, plots
// and the page docs/benchmarks.md. With -gate it judges redisconn's targets.
// See -help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/redisconn/redisconn/benchmarks/internal/link"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == link.Command {
		os.Exit(link.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
