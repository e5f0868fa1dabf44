package promredisconn

import "github.com/redisconn/redisconn"

// NewFromHealth makes a collector of one client that tells what the test wants it to.
func NewFromHealth(stats redisconn.Stats, health redisconn.Health) *Collector {
	return newCollector(func() []sample { return []sample{{client: "cache", stats: stats, health: health}} })
}

// Row is a metric as the documentation lists it.
type Row struct {
	Name, Help string
	Counter    bool
	Labels     []string
}

// Rows returns every metric in the order of the table.
func Rows() []Row {
	var rows []Row
	for _, m := range metrics {
		rows = append(rows, Row{m.name, m.help, m.kind == counter, append([]string{"client"}, m.labels...)})
	}
	return rows
}
