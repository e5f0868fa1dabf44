// Package statuspage is a page that shows what the Redis clients of a process are
// doing, for whoever is on call:
//
//	page := statuspage.New(redisconn.Named{"cache": client}, statuspage.Options{})
//	defer page.Close()
//	mux.Handle("/debug/redis/", page)
//
// It shows the state and its history, latency, throughput, the pool and the
// routes, the nodes, the last failures with what to do about them, the last events
// and the configuration with the source of every value. It is live with JavaScript
// and complete without, takes its light from the reader's system, and loads
// nothing from elsewhere. Everything it shows is at status.json as well.
//
// # Mounting
//
// The page is one http.Handler for any prefix that ends in a slash, with or without
// http.StripPrefix. It answers GET and nothing else.
//
// # Security
//
// The page shows addresses, user names, server versions and settings, never a
// password. Who may see it is for the program to say, with a handler around it; see
// [github.com/redisconn/redisconn/healthhttp.Token]. Against DNS rebinding, where a
// foreign page calls this one through a name of its own, it answers only to
// addresses, to localhost and to the names in Options.Hosts.
//
// # Cost
//
// One goroutine looks at each client once a second, without asking Redis anything:
// some atomic loads each. It begins with [Page.Start] or the first request and ends
// with [Page.Close]. Memory is bounded: [Samples] samples for each of at most
// [MaxClients] clients, and as many streams as Options.MaxStreams says.
package statuspage
