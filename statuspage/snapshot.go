package statuspage

import (
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// Snapshot is everything that the page shows, as status.json has it. New fields
// may appear.
type Snapshot struct {
	Title   string           `json:"title"`
	Now     time.Time        `json:"now"`
	From    time.Time        `json:"from"`   // where timelines and samples begin
	Status  redisconn.Status `json:"status"` // of the client that fares worst
	Clients []ClientSnapshot `json:"clients"`
	Hidden  int              `json:"hidden,omitempty"` // clients beyond MaxClients
}

// ClientSnapshot is what the page shows of one client.
type ClientSnapshot struct {
	Name     string                `json:"name"`
	Username string                `json:"username"`
	Health   redisconn.Health      `json:"health"`
	Reason   string                `json:"state_reason,omitempty"` // of the last transition
	Figures  Figures               `json:"figures"`
	Routes   redisconn.RouteStats  `json:"routes"`
	Cache    *redisconn.CacheStats `json:"cache,omitempty"`
	Uptime   Uptime                `json:"uptime"`
	Timeline []Span                `json:"timeline"`
	Samples  []Sample              `json:"samples"`
	Troubles []Trouble             `json:"troubles"`
	Events   []redisconn.Event     `json:"events"` // the newest first
	Config   redisconn.Explanation `json:"config"`
}

// Figures are a client's numbers: those of [redisconn.Stats], and the pace.
type Figures struct {
	Pace          float64 `json:"commands_per_second"` // over the last ten seconds
	InFlight      int64   `json:"in_flight"`
	Commands      int64   `json:"commands"`
	Failures      int64   `json:"failures"`
	Retries       int64   `json:"retries"`
	MaybeApplied  int64   `json:"maybe_applied"`
	Outages       int64   `json:"outages"`
	Reloads       int64   `json:"reloads"`
	Failovers     int64   `json:"failovers"`
	EventsDropped int64   `json:"events_dropped"`
}

// paceOver is how far the pace looks back: a second alone is nervous.
const paceOver = 10 * time.Second

var severity = map[redisconn.Status]int{redisconn.StatusPass: 0, redisconn.StatusWarn: 1, redisconn.StatusFail: 2}

// Snapshot returns what the page shows now.
func (p *Page) Snapshot() Snapshot {
	now := time.Now().UTC()
	s := Snapshot{
		Title: p.options.Title, Now: now, From: now.Add(-Samples * p.options.Interval),
		Status: redisconn.StatusPass, Clients: []ClientSnapshot{},
		Hidden: max(len(p.clients.Names())-MaxClients, 0),
	}
	for name, client := range p.shown() {
		s.Clients = append(s.Clients, p.snapshot(name, client, s.From, now))
	}
	slices.SortFunc(s.Clients, func(a, b ClientSnapshot) int { return strings.Compare(a.Name, b.Name) })
	if len(s.Clients) == 0 {
		s.Status = redisconn.StatusFail
	}
	for _, c := range s.Clients {
		if severity[c.Health.Status] > severity[s.Status] {
			s.Status = c.Health.Status
		}
	}
	return s
}

func (p *Page) snapshot(name string, client *redisconn.Client, from, now time.Time) ClientSnapshot {
	history, stats := client.History(), client.Stats()
	since := client.StateSince()
	config := client.Config()
	c := ClientSnapshot{
		Name: name, Username: config.Connection.Username,
		Health: client.LastHealth(), Reason: since.Reason,
		Figures: Figures{
			InFlight: stats.InFlight, Commands: stats.Commands, Failures: stats.Failures, Retries: stats.Retries,
			MaybeApplied: stats.MaybeApplied, Outages: stats.Outages, Reloads: stats.Reloads, Failovers: stats.Failovers,
			EventsDropped: stats.EventsDropped,
		},
		Routes: stats.Routes, Cache: stats.Cache,
		Timeline: timeline(history, since, from, now),
		Samples:  p.samplesOf(name, client),
		Troubles: troubles(history, p.options.Hints),
		Config:   p.explain(name, config),
	}
	c.Health.Pool = stats.Pool // of this moment, not of the last probe
	c.Uptime = uptime(c.Timeline)
	c.Figures.Pace = pace(c.Samples, now)
	slices.Reverse(history)
	c.Events = history
	return c
}

// samplesOf returns a copy of the samples of a client.
func (p *Page) samplesOf(name string, client *redisconn.Client) []Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.series[name]; s != nil && s.client == client {
		return slices.Clone(s.samples)
	}
	return []Sample{}
}

// pace is how many commands there were in a second, of late.
func pace(samples []Sample, now time.Time) float64 {
	var commands int64
	var seconds float64
	for i := len(samples) - 1; i >= 0; i-- {
		if i < len(samples)-1 && now.Sub(samples[i].At) > paceOver {
			break
		}
		commands += samples[i].Commands
		seconds += samples[i].Seconds
	}
	if seconds == 0 {
		return 0
	}
	return float64(commands) / seconds
}

// explain says where a client's settings came from, as far as that is known.
func (p *Page) explain(name string, config redisconn.Config) redisconn.Explanation {
	if known, ok := p.options.Explanations[name]; ok {
		return known
	}
	// A configuration in force has every default filled in and no longer knows which.
	explained, defaults := config.Explain(), redisconn.DefaultConfig().Explain()
	for i := range explained.Fields {
		f := &explained.Fields[i]
		f.Default = f.Value == defaults.Fields[i].Value
		f.Source = "program"
		if f.Default {
			f.Source = "default"
		}
	}
	return explained
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
