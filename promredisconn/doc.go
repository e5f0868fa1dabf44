// Package promredisconn exports redisconn clients to Prometheus.
//
//	prometheus.MustRegister(promredisconn.New(promredisconn.Client("cache", client)))
//
// or, for every client of a registry, also those that are opened later:
//
//	prometheus.MustRegister(promredisconn.New(promredisconn.Registry(&redisconn.Clients)))
//
// A scrape reads what the client knows anyway, [redisconn.Client.Stats] and
// [redisconn.Client.LastHealth]: it does no I/O, and commands do no work for it.
// For the duration of commands there is package otelredisconn.
//
// Every metric begins with redisconn_ and has the label client. Other labels are
// the words of this project (class, state, status, role) and the addresses of
// nodes; neither keys nor texts of errors become labels. docs/observability.md
// lists every metric, dashboards/ has a Grafana dashboard and alert rules.
package promredisconn
