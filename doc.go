// Package redisconn is the connection layer between a Go service and Redis. It
// stands on [go-redis] and keeps its typed commands; below each of them it adds
// what makes a connection trustworthy: checked configuration, a verified
// connect, retries that never apply a write twice behind the caller's back,
// health that does not lie, and an end that drains.
//
//	cfg, err := redisconn.FromEnv()         // REDIS_URL, REDIS_HOST, REDIS_PASSWORD_FILE …
//	client, err := redisconn.Open(ctx, cfg) // verified: an error says what is wrong and what to do
//	defer client.Close()                    // drains
//	err = client.Set(ctx, "k", "v", time.Minute).Err()
//
// A [Client] satisfies redis.UniversalClient, so every library that takes one takes it.
//
// # Configuration
//
// [Config] is plain data, and a zero field means its documented default. A
// [Builder] reads it from URLs, the environment and code, in the order of its
// calls; the last writer wins. Build reports every problem at once, each a
// [*FieldError] with the field, where its value came from, the reason and the
// fix. [Config.Explain] shows every value with its source, [Config.Lint] what is
// legal and unwise. Secrets mask themselves wherever they are printed.
//
// # Connecting
//
// [New] does no I/O. [Client.Connect] is eager and proves, [Stage] by stage,
// that commands will work. What may pass by itself is tried again inside one
// budget; what only somebody's intervention can mend is returned at once. The
// error is a [*ConnectError]. [WithBackgroundConnect] is for services to which
// Redis is optional.
//
// # Sentinel and clusters
//
// With a master's name ([SentinelConfig]) the addresses are sentinels: the master
// is discovered and followed, and everything moves with it at once. Several
// addresses, or one server that says so, are a cluster: every command goes to the
// node that serves its keys, and on when they move; health tells of every node.
// docs/topologies.md has what differs from a single server. Addresses that Redis
// names are held against an allow-list before they are dialled.
//
// # Routes
//
// Up to a few calls in flight go direct, on a pooled connection each. Above that
// they travel together, as pipelines, each with its own context, effect and error.
// Commands that wait at the server have connections of their own. See
// docs/routes.md; [RouteStats] counts.
//
// # What changes
//
// Passwords, tokens and certificates that change are taken over under load, from
// files, [WithCredentials] or [WithStreamingCredentials]; see [Client.Reload].
//
// # Time
//
// Every call has one time budget: its context's deadline or, without one,
// Timeouts.Operation. Waiting for a connection, for the end of an outage and for
// the reply, and every further attempt, come out of it. A blocking command's
// budget is its own timeout and a grace.
//
// # Retries
//
// The driver's own retries are off. A failure that proves a command was not
// applied (it was never written, or the server refused it) is followed by
// another attempt, whatever the command. When a reply is lost nobody knows, and
// the command is sent again only up to Retry.Effect: by default [EffectIdempotent],
// so SET yes and INCR no. The caller of an INCR gets an error of which
// errors.Is(err, [ErrMaybeApplied]) holds. A retry budget bounds the extra load.
//
// # Errors
//
// What the server answers (redis.Nil, WRONGTYPE, NOSCRIPT …) is returned as the
// driver returns it. Everything else is a [*CommandError]: what failed and
// where, its [Class], whether it was applied, who held the pool, the next step.
// [ClassOf] classifies any error, [SafeToRetry] and [IsMaybeApplied] decide.
//
// # Health
//
// [Client.Health] probes on a connection of its own, [Client.LastHealth] costs
// nothing. Both tell pass, warn or fail with a reason, latency percentiles, the
// pool and what the server says of itself. The same monitor decides when Redis
// counts as down; commands then wait inside their budget or fail at once, as
// Config.WhenDown says. [Client.Events] and [Client.History] tell what happened.
//
// # The end
//
// [Client.Drain] refuses new work, lets what is in flight finish until the
// context ends, and returns a [Receipt]. [Client.Close] is Drain within
// Timeouts.Shutdown. [ShutdownOnSignal] is the one line that a main needs.
//
// # Many clients
//
// A [Registry] holds one client per name, [Default] the process's own.
//
// [go-redis]: https://github.com/redis/go-redis
package redisconn
