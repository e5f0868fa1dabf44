package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// restart is a rolling restart under load: two instances behind a balancer, and
// while requests keep coming one after the other is ended and started again.
type restart struct {
	binary  string   // of the service
	env     []string // says where Redis is
	callers int
	between time.Duration // of load before, between and after the two
	linger  time.Duration
	signal  os.Signal // what ends an instance
}

// report is what came of it.
type report struct {
	answered, failed int
	failures         []string // the first few
	served           []int64  // requests that each backend got
	receipts         []string // of the instances that were ended while there was load
	counted          int64    // visits that Redis knows of
	p50, p99, max    time.Duration
	took             time.Duration
}

const (
	instances   = 2
	readyLimit  = 30 * time.Second
	readyPath   = "/readyz"
	visitedPage = "load"
)

func (r restart) run(ctx context.Context) (_ *report, err error) {
	began := time.Now()
	store, err := openRedis(ctx, r.env)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	before, err := visits(ctx, store)
	if err != nil {
		return nil, err
	}

	running, err := r.startAll()
	defer func() {
		for _, i := range running {
			if i != nil {
				err = errors.Join(err, i.end(syscall.SIGTERM))
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	b := newBalancer(running)
	defer b.watch(ctx, readyPath)()
	for _, one := range b.backends {
		if err := one.readyWithin(ctx, readyLimit); err != nil {
			return nil, err
		}
	}

	front := httptest.NewServer(http.HandlerFunc(b.ServeHTTP))
	defer front.Close()
	callers := newCallers(front.URL+"/visits/"+visitedPage, r.callers)
	stop := callers.start(r.callers)
	receipts, err := r.roll(ctx, b, running)
	stop()
	if err != nil {
		return nil, err
	}
	after, err := visits(ctx, store)
	if err != nil {
		return nil, err
	}
	result := &report{
		answered: len(callers.answered), failed: callers.failed, failures: callers.failures, receipts: receipts, counted: after - before,
		p50: callers.percentile(50), p99: callers.percentile(99), max: callers.percentile(100), took: time.Since(began),
	}
	for _, one := range b.backends {
		result.served = append(result.served, one.served.Load())
	}
	return result, nil
}

// startAll starts the instances. What it returns has to be ended, also with an error.
func (r restart) startAll() (running []*instance, err error) {
	for range instances {
		addr, err := freeAddr()
		if err != nil {
			return running, err
		}
		i, err := startInstance(r.binary, r.env, addr, r.linger)
		if err != nil {
			return running, err
		}
		running = append(running, i)
	}
	return running, nil
}

// roll restarts one instance after the other. Each is ready before the next one leaves.
func (r restart) roll(ctx context.Context, b *balancer, running []*instance) (receipts []string, err error) {
	for n, old := range running {
		if err := pause(ctx, r.between); err != nil {
			return nil, err
		}
		running[n] = nil
		if err := old.end(r.signal); err != nil {
			return nil, err
		}
		receipts = append(receipts, old.receipt())
		b.backends[n].ready.Store(false) // what it was says nothing of what comes
		if running[n], err = startInstance(r.binary, r.env, old.addr, r.linger); err != nil {
			return nil, err
		}
		if err := b.backends[n].readyWithin(ctx, readyLimit); err != nil {
			return nil, err
		}
	}
	return receipts, pause(ctx, r.between)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openRedis opens what the instances open.
func openRedis(ctx context.Context, env []string) (*redisconn.Client, error) {
	cfg, err := redisconn.NewBuilder().Environ("REDIS_", env).Build()
	if err != nil {
		return nil, err
	}
	return redisconn.Open(ctx, cfg)
}

// visits is what Redis counted.
func visits(ctx context.Context, client *redisconn.Client) (int64, error) {
	count, err := client.Get(ctx, "visits:"+visitedPage).Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return count, err
}

// String is the report for people.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests answered, %d failed, in %s\n", r.answered, r.failed, r.took.Round(100*time.Millisecond))
	fmt.Fprintf(&b, "latency p50 %s, p99 %s, max %s\n", r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), r.max.Round(time.Microsecond))
	for n, served := range r.served {
		fmt.Fprintf(&b, "instance %d got %d; its restart: %s\n", n+1, served, r.receipts[n])
	}
	fmt.Fprintf(&b, "Redis counted %d visits\n", r.counted)
	for _, failure := range r.failures {
		fmt.Fprintf(&b, "failed: %s\n", failure)
	}
	return b.String()
}
