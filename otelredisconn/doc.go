// Package otelredisconn reports redisconn clients to OpenTelemetry: metrics and
// spans after the semantic conventions for database clients, version 1.43.0.
//
//	client, err := redisconn.New(cfg)
//	stop, err := otelredisconn.Instrument(client)
//	err = client.Connect(ctx)
//
// A client may also be instrumented when it is open; only the time of the
// connections that it opened before is not recorded then.
//
// # Metrics
//
// db.client.operation.duration is a histogram of calls, each with all its
// attempts and the wait for a connection; a pipeline or transaction is one
// record. db.client.connection.* tell of the pool. What the conventions have no
// name for begins with redisconn.client.: state, outages, failures by class,
// routes, nodes. Nothing of that costs a command anything but the histogram.
//
// # Spans
//
// A call is one span of kind client, named by its command: GET, PIPELINE GET
// (several commands of one kind), MULTI (a transaction of several kinds). With
// the attributes of the conventions come redisconn.attempts, redisconn.route
// and, where it failed, redisconn.class and redisconn.applied.
//
// As long as the program has set no provider, nobody is asked for spans, which is
// as cheap as a provider that is off. The first call after otel.SetTracerProvider
// has its span.
//
// db.namespace is the database that the configuration names; a SELECT of the
// program's own does not change it. error.type is the word that the server's
// error begins with where it is one of Redis's own, and otherwise the class: see
// docs/errors.md.
//
// # Secrets
//
// Neither keys, values, scripts nor texts of errors are reported: a server
// repeats arguments in its errors, and a script returns what it likes.
// [WithQueryText] adds db.query.text in which every argument is a question mark.
//
// docs/observability.md lists every name.
package otelredisconn
