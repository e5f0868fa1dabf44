package redisconn

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Warning is something that is allowed and works, and still is seldom meant.
type Warning struct {
	Code  string `json:"code"`  // stable, such as RC-C001; docs/lints.md explains each
	Field string `json:"field"` // path of the field it is about
	Text  string `json:"text"`  // what was found
	Fix   string `json:"fix"`   // what to do about it
}

// String returns the warning on one line.
func (w Warning) String() string {
	return w.Code + " " + w.Field + ": " + w.Text + "; " + w.Fix
}

// Lint returns what is allowed in c and seldom meant. It does no I/O; warnings
// about variables come from [Builder.Lint], those about files when they are read.
func (c Config) Lint() []Warning {
	full := c.withDefaults()
	var warnings []Warning
	for _, l := range configLints {
		if l.find == nil {
			continue
		}
		if text := l.find(&c, &full); text != "" {
			warnings = append(warnings, lintWarning(l.code, text))
		}
	}
	return warnings
}

// LintInfo explains a warning's code.
type LintInfo struct {
	Code  string // as in [Warning]
	Field string // the field it is about
	About string // what is wrong with what it finds
	Fix   string // what to do about it
}

// Lints returns every code a [Warning] may have, in the order of the codes. The
// slice is the caller's own.
func Lints() []LintInfo {
	infos := make([]LintInfo, len(configLints))
	for i, l := range configLints {
		infos[i] = LintInfo{Code: l.code, Field: l.field, About: l.about, Fix: l.fix}
	}
	return infos
}

// lint is a row of the table behind [Config.Lint] and docs/lints.md. Codes are
// never reused: what is retired leaves a gap.
type lint struct {
	code, field string
	about       string // for docs/lints.md
	fix         string
	find        func(raw, full *Config) string // nil where a file or a variable is looked at instead
}

// Codes of the warnings that come from variables and files.
const (
	lintServiceLink  = "RC-C101"
	lintNearMiss     = "RC-C102"
	lintPasswordFile = "RC-C103"
	lintKeyFile      = "RC-C104"
	lintCertExpiry   = "RC-C105"
)

const (
	defaultMaxClients = 10000 // maxclients of a server whose configuration does not say
	defaultDatabases  = 16    // databases, likewise

	// shortestIdleCut is after how long the first of the common load balancers
	// forgets a silent connection: AWS's NLB after 350 s, Azure's after 4 to 10 min.
	shortestIdleCut = 350 * time.Second
)

