package statuspage

import (
	"time"

	"github.com/redisconn/redisconn"
)

const (
	// Samples is how many the page keeps of each client.
	Samples = 900
	// MaxClients is how many clients the page shows: the first by name.
	MaxClients = 64
	// tick is the time between looks. Eyes and decisions need no more.
	tick = time.Second
)

// Sample is what happened to a client during one interval.
type Sample struct {
	At       time.Time `json:"at"`                   // when it began
	Seconds  float64   `json:"seconds"`              // how long it lasts
	Latency  float64   `json:"latency_ms,omitempty"` // of the slowest PING; absent when none was answered
	Commands int64     `json:"commands"`
	Failures int64     `json:"failures"`
	InUse    int       `json:"in_use"`  // connections, the most seen
	Waiting  int       `json:"waiting"` // calls that wait for one, the most seen
}

// series are the samples of one client, the oldest first.
type series struct {
	client  *redisconn.Client
	samples []Sample
	stats   redisconn.Stats // at the last look
	looked  time.Time
	probed  time.Time // the last success that was counted
}

// look adds what has happened since the last look to the present sample, or to a new one.
func (s *series) look(now time.Time, interval time.Duration) {
	health, stats := s.client.LastHealth(), s.client.Stats()
	last := len(s.samples) - 1
	if last < 0 || now.Sub(s.samples[last].At) >= interval-tick/2 { // a ticker is not exact
		if len(s.samples) == Samples {
			s.samples = s.samples[1:]
		}
		s.samples = append(s.samples, Sample{At: now})
		last = len(s.samples) - 1
	}
	sample := &s.samples[last]
	if !s.looked.IsZero() {
		sample.Seconds += now.Sub(s.looked).Seconds()
		sample.Commands += stats.Commands - s.stats.Commands
		sample.Failures += stats.Failures - s.stats.Failures
	}
	if health.LastSuccess.After(s.probed) {
		sample.Latency = max(sample.Latency, milliseconds(health.Latency.Last))
		s.probed = health.LastSuccess
	}
	sample.InUse = max(sample.InUse, stats.Pool.InUse)
	sample.Waiting = max(sample.Waiting, stats.Pool.Waiting)
	s.stats, s.looked = stats, now
}

// Start begins to sample, so that the plots have a past when the first reader
// comes. Otherwise the first request does. It may be called again, and does nothing
// after Close.
func (p *Page) Start() {
	p.starting.Do(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return
		}
		p.look(time.Now())
		p.work.Go(p.run)
	})
}

// Close ends the sampling and every stream, and waits for them. The page still
// answers afterwards, with what it knows. It may be called again.
func (p *Page) Close() {
	p.close.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		close(p.closing)
	})
	p.work.Wait()
}

func (p *Page) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			p.mu.Lock()
			p.look(now)
			close(p.ticked)
			p.ticked = make(chan struct{})
			p.mu.Unlock()
		case <-p.closing:
			return
		}
	}
}

// look looks at every client there is and forgets those that are gone. The caller
// holds the lock.
func (p *Page) look(now time.Time) {
	kept := map[string]*series{}
	for name, client := range p.shown() {
		s := p.series[name]
		if s == nil || s.client != client { // another client took the name over
			s = &series{client: client}
		}
		s.look(now, p.options.Interval)
		kept[name] = s
	}
	p.series = kept
}

// shown are the clients that the page shows.
func (p *Page) shown() map[string]*redisconn.Client {
	names := p.clients.Names()
	shown := map[string]*redisconn.Client{}
	for _, name := range names[:min(len(names), MaxClients)] {
		if client, ok := p.clients.Get(name); ok {
			shown[name] = client
		}
	}
	return shown
}
