package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// balancer hands requests to the backends in turn, leaving out those that are not
// ready. It repeats nothing: a request that a backend lets down is a request failed.
type balancer struct {
	backends []*backend
	turn     atomic.Uint64
}

// backend is one instance as the balancer sees it.
type backend struct {
	base   url.URL
	ready  atomic.Bool
	served atomic.Int64
	proxy  *httputil.ReverseProxy
}

const (
	// checkEvery is how old the balancer's knowledge of a backend may be.
	checkEvery = 50 * time.Millisecond
	// checkTimeout is after what time a probe counts as failed.
	checkTimeout = 500 * time.Millisecond
)

func newBalancer(instances []*instance) *balancer {
	b := &balancer{}
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	for _, i := range instances {
		base := url.URL{Scheme: "http", Host: i.addr}
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&base) },
			Transport: transport,
			ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // the answer says it
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				http.Error(w, err.Error(), http.StatusBadGateway)
			},
		}
		b.backends = append(b.backends, &backend{base: base, proxy: proxy})
	}
	return b
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	turn := b.turn.Add(1) // once: others take turns meanwhile
	for n := range uint64(len(b.backends)) {
		if next := b.backends[(turn+n)%uint64(len(b.backends))]; next.ready.Load() {
			next.served.Add(1)
			next.proxy.ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "no backend is ready", http.StatusServiceUnavailable)
}

// watch probes every backend from now on, until ctx ends or the function that it
// returns is called.
func (b *balancer) watch(ctx context.Context, readyPath string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, one := range b.backends {
		all.Go(func() {
			again := time.NewTicker(checkEvery)
			defer again.Stop()
			for {
				one.ready.Store(one.check(ctx, readyPath))
				select {
				case <-again.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

func (b *backend) check(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base.JoinPath(path).String(), nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
