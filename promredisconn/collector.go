package promredisconn

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/redisconn/redisconn"
)

// Source is where a [Collector] finds its clients, anew at every scrape.
type Source struct {
	clients func() map[string]*redisconn.Client
}

// Client is one client, under a name that nothing else in the process has.
func Client(name string, client *redisconn.Client) Source {
	return Source{func() map[string]*redisconn.Client { return map[string]*redisconn.Client{name: client} }}
}

// Registry is every open client of a registry, under its name there.
func Registry(registry *redisconn.Registry) Source {
	return Source{func() map[string]*redisconn.Client {
		clients := map[string]*redisconn.Client{}
		for _, name := range registry.Names() {
			if client, ok := registry.Get(name); ok { // else closed just now
				clients[name] = client
			}
		}
		return clients
	}}
}

// Collector is a prometheus.Collector of redisconn clients. Make one with [New];
// it is safe for concurrent use.
type Collector struct {
	samples func() []sample
	descs   []*prometheus.Desc // of metrics, in their order
}

var _ prometheus.Collector = (*Collector)(nil)

// New makes a collector of all clients of its sources. Of two with one name the
// first counts. One collector per process is enough; a second one would have
// the same metrics, which a prometheus.Registerer refuses.
func New(sources ...Source) *Collector {
	return newCollector(func() []sample {
		clients := map[string]*redisconn.Client{}
		for _, source := range slices.Backward(sources) {
			maps.Copy(clients, source.clients())
		}
		samples := make([]sample, 0, len(clients))
		for name, client := range clients {
			samples = append(samples, sample{client: name, stats: client.Stats(), health: client.LastHealth()})
		}
		return samples
	})
}

func newCollector(samples func() []sample) *Collector {
	c := &Collector{samples: samples}
	for _, m := range metrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, append([]string{"client"}, m.labels...), nil))
	}
	return c
}

// Describe sends the description of every metric.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		descs <- desc
	}
}

// Collect sends what the clients know now. It does no I/O.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.samples() {
		for i, m := range metrics {
			// One series twice would fail the whole scrape, and a server may name
			// a node twice.
			seen := map[string]bool{}
			m.read(s, func(value float64, labels ...string) {
				values := []string{labelValue(s.client)}
				for _, label := range labels {
					values = append(values, labelValue(label))
				}
				if key := strings.Join(values, "\xff"); !seen[key] { // no label has this byte
					seen[key] = true
					out <- prometheus.MustNewConstMetric(c.descs[i], m.kind, value, values...)
				}
			})
		}
	}
}

// labelLimit bounds what a server can put into a label: its version is its own words.
const labelLimit = 128

// labelValue is text as a label takes it: valid UTF-8 and not too long.
func labelValue(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), labelLimit)], "")
}
