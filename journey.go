package redisconn

import (
	"context"
	"sync/atomic"
)

// Journey is how a call travelled. A hook sees each call once, whatever became
// of it below, and its error tells the rest only where it failed; a hook that
// wants to tell more of a call takes a Journey along:
//
//	ctx, journey := redisconn.WithJourney(ctx)
//	err := next(ctx, cmd)
//	// journey.Attempts, journey.Route, journey.Node
//
// It belongs to one call and is complete when the call returns. Commands inside
// a WATCH section leave it empty: they are never sent again.
type Journey struct {
	Attempts int    // how often the call was sent, or tried to be; 0 when it was refused before that
	Route    Route  // by which way it went last; "" when it did not
	Node     string // where it went last: an address; "" when it did not, or went to several nodes at once
}

// Route is a way that commands take to the server.
type Route string

// The routes.
const (
	RouteDirect   Route = "direct"   // a pooled connection, one round trip
	RouteLane     Route = "lane"     // the automatic pipeline
	RouteBlocking Route = "blocking" // connections of their own, for BLPOP and its kin
)

type journeyKey struct{}

// journeys is set by the first WithJourney of the process. Until then nobody
// pays for looking: in a context that is deep, looking is the dearer part.
var journeys atomic.Bool

// WithJourney returns a context for one call, and the Journey that the call will fill in.
func WithJourney(ctx context.Context) (context.Context, *Journey) {
	if !journeys.Load() {
		journeys.Store(true)
	}
	j := &Journey{}
	return context.WithValue(ctx, journeyKey{}, j), j
}

// journeyOf returns the Journey that the call with this context fills in, or nil.
func journeyOf(ctx context.Context) *Journey {
	if !journeys.Load() {
		return nil
	}
	j, _ := ctx.Value(journeyKey{}).(*Journey)
	return j
}

// takeJourney returns to with the Journey of from, if it has one: calls that
// share a deadline share nothing else.
func takeJourney(from, to context.Context) context.Context {
	if j := journeyOf(from); j != nil {
		return context.WithValue(to, journeyKey{}, j)
	}
	return to
}

// attempt notes that the call is about to be sent. On a cluster the node is chosen
// later: see to.
func (j *Journey) attempt(by Route, node string) {
	if j != nil {
		j.Attempts++
		j.Route, j.Node = by, node
	}
}

// to corrects where the attempt under way goes, which redirections change.
func (j *Journey) to(node string) {
	if j != nil {
		j.Node = node
	}
}

// by corrects the way of the attempt under way, which is chosen last on a cluster.
func (j *Journey) by(route Route) {
	if j != nil {
		j.Route = route
	}
}
