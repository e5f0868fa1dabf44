package redisconn

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Validate reports everything that is wrong with c, each a [*FieldError], or nil.
// It judges what c means, so a zero field counts with its default, and it does
// no I/O: whether files exist and servers answer is found out by connecting.
// What is allowed but rarely meant is for [Config.Lint].
func (c Config) Validate() error {
	return joinFieldErrors(c.faults(nil, func(string) []string { return nil }))
}

// bound is the range of a number or duration, with the reason for its ends.
// Durations are in nanoseconds, as in time.Duration.
type bound struct {
	path        string
	least, most int64
	why         string
}

// configBounds has one row for every number and duration that is no choice.
var configBounds = []bound{
	{"connection.db", 0, 16383, "the driver and every server known stay below 16384; a default server has 16"},

	{"tls.expiry_warning", hour, 365 * day, "a year of warnings is read by nobody"},

	{"timeouts.connect", ms, hour, "an hour of trying is an outage that someone must see"},
	{"timeouts.dial", ms, hour, "below 1ms not even loopback answers"},
	{"timeouts.operation", ms, hour, "below 1ms not even loopback answers, and nothing may wait for ever"},
	{"timeouts.read", ms, hour, "below 1ms not even loopback answers, and nothing may wait for ever"},
	{"timeouts.write", ms, hour, "below 1ms not even loopback answers, and nothing may wait for ever"},
	{"timeouts.shutdown", ms, hour, "a process that is told to stop is killed long before an hour"},

	{"timeouts.silence", second, hour, "the kernel counts keepalive in seconds"},

	{"pool.size", 1, 65535, "a client has at most 65535 ports towards one address"},
	{"pool.min_idle", 0, 65535, "a client has at most 65535 ports towards one address"},
	{"pool.max_idle", 1, 65535, "a pool that keeps nothing would dial for every command"},
	{"pool.blocking", 1, mostBlocking, "a client has at most 65535 ports towards one address"},
	{"pool.max_in_flight", 1, 1_000_000_000, "a billion calls outgrow every machine"},
	{"pool.wait", ms, hour, "nothing may wait for ever"},
	{"pool.idle_timeout", ms, day, "the network forgets idle connections within a day at the latest"},
	{"pool.max_lifetime", ms, 30 * day, "what is replaced less than once a month is not replaced"},
	{"pool.lifetime_jitter", ms, 30 * day, "it spreads max_lifetime, which is at most 30 days"},

	{"retry.min_backoff", ms, hour, "without a pause retries only add load to a server in trouble"},
	{"retry.max_backoff", ms, hour, "a longer pause outlasts every command"},
	{"retry.budget", 1, 1000, "above ten retries for each command it bounds nothing"},

	{"health.interval", ms, hour, "below 1ms sampling is a load test, above 1h it says nothing about now"},
	{"health.timeout", ms, hour, "below 1ms not even loopback answers"},
	{"health.warn_latency", ms, hour, "below 1ms it would warn of the scheduler"},
	{"health.fail_after", 1, 1000, "an outage that nobody declares is no use to callers"},
	{"health.recover_after", 1, 1000, "a recovery that nobody declares is no use to callers"},

	{"reload.interval", 10 * ms, day, "below 10ms it is a load on the disk, above a day a certificate may have ended"},

	{"cache.max_entries", 1, 1 << 30, "a billion replies outgrow every machine"},
	{"cache.max_staleness", ms, day, "a lost message must not hide a change for longer than a day"},

	{"cluster.refresh_interval", 100 * ms, hour, "below 100ms it is load without news, above 1h an idle client knows nothing of its cluster"},
}

