package main

import (
	"fmt"
	"net/http"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
)

// The paths of the probes, as Kubernetes names them.
const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	startupPath = "/startupz"
)

const clientName = "visits"

// clients is the service's one client under its name.
func (s *service) clients() redisconn.Named { return redisconn.Named{clientName: s.client} }

// mountProbes serves what the client's monitor found last, so that probes cost
// Redis nothing. Liveness has nothing to do with Redis: a restart of this process
// would not mend it, and all instances would restart at once.
func (s *service) mountProbes(mux *http.ServeMux) {
	health := healthhttp.New(s.clients(), healthhttp.Options{})
	mux.HandleFunc("GET "+livePath, health.Live)
	mux.HandleFunc("GET "+startupPath, health.Startup)
	mux.HandleFunc("GET "+readyPath, s.unlessLeaving(health.Ready))
}

// unlessLeaving fails readiness as soon as the instance is told to end, which is
// long before its client drains.
func (s *service) unlessLeaving(ready http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.leaving.Load() {
			ready(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "leaving")
	}
}
