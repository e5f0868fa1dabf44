// Command load restarts the service under load and counts the requests that
// fail. It takes Redis from the environment, as the service does:
//
//	REDIS_URL=redis://127.0.0.1:6379 go run ./service/load
//
// It starts two instances behind a balancer of its own that honours readiness,
// sends SIGTERM to one after the other, and exits with 1 if a request failed or
// Redis counted another number of visits than were answered.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	r := restart{env: os.Environ(), signal: syscall.SIGTERM}
	flag.IntVar(&r.callers, "callers", 50, "requests at the same time")
	flag.DurationVar(&r.between, "between", 2*time.Second, "time under load before, between and after the restarts")
	flag.DurationVar(&r.linger, "linger", time.Second, "SERVICE_LINGER of the instances")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := show(ctx, r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(ctx context.Context, r restart) (err error) {
	dir, err := os.MkdirTemp("", "service-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if r.binary, err = buildService(ctx, dir); err != nil {
		return err
	}
	result, err := r.run(ctx)
	if err != nil {
		return err
	}
	fmt.Print(result)
	return result.verdict()
}

// verdict is what the restart promised and did not keep.
func (r *report) verdict() error {
	switch {
	case r.failed > 0:
		return fmt.Errorf("%d requests failed", r.failed)
	case r.counted != int64(r.answered):
		return fmt.Errorf("%d requests were answered and %d visits counted", r.answered, r.counted)
	}
	return nil
}

// buildService compiles the service. A process that go run starts would not get
// the signals.
func buildService(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "service")
	output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/redisconn/redisconn/examples/service").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build of the service: %w\n%s", err, output)
	}
	return binary, nil
}
