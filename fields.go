package redisconn

import "slices"

// Field describes one field of [Config] to whoever reads it from text, prints it
// or documents it.
type Field struct {
	Path    string    `json:"path"`              // in dots: pool.size is Config.Pool.Size
	Env     string    `json:"env"`               // variable under the prefix REDIS_
	URLKey  string    `json:"url_key"`           // query key in a URL
	Kind    FieldKind `json:"kind"`              // what a value is
	Choices []string  `json:"choices,omitempty"` // every value a FieldChoice takes
	Range   string    `json:"range,omitempty"`   // smallest and largest value of a number or duration, as in 1ms to 1h
	Secret  bool      `json:"secret,omitempty"`  // masked wherever it is shown
	Default string    `json:"default"`           // what holds when it is not set, in words where it follows something else
	Doc     string    `json:"doc"`               // what it means, as a phrase
}

// FieldKind is what the text of a field's value is.
type FieldKind string

// The kinds of fields.
const (
	FieldText     FieldKind = "text"
	FieldNumber   FieldKind = "number"   // a whole number
	FieldSwitch   FieldKind = "switch"   // true, false, 1, 0, yes, no, on or off
	FieldDuration FieldKind = "duration" // Go's syntax, unit included: 250ms, 1m30s
	FieldList     FieldKind = "list"     // separated by commas
	FieldChoice   FieldKind = "choice"   // one of Choices
)

// Fields returns every field of [Config], in Config's own order. The same table
// reads the environment and URLs, explains configurations and writes
// docs/environment.md; build command-line flags from it with [Builder.Set].
func Fields() []Field {
	full := DefaultConfig()
	fields := make([]Field, len(configFields))
	for i, f := range configFields {
		fields[i] = Field{
			Path:    f.path,
			Env:     defaultEnvPrefix + f.env,
			URLKey:  f.urlKey(),
			Kind:    f.kind(),
			Choices: slices.Clone(f.choices),
			Secret:  f.isSecret(),
			Default: f.unset,
			Doc:     f.doc,
		}
		for _, b := range configBounds {
			if b.path == f.path {
				fields[i].Range = b.limit(f, b.least) + " to " + b.limit(f, b.most)
			}
		}
		if f.unset == "" {
			fields[i].Default = f.text(&full)
		}
	}
	return fields
}

// field is a row of the table behind [Fields].
type field struct {
	path    string            // as in Field
	env     string            // suffix of its variable; its URL key is the same in lower case
	at      func(*Config) any // pointer to the value, from which everything about its type follows
	choices []string          // as in Field
	unset   string            // Field.Default in words, where the default is empty or follows something else
	zero    string            // for numbers and durations whose zero stands for a default: what to write instead of 0
	doc     string            // as in Field
}

// What to write instead of 0, where it is the same for several fields.
const (
	notForever   = "nothing waits for ever: the longest is 1h"
	onceIsLeast  = "the smallest is 1"
	soonestIs1ms = "the smallest is 1ms"
)

