// Package healthhttp serves the health of Redis clients over HTTP, for
// orchestrators, load balancers and people:
//
//	health := healthhttp.New(redisconn.Named{"cache": client}, healthhttp.Options{})
//	mux.Handle("/livez", health)
//	mux.Handle("/readyz", health)
//	mux.Handle("/startupz", health)
//	mux.Handle("/healthz", health)
//
// # Endpoints
//
// The last element of the path says what is asked for, so one Handler may be
// mounted under any prefix; [Handler.Live] and the others are there for paths with
// other names.
//
//	livez     the process answers. Redis has no say: restarting a service does not mend its Redis
//	readyz    every client works, or is optional. Refused at once when one drains
//	startupz  every client has been connected once; stays so
//	healthz   the detailed report
//
// 200 says pass or warn, 503 says fail.
//
// # Cost
//
// Nothing here asks Redis anything. The client's own monitor does, every
// Health.Interval, and these handlers read what it found: ten thousand probes a
// second cost Redis what none costs.
//
// # Formats
//
// application/health+json (https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06)
// unless the header Accept or the parameter format asks for Spring Boot's
// (format=spring) or for text as the Kubernetes API server writes it (format=text).
//
// # Details
//
// Whoever asks learns the verdict and the class of a failure. Addresses,
// latencies, versions and reasons are for those whom Options.Authorize lets see
// them; by default that is nobody. No answer holds a password.
package healthhttp