const (
	ms     = int64(time.Millisecond)
	second = int64(time.Second)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

// fault says what is wrong with a value; an empty reason means nothing is.
func (b bound) fault(f field, c *Config) (reason, fix string) {
	n := f.value(c).Int()
	least, most := b.limit(f, b.least), b.limit(f, b.most)
	switch {
	case n < 0:
		return "it is negative, which switches nothing off here", "leave it out for the default, or write " + least + " to " + most
	case n < b.least || n > b.most:
		return "it must be from " + least + " to " + most + ": " + b.why, "write a value in that range"
	}
	return "", ""
}

// limit formats an end of the range in the field's unit.
func (b bound) limit(f field, n int64) string {
	if f.kind() != FieldDuration {
		return strconv.FormatInt(n, 10)
	}
	return durationText(time.Duration(n))
}

// rule is a condition on one field or on several together. It sees c as it is
// written and with its defaults.
type rule struct {
	fields []string // the first that is set is the one to name
	fault  func(raw, full *Config) (reason, fix string)
}

// configRules are the conditions that no bound expresses.
var configRules = slices.Concat(sentinelRules, []rule{
	{[]string{"connection.addrs"}, addressesFault},
	{[]string{"connection.addrs", "mode"}, func(raw, full *Config) (string, string) {
		return when(len(full.Connection.Addrs) > 1 && full.Mode == ModeStandalone,
			"one server has one address, and the mode is standalone", "keep one address, or use the mode cluster")
	}},
	{[]string{"connection.addrs"}, func(raw, full *Config) (string, string) {
		return when(full.namesCluster() && slices.ContainsFunc(full.Connection.Addrs, isSocket),
			"the nodes of a cluster find each other over TCP, so none of its addresses is a unix socket", "write host:port")
	}},
	{[]string{"connection.db", "connection.addrs", "mode"}, func(raw, full *Config) (string, string) {
		return when(full.namesCluster() && full.Connection.DB != 0,
			"a cluster has no database but 0", "leave the database out, and keep keys apart by a prefix")
	}},
	{[]string{"connection.allow_addrs"}, func(raw, full *Config) (string, string) {
		_, reason, fix := parseAllowed(raw.Connection.AllowAddrs)
		return reason, fix
	}},
	{[]string{"connection.username"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Connection.Username, isControlOrSpace),
			"names of ACL users have no spaces or control characters", "look for a line break at its end")
	}},
	{[]string{"connection.password"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Connection.Password.Reveal(), unicode.IsControl),
			"it holds a line break or another control character", "look for a line break at its end, as echo and editors add it")
	}},
	{[]string{"connection.password", "connection.password_file"}, func(raw, full *Config) (string, string) {
		return when(raw.Connection.Password != "" && raw.Connection.PasswordFile != "",
			"both a password and a file that holds one are given", "keep one of the two")
	}},
	{[]string{"connection.client_name"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Connection.ClientName, func(r rune) bool { return r < '!' || r > '~' }),
			"Redis refuses names with spaces, line breaks or characters outside ASCII (CLIENT SETNAME)", "write letters, digits and hyphens")
	}},
	{[]string{"connection.protocol", "connection.compat"}, func(raw, full *Config) (string, string) {
		return when(raw.Connection.Compat && raw.Connection.Protocol == 3,
			"compat means RESP 2, but the protocol is set to 3", "leave the protocol out")
	}},
	contradicts("tls.ca_file", "tls.ca"),
	contradicts("tls.cert_file", "tls.cert"),
	contradicts("tls.key_file", "tls.key"),
	{[]string{"tls.cert", "tls.key"}, func(raw, full *Config) (string, string) {
		return when((raw.TLS.Cert == "") != (raw.TLS.Key == ""),
			"a client's certificate needs its key and the key its certificate", "give both cert and key, or neither")
	}},
	{[]string{"tls.cert_file", "tls.key_file"}, func(raw, full *Config) (string, string) {
		return when((raw.TLS.CertFile == "") != (raw.TLS.KeyFile == ""),
			"a client's certificate needs its key and the key its certificate", "give both cert_file and key_file, or neither")
	}},
	{[]string{"tls.server_name"}, func(raw, full *Config) (string, string) {
		return when(raw.TLS.ServerName != "" && hostFault(raw.TLS.ServerName) != "",
			"this is no host name or IP address", "write the name from the server's certificate, without a port")
	}},
	{[]string{"tls.enabled", "connection.addrs"}, func(raw, full *Config) (string, string) {
		return when(raw.TLS.Enabled && slices.ContainsFunc(full.Connection.Addrs, isSocket),
			"Redis speaks no TLS on a unix socket", "switch TLS off, or connect over TCP")
	}},
	atMost("pool.min_idle", "pool.size"),
	atMost("pool.max_idle", "pool.size"),
	{[]string{"pool.min_idle", "pool.max_idle"}, func(raw, full *Config) (string, string) {
		if raw.Pool.MaxIdle == 0 { // it is pool.size then, which the first of these rules is about
			return "", ""
		}
		return atMost("pool.min_idle", "pool.max_idle").fault(raw, full)
	}},
	atMost("pool.lifetime_jitter", "pool.max_lifetime"),
	atMost("retry.min_backoff", "retry.max_backoff"),
	{[]string{"cache.enabled", "connection.protocol", "connection.compat"}, func(raw, full *Config) (string, string) {
		return when(raw.Cache.Enabled && full.Connection.Protocol != 3,
			"a client-side cache needs RESP 3, in which Redis tells what has changed", "leave the protocol and compat out, or switch the cache off")
	}},
	{[]string{"cache.enabled", "connection.db"}, func(raw, full *Config) (string, string) {
		return when(raw.Cache.Enabled && raw.Connection.DB != 0,
			"Redis tells which keys have changed, but not of which database: a client-side cache needs database 0", "use database 0, or switch the cache off")
	}},
	{[]string{"cache.enabled", "mode"}, func(raw, full *Config) (string, string) {
		return when(raw.Cache.Enabled && raw.Mode == ModeEmbedded,
			"an embedded server does not tell what has changed", "switch the cache off, or use another mode")
	}},
},
	rulesFor(plainPaths, "tls.ca_file", "tls.cert_file", "tls.key_file", "connection.password_file",
		"sentinel.ca_file", "sentinel.cert_file", "sentinel.key_file", "sentinel.password_file"),
	rulesFor(onlyWithTLS, "tls.ca_file", "tls.cert_file", "tls.key_file", "tls.ca", "tls.cert", "tls.key",
		"tls.server_name", "tls.min_version", "tls.insecure_skip_verify", "tls.expiry_warning"),
	rulesFor(onlyWithCache, "cache.max_entries", "cache.max_staleness"),
	rulesFor(notEmbedded, "connection.addrs", "connection.username", "connection.password", "connection.password_file", "tls.enabled"),
)

