package main

import (
	"encoding/json"
	"net/http"

	"github.com/redisconn/redisconn"
)

const debugPath = "/debug/redis"

// mountDebug shows operators what the client knows of Redis: health, numbers and
// the last events. There is no secret in it, but keep the outside world from
// everything under /debug all the same.
func (s *service) mountDebug(mux *http.ServeMux) {
	mux.Handle("GET "+debugPath, s.debug())
}

func (s *service) debug() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(struct { // a caller who hung up is all that can go wrong
			Health redisconn.Health  `json:"health"`
			Stats  redisconn.Stats   `json:"stats"`
			Events []redisconn.Event `json:"events"`
		}{s.client.LastHealth(), s.client.Stats(), s.client.History()})
	})
}
