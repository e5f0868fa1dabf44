package main

import (
	"fmt"
	"net/http"

	"github.com/redisconn/redisconn"
)

// The paths of the probes, as Kubernetes names them.
const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	startupPath = "/startupz"
)

func (s *service) mountProbes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+livePath, s.live)
	mux.HandleFunc("GET "+readyPath, s.ready)
	mux.HandleFunc("GET "+startupPath, s.started)
}

// live never asks about Redis: a restart of this process would not mend it, and
// all instances would restart at once.
func (s *service) live(w http.ResponseWriter, _ *http.Request) { answer(w, true, "alive") }

// ready is what the monitor of the client found last, so that probes cost Redis
// nothing, and false as soon as the instance leaves.
func (s *service) ready(w http.ResponseWriter, _ *http.Request) {
	switch h := s.client.LastHealth(); {
	case s.leaving.Load():
		answer(w, false, "leaving")
	case h.Status == redisconn.StatusFail:
		answer(w, false, "redis: "+string(h.State))
	default:
		answer(w, true, "ready")
	}
}

// started is true once Redis was reached for the first time.
func (s *service) started(w http.ResponseWriter, _ *http.Request) {
	if s.client.LastHealth().CheckedAt.IsZero() {
		answer(w, false, "redis: "+string(s.client.State()))
		return
	}
	answer(w, true, "started")
}

func answer(w http.ResponseWriter, well bool, text string) {
	w.Header().Set("Cache-Control", "no-store")
	if !well {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, text)
}
