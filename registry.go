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
	config *Config       // behind a pointer, as a Client's
	opened chan struct{} // closed when client and err are set
	client *Client
	err    error
	gaveUp bool // the opener's context ended: that says nothing to those who share the attempt
}

// Open returns the client with this name, opening it when there is none.
// Callers at the same time share one attempt; one that failed is forgotten, so
// that the next caller tries again. The same name with another configuration is
// an error that names the fields. Options matter only to the call that opens.
func (r *Registry) Open(ctx context.Context, name string, cfg Config, opts ...Option) (*Client, error) {
	for {
		e, mine := r.entry(name, cfg)
		if mine {
			return r.open(ctx, name, e, opts)
		}
		if differing := e.config.Diff(cfg); len(differing) > 0 {
			return nil, fmt.Errorf("redisconn: client %q is open with another configuration, which differs in %s; use another name, or the same configuration",
				name, strings.Join(differing, ", "))
		}
		select {
		case <-e.opened:
			if !e.gaveUp {
				return e.client, e.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("redisconn: client %q is being opened by another caller: %w", name, ctx.Err())
		}
	}
}

// entry returns what there is with this name, or makes it for the caller to open.
func (r *Registry) entry(name string, cfg Config) (_ *entry, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, known := r.entries[name]
	if known && (e.client == nil || e.client.State() != StateClosed) { // closed by its user: the name is free again
		return e, false
	}
	config := cfg.Clone()
	e = &entry{config: &config, opened: make(chan struct{})}
	if r.entries == nil {
		r.entries = map[string]*entry{}
	}
	r.entries[name] = e
	return e, true
}

func (r *Registry) open(ctx context.Context, name string, e *entry, opts []Option) (*Client, error) {
	defer close(e.opened)
	client, err := Open(ctx, *e.config, opts...)
	if !r.settle(name, e, client, err) && err == nil {
		_, closing := client.Drain(ctx)
		err = errors.Join(ErrClosed, closing)
	}
	if err != nil {
		e.client, e.gaveUp = nil, ctx.Err() != nil
		e.err = fmt.Errorf("redisconn: client %q: %w", name, err)
	}
	return e.client, e.err
}

// settle keeps a client that was opened, or forgets the name of one that was
// not. It reports false when the registry was shut down meanwhile.
func (r *Registry) settle(name string, e *entry, client *Client, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries[name] != e {
		return false
	}
	if e.client = client; err != nil {
		delete(r.entries, name)
	}
	return true
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
// Who is opening one meanwhile gets ErrClosed. The registry is empty afterwards
// and may be used again.
func (r *Registry) Shutdown(ctx context.Context) (map[string]Receipt, error) {
	r.mu.Lock()
	entries := r.entries
	r.entries = nil
	r.mu.Unlock()
	receipts := make(map[string]Receipt, len(entries))
	var errs []error
	var mu sync.Mutex // guards both
	var all sync.WaitGroup
	for name, e := range entries {
		all.Go(func() {
			receipt, err := e.shutdown(ctx)
			mu.Lock()
			defer mu.Unlock()
			receipts[name] = receipt
			if err != nil {
				errs = append(errs, fmt.Errorf("redisconn: client %q: %w", name, err))
			}
		})
	}
	all.Wait()
	return receipts, errors.Join(errs...)
}

// shutdown ends the client of an entry, once it is open or known not to be.
func (e *entry) shutdown(ctx context.Context) (Receipt, error) {
	select {
	case <-e.opened:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("it was still being opened: %w", ctx.Err())
	}
	if e.client == nil {
		return Receipt{}, nil
	}
	return e.client.Drain(ctx)
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