// configFields has one row for every leaf of Config; a reflection test holds it to that.
var configFields = []field{
	{path: "mode", env: "MODE", at: func(c *Config) any { return &c.Mode },
		choices: []string{string(ModeAuto), string(ModeStandalone), string(ModeSentinel), string(ModeCluster), string(ModeEmbedded)},
		doc:     "kind of deployment the addresses lead to; for auto a master's name means sentinel, several addresses a cluster, and one server is asked what it is"},

	{path: "connection.addrs", env: "ADDRS", at: func(c *Config) any { return &c.Connection.Addrs },
		doc: "servers, or the sentinels: host:port, [IPv6]:port, host (port 6379 is meant, of a sentinel 26379), or the absolute path of a unix socket"},
	{path: "connection.allow_addrs", env: "ALLOW_ADDRS", at: func(c *Config) any { return &c.Connection.AllowAddrs },
		unset: "addresses of the same kind as connection.addrs: loopback, private or public",
		doc:   "where Redis may send this client besides connection.addrs: networks (10.0.0.0/8), names or their ends (.cache.internal), each with :port if need be"},
	{path: "connection.username", env: "USERNAME", at: func(c *Config) any { return &c.Connection.Username },
		unset: "Redis's user default",
		doc:   "ACL user"},
	{path: "connection.password", env: "PASSWORD", at: func(c *Config) any { return &c.Connection.Password },
		unset: "none",
		doc:   "password of the user"},
	{path: "connection.password_file", env: "PASSWORD_FILE", at: func(c *Config) any { return &c.Connection.PasswordFile },
		unset: "none",
		doc:   "file that holds the password; one newline at its end is not part of it"},
	{path: "connection.db", env: "DB", at: func(c *Config) any { return &c.Connection.DB },
		doc: "number of the logical database"},
	{path: "connection.client_name", env: "CLIENT_NAME", at: func(c *Config) any { return &c.Connection.ClientName },
		unset: "none",
		doc:   "name of every connection in CLIENT LIST"},
	{path: "connection.protocol", env: "PROTOCOL", at: func(c *Config) any { return &c.Connection.Protocol },
		choices: []string{"2", "3"},
		unset:   "3, with compat 2",
		zero:    "the versions are 2 and 3",
		doc:     "version of the RESP protocol"},
	{path: "connection.compat", env: "COMPAT", at: func(c *Config) any { return &c.Connection.Compat },
		doc: "ask for nothing beyond what a minimal server or proxy understands"},

	{path: "sentinel.master", env: "SENTINEL_MASTER", at: func(c *Config) any { return &c.Sentinel.Master },
		unset: "none",
		doc:   "name of the master that the sentinels watch; with it the addresses are those of the sentinels"},
	{path: "sentinel.username", env: "SENTINEL_USERNAME", at: func(c *Config) any { return &c.Sentinel.Username },
		unset: "Redis's user default",
		doc:   "ACL user of the sentinels"},
	{path: "sentinel.password", env: "SENTINEL_PASSWORD", at: func(c *Config) any { return &c.Sentinel.Password },
		unset: "none",
		doc:   "password of the sentinels; that of the data nodes is never sent to them"},
	{path: "sentinel.password_file", env: "SENTINEL_PASSWORD_FILE", at: func(c *Config) any { return &c.Sentinel.PasswordFile },
		unset: "none",
		doc:   "file that holds the password of the sentinels"},
	{path: "sentinel.tls", env: "SENTINEL_TLS", at: func(c *Config) any { return &c.Sentinel.TLS },
		choices: []string{string(SentinelTLSFollow), string(SentinelTLSOn), string(SentinelTLSOff)},
		unset:   "follow",
		doc:     "link to the sentinels: as that to the data nodes, encrypted by the settings below, or in clear"},
	{path: "sentinel.ca_file", env: "SENTINEL_TLS_CA_FILE", at: func(c *Config) any { return &c.Sentinel.CAFile },
		unset: "the system's roots",
		doc:   "PEM file of the authorities that sign the sentinels' certificates"},
	{path: "sentinel.cert_file", env: "SENTINEL_TLS_CERT_FILE", at: func(c *Config) any { return &c.Sentinel.CertFile },
		unset: "none",
		doc:   "PEM file of this client's certificate for the sentinels; needs the key file"},
	{path: "sentinel.key_file", env: "SENTINEL_TLS_KEY_FILE", at: func(c *Config) any { return &c.Sentinel.KeyFile },
		unset: "none",
		doc:   "PEM file of the private key for that certificate"},
	{path: "sentinel.ca", env: "SENTINEL_TLS_CA", at: func(c *Config) any { return &c.Sentinel.CA },
		unset: "none",
		doc:   "the authorities' certificates themselves, in place of ca_file; \\n stands for a line break"},
	{path: "sentinel.cert", env: "SENTINEL_TLS_CERT", at: func(c *Config) any { return &c.Sentinel.Cert },
		unset: "none",
		doc:   "this client's certificate for the sentinels itself, in place of cert_file"},
	{path: "sentinel.key", env: "SENTINEL_TLS_KEY", at: func(c *Config) any { return &c.Sentinel.Key },
		unset: "none",
		doc:   "the private key for that certificate itself, in place of key_file"},
	{path: "sentinel.server_name", env: "SENTINEL_TLS_SERVER_NAME", at: func(c *Config) any { return &c.Sentinel.ServerName },
		unset: "the address's host",
		doc:   "name that the sentinels' certificates must carry"},
	{path: "sentinel.write_gate", env: "SENTINEL_WRITE_GATE", at: func(c *Config) any { return &c.Sentinel.WriteGate },
		doc: "hold writes while the sentinels fail the master over, so that a planned failover loses none"},

	{path: "tls.enabled", env: "TLS", at: func(c *Config) any { return &c.TLS.Enabled },
		doc: "encrypt and verify; in a URL the schemes rediss and valkeys say so"},
	{path: "tls.ca_file", env: "TLS_CA_FILE", at: func(c *Config) any { return &c.TLS.CAFile },
		unset: "the system's roots",
		doc:   "PEM file of the authorities that sign the server's certificate"},
	{path: "tls.cert_file", env: "TLS_CERT_FILE", at: func(c *Config) any { return &c.TLS.CertFile },
		unset: "none",
		doc:   "PEM file of this client's certificate; needs the key file"},
	{path: "tls.key_file", env: "TLS_KEY_FILE", at: func(c *Config) any { return &c.TLS.KeyFile },
		unset: "none",
		doc:   "PEM file of this client's private key; needs the certificate file"},
	{path: "tls.ca", env: "TLS_CA", at: func(c *Config) any { return &c.TLS.CA },
		unset: "none",
		doc:   "the authorities' certificates themselves, in place of ca_file; \\n stands for a line break"},
	{path: "tls.cert", env: "TLS_CERT", at: func(c *Config) any { return &c.TLS.Cert },
		unset: "none",
		doc:   "this client's certificate itself, in place of cert_file"},
	{path: "tls.key", env: "TLS_KEY", at: func(c *Config) any { return &c.TLS.Key },
		unset: "none",
		doc:   "this client's private key itself, in place of key_file"},
	{path: "tls.server_name", env: "TLS_SERVER_NAME", at: func(c *Config) any { return &c.TLS.ServerName },
		unset: "the address's host",
		doc:   "name that the server's certificate must carry"},
	{path: "tls.min_version", env: "TLS_MIN_VERSION", at: func(c *Config) any { return &c.TLS.MinVersion },
		choices: []string{"1.2", "1.3"},
		unset:   "1.2",
		doc:     "oldest TLS version accepted"},
	{path: "tls.insecure_skip_verify", env: "TLS_INSECURE_SKIP_VERIFY", at: func(c *Config) any { return &c.TLS.InsecureSkipVerify },
		doc: "accept any certificate: anyone on the path can read and change everything"},
	{path: "tls.expiry_warning", env: "TLS_EXPIRY_WARNING", at: func(c *Config) any { return &c.TLS.ExpiryWarning },
		unset: "336h",
		zero:  "to hardly be warned write 1h",
		doc:   "how long before a certificate ends health begins to warn"},

	{path: "timeouts.connect", env: "CONNECT_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Connect },
		zero: notForever,
		doc:  "all attempts of Connect together"},
	{path: "timeouts.dial", env: "DIAL_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Dial },
		zero: notForever,
		doc:  "one attempt to open a connection: TCP, TLS and handshake"},
	{path: "timeouts.operation", env: "OPERATION_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Operation },
		zero: notForever,
		doc:  "a command whose context has no deadline, retries included"},
	{path: "timeouts.read", env: "READ_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Read },
		unset: "the operation timeout",
		zero:  notForever,
		doc:   "waiting for one reply"},
	{path: "timeouts.write", env: "WRITE_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Write },
		unset: "the operation timeout",
		zero:  notForever,
		doc:   "handing one command to the kernel"},
	{path: "timeouts.shutdown", env: "SHUTDOWN_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Shutdown },
		zero: notForever,
		doc:  "how long Close lets commands in flight finish"},
	{path: "timeouts.silence", env: "SILENCE_TIMEOUT", at: func(c *Config) any { return &c.Timeouts.Silence },
		zero: notForever,
		doc:  "how long a connection may stay silent when an answer is due and the server answers no probe either"},

	{path: "pool.size", env: "POOL_SIZE", at: func(c *Config) any { return &c.Pool.Size },
		unset: "10 per CPU, at least 20",
		zero:  "there is no unlimited pool",
		doc:   "most connections that commands may hold at once"},
	{path: "pool.min_idle", env: "POOL_MIN_IDLE", at: func(c *Config) any { return &c.Pool.MinIdle },
		doc: "connections kept open in advance"},
	{path: "pool.max_idle", env: "POOL_MAX_IDLE", at: func(c *Config) any { return &c.Pool.MaxIdle },
		unset: "the pool's size",
		zero:  onceIsLeast,
		doc:   "idle connections above which one that is returned is closed"},
	{path: "pool.blocking", env: "POOL_BLOCKING", at: func(c *Config) any { return &c.Pool.Blocking },
		unset: "10 times the pool's size",
		zero:  "a blocking command needs a connection: the smallest is 1",
		doc:   "most connections beside the pool's that blocking commands (BLPOP and the like) may hold at once"},
	{path: "pool.max_in_flight", env: "POOL_MAX_IN_FLIGHT", at: func(c *Config) any { return &c.Pool.MaxInFlight },
		unset: "16384, or twice the connections of pool.size and pool.blocking together",
		zero:  "to refuse no call that the machine can hold write 1000000000",
		doc:   "most calls under way at once; one more is refused at once as overloaded, so that a flood or an outage takes no memory without end"},
	{path: "pool.wait", env: "POOL_WAIT", at: func(c *Config) any { return &c.Pool.Wait },
		unset: "the operation timeout",
		zero:  "to hardly wait write 1ms",
		doc:   "how long a command waits for a free connection"},
	{path: "pool.idle_timeout", env: "POOL_IDLE_TIMEOUT", at: func(c *Config) any { return &c.Pool.IdleTimeout },
		zero: "to keep idle connections for long write up to 24h",
		doc:  "an idle connection older than this is replaced before use"},
	{path: "pool.max_lifetime", env: "POOL_MAX_LIFETIME", at: func(c *Config) any { return &c.Pool.MaxLifetime },
		unset: "none",
		doc:   "a connection older than this is replaced"},
	{path: "pool.lifetime_jitter", env: "POOL_LIFETIME_JITTER", at: func(c *Config) any { return &c.Pool.LifetimeJitter },
		unset: "a tenth of max_lifetime",
		zero:  soonestIs1ms,
		doc:   "spreads max_lifetime by up to this much either way"},

	{path: "retry.effect", env: "RETRY_EFFECT", at: func(c *Config) any { return &c.Retry.Effect },
		choices: []string{
			string(EffectNever), string(EffectRead), string(EffectIdempotent),
			string(EffectConditional), string(EffectAccumulating), string(EffectUnknown),
		},
		doc: "strongest effect that is sent again when nobody knows whether the first attempt was applied"},
	{path: "retry.min_backoff", env: "RETRY_MIN_BACKOFF", at: func(c *Config) any { return &c.Retry.MinBackoff },
		zero: soonestIs1ms,
		doc:  "longest pause before the second attempt; doubled each time"},
	{path: "retry.max_backoff", env: "RETRY_MAX_BACKOFF", at: func(c *Config) any { return &c.Retry.MaxBackoff },
		zero: soonestIs1ms,
		doc:  "the most any pause grows to"},
	{path: "retry.budget", env: "RETRY_BUDGET", at: func(c *Config) any { return &c.Retry.Budget },
		zero: "to repeat nothing whose outcome is unknown set retry.effect to never",
		doc:  "extra load that retries may put on Redis, in percent of the commands sent"},

	{path: "when_down", env: "WHEN_DOWN", at: func(c *Config) any { return &c.WhenDown },
		choices: []string{string(WhenDownWait), string(WhenDownFailFast)},
		doc:     "what a command does while Redis is down: wait inside its own time budget, or fail at once"},

	{path: "pipelining", env: "PIPELINING", at: func(c *Config) any { return &c.Pipelining },
		choices: []string{string(PipeliningAuto), string(PipeliningOff), string(PipeliningAlways)},
		doc:     "whether commands of many callers travel together: when many are in flight, never, or whenever they may"},

	{path: "health.interval", env: "HEALTH_INTERVAL", at: func(c *Config) any { return &c.Health.Interval },
		zero: "to sample rarely write up to 1h",
		doc:  "time between samples"},
	{path: "health.timeout", env: "HEALTH_TIMEOUT", at: func(c *Config) any { return &c.Health.Timeout },
		zero: notForever,
		doc:  "how long one PING may take"},
	{path: "health.warn_latency", env: "HEALTH_WARN_LATENCY", at: func(c *Config) any { return &c.Health.WarnLatency },
		zero: "to hardly ever warn write up to 1h",
		doc:  "p99 of the samples above which health warns"},
	{path: "health.fail_after", env: "HEALTH_FAIL_AFTER", at: func(c *Config) any { return &c.Health.FailAfter },
		zero: onceIsLeast,
		doc:  "consecutive failures until Redis counts as down"},
	{path: "health.recover_after", env: "HEALTH_RECOVER_AFTER", at: func(c *Config) any { return &c.Health.RecoverAfter },
		zero: onceIsLeast,
		doc:  "consecutive successes until it counts as up again"},

	{path: "reload.interval", env: "RELOAD_INTERVAL", at: func(c *Config) any { return &c.Reload.Interval },
		zero: "to look at no files set reload.off",
		doc:  "time between two looks at the password's and the certificates' files"},
	{path: "reload.off", env: "RELOAD_OFF", at: func(c *Config) any { return &c.Reload.Off },
		doc: "do not look whether files have changed"},

	{path: "cache.enabled", env: "CACHE", at: func(c *Config) any { return &c.Cache.Enabled },
		doc: "keep in this process what was read, until Redis tells that it has changed"},
	{path: "cache.max_entries", env: "CACHE_MAX_ENTRIES", at: func(c *Config) any { return &c.Cache.MaxEntries },
		unset: "10000",
		zero:  "a cache that keeps nothing is switched off by cache.enabled",
		doc:   "most replies that are kept"},
	{path: "cache.max_staleness", env: "CACHE_MAX_STALENESS", at: func(c *Config) any { return &c.Cache.MaxStaleness },
		unset: "1m",
		zero:  "a lost message must not hide a change for ever: the longest is 24h",
		doc:   "a reply is asked for anew after this time, whatever the server tells"},

	{path: "cluster.read_from", env: "CLUSTER_READ_FROM", at: func(c *Config) any { return &c.Cluster.ReadFrom },
		choices: []string{string(ReadFromMaster), string(ReadFromPreferReplica), string(ReadFromReplica), string(ReadFromNearest)},
		doc:     "nodes of a cluster's shard that answer reads; replicas lag behind"},
	{path: "cluster.refresh_interval", env: "CLUSTER_REFRESH_INTERVAL", at: func(c *Config) any { return &c.Cluster.RefreshInterval },
		zero: "to refresh rarely write up to 1h",
		doc:  "how old the knowledge of who serves which keys may get while nothing hints at a change"},
}

// envOnly are the variables that stand for no single field.
var envOnly = []struct{ env, doc string }{
	{"URL", "all of it in one URL: redis://user:password@host:6379/0?pool_size=50, or redis+sentinel://user:password@host:26379,host:26379/master/0"},
	{"HOST", "host of the one server; the port comes from REDIS_PORT, or stays what it was"},
	{"PORT", "port of the one server; the host comes from REDIS_HOST, or stays what it was"},
}

// findField finds a field by the path that somebody wrote.
func findField(path string) (f field, known bool) {
	at := slices.IndexFunc(configFields, func(f field) bool { return f.path == path })
	if at < 0 {
		return field{}, false
	}
	return configFields[at], true
}

// fieldAt finds a field by a path of the table.
func fieldAt(path string) field {
	at := slices.IndexFunc(configFields, func(f field) bool { return f.path == path })
	return configFields[at]
}

// names returns what pick takes from every field, for suggestions.
func names(pick func(field) string) []string {
	all := make([]string, len(configFields))
	for i, f := range configFields {
		all[i] = pick(f)
	}
	return all
}
