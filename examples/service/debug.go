package main

import (
	"net/http"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/statuspage"
)

const debugPath = "/debug/redis/"

// mountDebug shows operators what the client knows of Redis. There is no secret
// in it, but keep the outside world from everything under /debug all the same.
// The function it returns ends the page.
func (s *service) mountDebug(mux *http.ServeMux) (end func()) {
	page := statuspage.New(s.clients(), statuspage.Options{
		Title: "visits", Explanations: map[string]redisconn.Explanation{clientName: s.sources},
	})
	mux.Handle("GET "+debugPath, page)
	return page.Close
}
