package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Registry is a process's named clients: one per name. The zero value is ready
// to use, and so is [Default]'s. All methods are safe for concurrent use.
type Registry struct {
	mu      sync.Mutex // guards entries; never held while a client connects or closes
	entries map[string]*entry
}

// entry is a name with the one attempt to open it.
type entry struct {
	config Config
	opened chan struct{} // closed when client and err are set
	client *Client
	err    error
}

// Open returns the client with this name, opening it when there is none.
// Callers at the same time share one attempt; one that failed is forgotten, so
// that the next caller tries again. The same name with another configuration is
// an error that names the fields. Options matter only to the call that opens.
func (r *Registry) Open(ctx context.Context, name string, cfg Config, opts ...Option) (*Client, error) {
	r.mu.Lock()
	e, known := r.entries[name]
	if known && e.client != nil && e.client.State() == StateClosed {
		known = false // closed by its user: the name is free again
	}
	if !known {
		e = &entry{config: cfg.Clone(), opened: make(chan struct{})}
		if r.entries == nil {
			r.entries = map[string]*entry{}
		}
		r.entries[name] = e
	}
	r.mu.Unlock()
	if !known {
		return r.open(ctx, name, e, opts)
	}
	if differing := e.config.Diff(cfg); len(differing) > 0 {
		return nil, fmt.Errorf("redisconn: client %q is open with another configuration: %s differ; use another name, or the same configuration",
			name, strings.Join(differing, ", "))
	}
	select {
	case <-e.opened:
		return e.client, e.err
	case <-ctx.Done():
		return nil, fmt.Errorf("redisconn: client %q is being opened by another caller: %w", name, ctx.Err())
	}
}

func (r *Registry) open(ctx context.Context, name string, e *entry, opts []Option) (*Client, error) {
	client, err := Open(ctx, e.config, opts...)
	if err != nil {
		err = fmt.Errorf("redisconn: client %q: %w", name, err)
	}
	r.mu.Lock()
	e.client, e.err = client, err
	if err != nil && r.entries[name] == e {
		delete(r.entries, name)
	}
	r.mu.Unlock()
	close(e.opened)
	return client, err
}

// Get returns the open client with this name.
func (r *Registry) Get(name string) (*Client, bool) {
	client, ok := r.clients()[name]
	return client, ok
}

// Names returns the names of the open clients, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.clients())) }

// clients are those that are open.
func (r *Registry) clients() map[string]*Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	clients := map[string]*Client{}
	for name, e := range r.entries {
		if e.client != nil && e.client.State() != StateClosed {
			clients[name] = e.client
		}
	}
	return clients
}

// Health probes every client at once. See [Client.Health].
func (r *Registry) Health(ctx context.Context) map[string]Health {
	clients := r.clients()
	reports := make(map[string]Health, len(clients))
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, client := range clients {
		all.Go(func() {
			health := client.Health(ctx)
			mu.Lock()
			defer mu.Unlock()
			reports[name] = health
		})
	}
	all.Wait()
	return reports
}

// Shutdown ends every client, all at once, and returns a receipt for each.
// One that fails does not keep the others from ending; the errors are joined.
// The registry is empty afterwards and may be used again.
func (r *Registry) Shutdown(ctx context.Context) (map[string]Receipt, error) {
	clients := r.clients()
	receipts := make(map[string]Receipt, len(clients))
	var errs []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, client := range clients {
		all.Go(func() {
			receipt, err := client.Drain(ctx)
			mu.Lock()
			defer mu.Unlock()
			receipts[name] = receipt
			if err != nil {
				errs = append(errs, fmt.Errorf("redisconn: client %q: %w", name, err))
			}
		})
	}
	all.Wait()
	r.mu.Lock()
	for name, client := range clients {
		if e := r.entries[name]; e != nil && e.client == client {
			delete(r.entries, name)
		}
	}
	r.mu.Unlock()
	return receipts, errors.Join(errs...)
}

// DefaultName is the name of the client that Default opens.
const DefaultName = "default"

// Clients is the process's registry, the one that Default uses.
var Clients Registry

// Default returns the process's client, opened from the environment by the
// first caller: see [FromEnv]. Callers at the same time share one connect, a
// failed attempt can be tried again, and a client that was shut down is
// replaced by the next call.
func Default(ctx context.Context) (*Client, error) {
	if client, ok := Clients.Get(DefaultName); ok {
		return client, nil
	}
	environment := NewBuilder().Env(defaultEnvPrefix)
	cfg, err := environment.Build()
	if err != nil {
		return nil, err
	}
	logWarnings(slog.Default(), environment.warnings) // the client tells those of the configuration itself
	return Clients.Open(ctx, DefaultName, cfg)
}
