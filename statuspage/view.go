package statuspage

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": clock, "count": count, "ms": ms, "percent": percent, "span": span,
	"known":   func(u Uptime) string { return span(time.Duration(u.Known * float64(time.Second))) },
	"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(assets, "assets/*.html"))

// view is a snapshot as the templates draw it.
type view struct {
	Snapshot
	Verdict string // in a word or a few
	Clients []clientView
	Labels  []string // of the time axis
	Begin   int64    // of the time axis, in milliseconds since 1970
	End     int64
}

// clientView is a client as the templates draw it.
type clientView struct {
	ClientSnapshot
	ID      string
	Mark    string        // of the state
	For     time.Duration // how long it has been in this state
	Trouble redisconn.ClassInfo
	Hint    Hint
	Found   string // the reason beyond what the class says
	Strip   []bar
	Plots   []plot
	Server  string
	Direct  int64 // commands that neither the lane nor the blocking route carried
	PerTrip string
	InUse   string // of the pool's bar, in percent
	Idle    string
	Told    []told
	Untold  int // events that are in status.json only
	Set     []redisconn.FieldExplanation
	Default []redisconn.FieldExplanation
}

// eventsShown is how many events the page lists; status.json has them all.
const eventsShown = 60

func (p *Page) view() view {
	s := p.Snapshot()
	a := axis{s.from(p.options.Interval), s.Now}
	v := view{Snapshot: s, Labels: a.labels(), Begin: a.from.UnixMilli(), End: a.until.UnixMilli(), Verdict: s.verdict()}
	for i, c := range s.Clients {
		drawn := a.draw("client-"+strconv.Itoa(i+1), c, p.options.Interval)
		drawn.Hint = p.options.Hints(drawn.Trouble.Class)
		v.Clients = append(v.Clients, drawn)
	}
	return v
}

// from is where plots begin: the whole window, or a part of it as long as nothing
// is known of the rest.
func (s *Snapshot) from(interval time.Duration) time.Time {
	oldest := s.Now
	for _, c := range s.Clients {
		if c.Health.Since.Before(oldest) {
			oldest = c.Health.Since
		}
		if n := len(c.Events); n > 0 && c.Events[n-1].At.Before(oldest) {
			oldest = c.Events[n-1].At
		}
	}
	whole := Samples * interval
	for _, part := range []time.Duration{whole * 2 / 15, whole / 3} {
		if s.Now.Sub(oldest) <= part {
			return s.Now.Add(-part)
		}
	}
	return s.Now.Add(-whole)
}

// verdict is the page's title in the reader's row of tabs.
func (s *Snapshot) verdict() string {
	down := 0
	for _, c := range s.Clients {
		if c.Health.Status == redisconn.StatusFail {
			down++
		}
	}
	switch {
	case len(s.Clients) == 0:
		return "no client"
	case down > 0 && down == len(s.Clients):
		return "down"
	case down > 0:
		return fmt.Sprintf("%d of %d down", down, len(s.Clients))
	case s.Status == redisconn.StatusWarn:
		return "warning"
	}
	return "all well"
}

// trouble is what is wrong with a client: the class behind its health, or, before
// it was ever connected, behind the last attempt; and what was found beyond what
// the class says.
func (c ClientSnapshot) trouble() (info redisconn.ClassInfo, found string) {
	class, found := c.Health.Class, c.Health.Reason
	if class == "" && c.Health.Status == redisconn.StatusFail && len(c.Troubles) > 0 {
		class, found = c.Troubles[0].Class, c.Troubles[0].Detail
	}
	if class == "" {
		return redisconn.ClassInfo{}, ""
	}
	info = class.Info()
	return info, strings.TrimPrefix(found, info.Meaning+": ")
}

func (a axis) draw(id string, c ClientSnapshot, interval time.Duration) clientView {
	v := clientView{
		ClientSnapshot: c, ID: id, Mark: stateMarks[c.Health.State], For: a.until.Sub(c.Health.Since),
		Strip: a.strip(c.Timeline), Plots: a.plots(c, interval),
		Direct: c.Figures.Commands - c.Routes.Lane - c.Routes.Blocking,
		Untold: max(len(c.Events)-eventsShown, 0),
	}
	v.Trouble, v.Found = c.trouble()
	if server := c.Health.Server; server != nil {
		v.Server = server.Name + " " + server.Version
	}
	if c.Routes.Batches > 0 {
		v.PerTrip = digits(float64(c.Routes.Lane) / float64(c.Routes.Batches))
	}
	if pool := c.Health.Pool; pool.Size > 0 {
		v.InUse = number(100 * float64(min(pool.InUse, pool.Size)) / float64(pool.Size))
		v.Idle = number(100 * float64(min(pool.InUse+pool.Idle, pool.Size)) / float64(pool.Size))
	}
	for _, e := range c.Events[:min(len(c.Events), eventsShown)] {
		v.Told = append(v.Told, tell(e))
	}
	for _, f := range c.Config.Fields {
		if f.Default {
			v.Default = append(v.Default, f)
		} else {
			v.Set = append(v.Set, f)
		}
	}
	return v
}
