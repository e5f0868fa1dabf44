package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
)

// routes are the service's; end ends what they need running.
func (s *service) routes() (mux *http.ServeMux, end func()) {
	mux = http.NewServeMux()
	mux.HandleFunc("POST /visits/{page}", s.visit)
	mux.HandleFunc("GET /visits/{page}", s.visits)
	s.mountProbes(mux)
	return mux, s.mountDebug(mux)
}

func key(r *http.Request) string { return "visits:" + r.PathValue("page") }

// visit counts a visit. The request's context goes along: a caller who is gone
// does not keep a connection busy.
func (s *service) visit(w http.ResponseWriter, r *http.Request) {
	count, err := s.client.Incr(r.Context(), key(r)).Result()
	reply(w, count, err)
}

func (s *service) visits(w http.ResponseWriter, r *http.Request) {
	count, err := s.client.Get(r.Context(), key(r)).Int64()
	if errors.Is(err, redis.Nil) {
		err = nil // nobody was here yet
	}
	reply(w, count, err)
}

func reply(w http.ResponseWriter, count int64, err error) {
	switch {
	case err == nil:
		fmt.Fprintln(w, count)
	case errors.Is(err, redisconn.ErrMaybeApplied):
		// Not to be repeated blindly: whoever does may count twice.
		http.Error(w, "the visit may have been counted", http.StatusInternalServerError)
	case redisconn.ClassOf(err) != redisconn.ClassReply && redisconn.SafeToRetry(err):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the visit was not counted: "+redisconn.ClassOf(err).Info().Meaning, http.StatusServiceUnavailable)
	default:
		http.Error(w, redisconn.ClassOf(err).Info().Meaning, http.StatusInternalServerError)
	}
}
