package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/redisconn/redisconn"
)

// service is one instance.
type service struct {
	client  *redisconn.Client
	sources redisconn.Explanation // where each setting of Redis came from
	leaving atomic.Bool           // it was told to end: new requests belong elsewhere
}

// run serves until ctx ends, and then ends in the order in which nobody is let down.
func run(ctx context.Context, env []string, log *slog.Logger) error {
	settings, err := readSettings(env)
	builder := redisconn.NewBuilder().Environ("REDIS_", env)
	sources, _ := builder.Explain() // Build returns the same error
	cfg, cfgErr := builder.Build()
	if err = errors.Join(err, cfgErr); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.addr)
	if err != nil {
		return err
	}
	// In the background: an instance that starts while Redis is away waits for it,
	// alive and not ready, instead of ending and being started again and again.
	client, err := redisconn.Open(ctx, cfg, redisconn.WithLogger(log), redisconn.WithBackgroundConnect())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s := &service{client: client, sources: sources}
	routes, end := s.routes()
	defer end()
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.Info("serving", "addr", listener.Addr().String())

	select {
	case err := <-served:
		return errors.Join(err, client.Close())
	case <-ctx.Done():
	}
	return s.end(server, settings, cfg.Timeouts.Shutdown, log)
}

// end ends what depends on something before what it depends on.
func (s *service) end(server *http.Server, settings settings, drain time.Duration, log *slog.Logger) error {
	s.leaving.Store(true) // readiness fails from here on, and requests that arrive all the same are served
	log.Info("leaving", "linger", settings.linger)
	time.Sleep(settings.linger)

	finishing, cancel := context.WithTimeout(context.Background(), settings.shutdown)
	defer cancel()
	err := server.Shutdown(finishing) // no new requests; those under way finish
	if err != nil {
		err = fmt.Errorf("requests under way after %s: %w", settings.shutdown, errors.Join(err, server.Close()))
	}

	draining, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	receipt, drained := s.client.Drain(draining)
	log.Info("left", "redis", receipt.String())
	return errors.Join(err, drained)
}
