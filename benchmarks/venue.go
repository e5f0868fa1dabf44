package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/benchmarks/internal/link"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/redisconntest"
)

// venue is where the contestants meet: the server, the relays to it, and a
// client that prepares the data.
type venue struct {
	server *redisconntest.Server
	filler *redis.Client
	relays map[time.Duration]*link.Process
}

// atVenue opens a venue for fn and closes it. Its error is that of fn, or what
// kept the server from running.
func atVenue(fn func(*venue) error) error {
	var failed error
	err := redisconntest.Run(func(t testing.TB) {
		server := redisconntest.NewServer(t)
		v := &venue{
			server: server,
			filler: redis.NewClient(&redis.Options{Addr: server.Addr()}),
			relays: map[time.Duration]*link.Process{},
		}
		failed = errors.Join(fn(v), v.close())
	})
	return errors.Join(failed, err)
}

func (v *venue) close() error {
	err := v.filler.Close()
	for _, relay := range v.relays {
		err = errors.Join(err, relay.Close())
	}
	return err
}

// addr is the way to the server that is as long as that.
func (v *venue) addr(delay time.Duration) (string, error) {
	if delay == 0 {
		return v.server.Addr(), nil
	}
	if v.relays[delay] == nil {
		relay, err := link.Start(v.server.Addr(), delay)
		if err != nil {
			return "", err
		}
		v.relays[delay] = relay
	}
	return v.relays[delay].Addr, nil
}

// fill stores the values that a workload reads.
func (v *venue) fill(ctx context.Context, w load.Workload) error {
	if w.ValueSize == 0 {
		return nil
	}
	value := w.Value()
	_, err := v.filler.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range load.ValueKeys() {
			p.Set(ctx, key, value, 0)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing the values of %s: %w", w.Name, err)
	}
	return nil
}

// version is the server's.
func (v *venue) version(ctx context.Context) (string, error) {
	info, err := v.filler.InfoMap(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("INFO of the server: %w", err)
	}
	return info["Server"]["redis_version"], nil
}