// rulesFor makes one rule for each of several fields.
func rulesFor(about func(field) rule, paths ...string) []rule {
	rules := make([]rule, len(paths))
	for i, path := range paths {
		f := fieldAt(path)
		rules[i] = about(f)
	}
	return rules
}

// contradicts is the rule that a text is not given and read from a file as well.
func contradicts(filePath, textPath string) rule {
	file, text := fieldAt(filePath), fieldAt(textPath)
	return rule{[]string{filePath, textPath}, func(raw, full *Config) (string, string) {
		return when(file.isSet(raw) && text.isSet(raw), "both a file and its content are given", "keep one of the two")
	}}
}

func plainPaths(f field) rule {
	return rule{[]string{f.path}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(f.text(raw), unicode.IsControl),
			"the path holds a line break or another control character", "look for a line break at its end")
	}}
}

// onlyWithTLS keeps a forgotten switch from turning into plaintext.
func onlyWithTLS(f field) rule {
	return rule{[]string{f.path, "tls.enabled"}, func(raw, full *Config) (string, string) {
		return when(f.isSet(raw) && !raw.TLS.Enabled,
			"this is about TLS, but TLS is off", "use the scheme rediss or set tls.enabled, or leave this out")
	}}
}

func onlyWithCache(f field) rule {
	return rule{[]string{f.path, "cache.enabled"}, func(raw, full *Config) (string, string) {
		return when(f.isSet(raw) && !raw.Cache.Enabled,
			"this is about the client-side cache, but there is none", "set cache.enabled, or leave this out")
	}}
}

func notEmbedded(f field) rule {
	return rule{[]string{f.path, "mode"}, func(raw, full *Config) (string, string) {
		return when(f.isSet(raw) && raw.Mode == ModeEmbedded,
			"an embedded server is in this process: it has no address, no TLS and no users", "leave this out, or use another mode")
	}}
}

func addressesFault(raw, full *Config) (reason, fix string) {
	for _, addr := range raw.Connection.Addrs {
		if reason, fix := addressFault(addr); reason != "" {
			return reason, fix
		}
	}
	return "", ""
}

// when returns the texts if a condition holds.
func when(broken bool, reason, fix string) (string, string) {
	if !broken {
		return "", ""
	}
	return reason, fix
}

// atMost is the rule that a number or duration stays within another one.
func atMost(path, limitPath string) rule {
	f, limit := fieldAt(path), fieldAt(limitPath)
	return rule{[]string{path, limitPath}, func(raw, full *Config) (string, string) {
		return when(f.value(full).Int() > limit.value(full).Int(),
			"it must not be above "+limitPath+", which is "+limit.shown(full), "lower it, or raise "+limitPath)
	}}
}

// faults runs every check, in the order of the fields and then of the rules.
// Checks that concern a skipped field are left out; sources names who set a
// field.
func (c Config) faults(skip map[string]bool, sources func(path string) []string) []*FieldError {
	full := c.withDefaults()
	var all []*FieldError
	add := func(f field, source, reason, fix string) {
		all = append(all, &FieldError{Field: f.path, Source: source, Value: f.shown(&c), Reason: reason, Fix: fix})
	}
	settled := map[string]bool{} // nothing more to say about these
	for _, f := range configFields {
		settled[f.path] = skip[f.path]
		if skip[f.path] || !f.isSet(&c) {
			continue
		}
		reason, fix := choiceFault(f, &c)
		for _, b := range configBounds {
			if b.path == f.path {
				reason, fix = b.fault(f, &c)
			}
		}
		if reason != "" {
			add(f, firstOf(sources(f.path)), reason, fix)
			settled[f.path] = true
		}
	}
	for _, r := range configRules {
		if slices.ContainsFunc(r.fields, func(path string) bool { return settled[path] }) {
			continue
		}
		if reason, fix := r.fault(&c, &full); reason != "" {
			named, source := r.blame(&c, sources)
			add(named, source, reason, fix)
		}
	}
	return all
}

// blame returns the field to name, which is the first that someone set, and the
// sources of all that are.
func (r rule) blame(c *Config, sources func(path string) []string) (named field, source string) {
	var from []string
	for _, path := range r.fields {
		if f := fieldAt(path); named.path == "" && f.isSet(c) {
			named = f
		}
		if s := firstOf(sources(path)); s != "" && !slices.Contains(from, s) {
			from = append(from, s)
		}
	}
	return named, strings.Join(from, " and ")
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// choiceFault says that a value is none of a field's choices.
func choiceFault(f field, c *Config) (reason, fix string) {
	text := f.text(c)
	if len(f.choices) == 0 || slices.Contains(f.choices, text) {
		return "", ""
	}
	return "it is none of " + strings.Join(f.choices, ", "), cmp.Or(didYouMean(text, f.choices), "write one of them")
}