var configLints = []lint{
	{code: "RC-C001", field: "tls.insecure_skip_verify",
		about: "The server's certificate is not verified, so TLS protects from nobody on the path.",
		fix:   "give the server's authority in tls.ca_file, or the name it carries in tls.server_name",
		find: func(raw, full *Config) string {
			return found(raw.TLS.InsecureSkipVerify, "any certificate is accepted: whoever is on the path can read and change everything")
		}},
	{code: "RC-C002", field: "tls.enabled",
		about: "A password travels in clear to another machine.",
		fix:   "use the scheme rediss or set tls.enabled",
		find: func(raw, full *Config) string {
			hasPassword := raw.Connection.Password != "" || raw.Connection.PasswordFile != ""
			return found(hasPassword && !raw.TLS.Enabled && leavesMachine(full), "the password is sent in clear over the network")
		}},
	{code: "RC-C003", field: "connection.db",
		about: "A database other than 0 behind what speaks only the minimum: most proxies know database 0 only, refuse SELECT or ignore it.",
		fix:   "use database 0 and a prefix of your own for keys",
		find: func(raw, full *Config) string {
			return found(raw.Connection.DB != 0 && raw.Connection.Compat, "most proxies refuse or ignore SELECT")
		}},
	{code: "RC-C004", field: "connection.db",
		about: "A database number that a server with default settings does not have: its 16 databases are 0 to 15.",
		fix:   "check the server's setting databases",
		find: func(raw, full *Config) string {
			return found(raw.Connection.DB >= defaultDatabases, fmt.Sprintf("a server has %d databases unless its configuration says otherwise", defaultDatabases))
		}},
	{code: "RC-C005", field: "connection.username",
		about: "A user without a password: nothing is sent to authenticate it, and Redis treats the connection as its user default.",
		fix:   "give the password, or leave the user out",
		find: func(raw, full *Config) string {
			conn := raw.Connection
			return found(conn.Username != "" && conn.Password == "" && conn.PasswordFile == "", "a user is named, but no password authenticates it")
		}},
	{code: "RC-C006", field: "tls.server_name",
		about: "TLS to an IP address: few certificates name addresses, so verification is likely to fail.",
		fix:   "set tls.server_name to a name that the certificate carries",
		find: func(raw, full *Config) string {
			byIP := slices.ContainsFunc(full.Connection.Addrs, func(addr string) bool {
				_, err := netip.ParseAddr(addressHost(addr))
				return err == nil
			})
			return found(raw.TLS.Enabled && byIP && raw.TLS.ServerName == "" && !raw.TLS.InsecureSkipVerify,
				"the certificate must name the IP address itself")
		}},
	{code: "RC-C030", field: "sentinel.tls",
		about: "The sentinels' password travels in clear to another machine.",
		fix:   "set sentinel.tls to on, or use the scheme rediss+sentinel",
		find: func(raw, full *Config) string {
			hasPassword := raw.Sentinel.Password != "" || raw.Sentinel.PasswordFile != ""
			return found(hasPassword && !full.sentinelTLS().Enabled && leavesMachine(full), "the sentinels' password is sent in clear over the network")
		}},
	{code: "RC-C031", field: "connection.addrs",
		about: "One sentinel is named. The others are learnt from it, but a process that starts while it is down finds no master.",
		fix:   "name all sentinels",
		find: func(raw, full *Config) string {
			return found(full.asksSentinels() && len(full.Connection.Addrs) == 1 && leavesMachine(full), "a single sentinel is named, and a start depends on it")
		}},
	{code: "RC-C010", field: "timeouts.dial",
		about: "One attempt to connect may take longer than all of them together.",
		fix:   "lower timeouts.dial, so that a second attempt fits, or raise timeouts.connect",
		find: func(raw, full *Config) string {
			return longer(full.Timeouts.Dial, full.Timeouts.Connect, "timeouts.connect")
		}},
	{code: "RC-C011", field: "timeouts.read",
		about: "Waiting for a reply may take longer than the command as a whole, so the shorter one always ends it.",
		fix:   "lower timeouts.read, or raise timeouts.operation",
		find: func(raw, full *Config) string {
			return longer(full.Timeouts.Read, full.Timeouts.Operation, "timeouts.operation")
		}},
	{code: "RC-C012", field: "timeouts.write",
		about: "Sending a command may take longer than the command as a whole, so the shorter one always ends it.",
		fix:   "lower timeouts.write, or raise timeouts.operation",
		find: func(raw, full *Config) string {
			return longer(full.Timeouts.Write, full.Timeouts.Operation, "timeouts.operation")
		}},
	{code: "RC-C013", field: "pool.wait",
		about: "Waiting for a connection may take longer than the command as a whole.",
		fix:   "lower pool.wait, or raise timeouts.operation",
		find: func(raw, full *Config) string {
			return longer(full.Pool.Wait, full.Timeouts.Operation, "timeouts.operation")
		}},
	{code: "RC-C014", field: "timeouts.operation",
		about: "A command may take longer than Close waits, so a shutdown may abandon commands that would still succeed.",
		fix:   "raise timeouts.shutdown, or lower timeouts.operation",
		find: func(raw, full *Config) string {
			return longer(full.Timeouts.Operation, full.Timeouts.Shutdown, "timeouts.shutdown")
		}},
	{code: "RC-C015", field: "retry.max_backoff",
		about: "One pause between attempts may use up the time of the whole command.",
		fix:   "lower retry.max_backoff, or raise timeouts.operation",
		find: func(raw, full *Config) string {
			return longer(full.Retry.MaxBackoff, full.Timeouts.Operation, "timeouts.operation")
		}},
	{code: "RC-C016", field: "health.timeout",
		about: "A health check may take longer than the time until the next, so an outage is found later than the interval suggests.",
		fix:   "lower health.timeout, or raise health.interval",
		find: func(raw, full *Config) string {
			return longer(full.Health.Timeout, full.Health.Interval, "health.interval")
		}},
	{code: "RC-C017", field: "health.warn_latency",
		about: "Health is to warn of a latency at which its check has failed already, so it never warns.",
		fix:   "lower health.warn_latency, or raise health.timeout",
		find: func(raw, full *Config) string {
			return longer(full.Health.WarnLatency, full.Health.Timeout, "health.timeout")
		}},
	{code: "RC-C018", field: "pool.idle_timeout",
		about: "Idle connections live longer than load balancers and firewalls remember them; the next command on one finds it dead.",
		fix:   "keep pool.idle_timeout at 5m or below",
		find: func(raw, full *Config) string {
			return found(leavesMachine(full) && full.Pool.IdleTimeout > shortestIdleCut,
				durationText(full.Pool.IdleTimeout)+" is longer than the "+durationText(shortestIdleCut)+" after which common load balancers drop an idle connection")
		}},
	{code: "RC-C019", field: "pool.idle_timeout",
		about: "Connections end by age before they can be idle for that long, so the idle timeout never applies.",
		fix:   "lower pool.idle_timeout, or raise pool.max_lifetime",
		find: func(raw, full *Config) string {
			if full.Pool.MaxLifetime == 0 {
				return ""
			}
			return longer(full.Pool.IdleTimeout, full.Pool.MaxLifetime, "pool.max_lifetime")
		}},
	{code: "RC-C020", field: "pool.size",
		about: "A pool so large that ten instances of the service reach the 10000 clients that a default server takes in all.",
		fix:   "lower pool.size, or raise the server's maxclients and count all services that share it",
		find: func(raw, full *Config) string {
			return found(full.Pool.Size > defaultMaxClients/10,
				fmt.Sprintf("ten instances with %d connections each exceed the %d clients a default server takes", full.Pool.Size, defaultMaxClients))
		}},
	{code: "RC-C021", field: "retry.effect",
		about: "Commands whose second application differs from the first may be sent again after a lost reply: a counter may count twice.",
		fix:   "set retry.effect to idempotent, or make sure that counting twice does no harm",
		find: func(raw, full *Config) string {
			risky := []Effect{EffectConditional, EffectAccumulating, EffectUnknown}
			return found(slices.Contains(risky, full.Retry.Effect), "a command whose reply is lost may be applied twice")
		}},

	{code: lintServiceLink, field: "connection.addrs",
		about: "REDIS_PORT holds tcp://…, which Kubernetes sets in every container of a namespace with a Service named redis, and Docker's links before it. It is ignored.",
		fix:   "set enableServiceLinks: false in the pod, or use another prefix; set the port in REDIS_URL or REDIS_ADDRS where it matters"},
	{code: lintNearMiss, field: "env",
		about: "A variable under the prefix is read by nothing and looks like one that is.",
		fix:   "rename it, or remove it"},
	{code: lintPasswordFile, field: "connection.password_file",
		about: "Other users of the machine can read the password's file, or one of them owns it.",
		fix:   "chmod 0400 and chown to root or this process's user; on the volume of a Kubernetes secret defaultMode: 0400"},
	{code: lintKeyFile, field: "tls.key_file",
		about: "Other users of the machine can read the private key's file, or one of them owns it.",
		fix:   "chmod 0400 and chown to root or this process's user; on the volume of a Kubernetes secret defaultMode: 0400"},
	{code: lintCertExpiry, field: "tls.cert_file",
		about: "This client's certificate expires within 14 days.",
		fix:   "renew the certificate"},
}

// lintWarning makes a warning of a code in the table.
func lintWarning(code, text string) Warning {
	at := slices.IndexFunc(configLints, func(l lint) bool { return l.code == code })
	return Warning{Code: code, Field: configLints[at].field, Text: text, Fix: configLints[at].fix}
}

func found(it bool, text string) string {
	if !it {
		return ""
	}
	return text
}

func longer(d, limit time.Duration, limitPath string) string {
	return found(d > limit, fmt.Sprintf("%s is longer than %s, which is %s", durationText(d), limitPath, durationText(limit)))
}

// leavesMachine reports whether commands travel over a network.
func leavesMachine(full *Config) bool {
	return slices.ContainsFunc(full.Connection.Addrs, func(addr string) bool { return !isLoopback(addr) })
}
