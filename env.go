package redisconn

import (
	"net"
	"os"
	"strings"
)

// defaultEnvPrefix is the prefix of FromEnv and of every page that names variables.
const defaultEnvPrefix = "REDIS_"

// FromEnv reads the environment variables REDIS_URL, REDIS_HOST, REDIS_PASSWORD
// and so on, which docs/environment.md lists, and returns every problem at once,
// each a [*FieldError]. An empty variable counts as unset. Without any, the
// result is the default configuration. Warnings, such as about a misspelt
// variable, need [NewBuilder], [Builder.Env] and [Builder.Lint].
func FromEnv() (Config, error) { return NewBuilder().Env(defaultEnvPrefix).Build() }

// Env reads the variables whose names begin with a prefix, such as REDIS_. What
// no variable mentions stays as it is. Variables that contradict each other
// (REDIS_URL and REDIS_HOST) are an error that names both.
func (b *Builder) Env(prefix string) *Builder {
	var present []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		present = append(present, name)
	}
	return b.env(prefix, os.LookupEnv, present)
}

// Environ is [Builder.Env] with the variables given, each as NAME=value and the
// first of a name counting, as os.Environ returns them.
func (b *Builder) Environ(prefix string, environ []string) *Builder {
	values := map[string]string{}
	var present []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := values[name]; !twice {
			values[name] = value
			present = append(present, name)
		}
	}
	lookup := func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
	return b.env(prefix, lookup, present)
}

// EnvLookup is [Builder.Env] with a lookup of the caller's, for tests and for
// settings that live elsewhere. It cannot find misspelt names.
func (b *Builder) EnvLookup(prefix string, lookup func(name string) (string, bool)) *Builder {
	return b.env(prefix, lookup, nil)
}

func (b *Builder) env(prefix string, lookup func(string) (string, bool), present []string) *Builder {
	if prefix == "" {
		b.report(&FieldError{
			Field: "env", Reason: "the prefix is empty, so HOST and PORT of any other program would be read", Fix: "use " + defaultEnvPrefix,
		})
		return b
	}
	b.prefix = prefix
	l := &envLayer{layer: b.newLayer(), prefix: prefix, lookup: lookup}
	if raw, ok := l.get("URL"); ok {
		l.readURL(raw, l.source("URL"))
	}
	for _, f := range configFields {
		if text, ok := l.get(f.env); ok {
			l.set(f, text, l.source(f.env))
		}
	}
	l.readHostAndPort()
	l.warnAboutNearMisses(present)
	return b
}

// envLayer is an environment while it is read.
type envLayer struct {
	*layer
	prefix string
	lookup func(string) (string, bool)
}

func (l *envLayer) source(suffix string) string { return "env " + l.prefix + suffix }

// get returns a variable that is there and not empty: templates that leave
// REDIS_PASSWORD= behind mean that there is none.
func (l *envLayer) get(suffix string) (string, bool) {
	text, _ := l.lookup(l.prefix + suffix)
	return text, text != ""
}

// readHostAndPort reads the two variables that make up one address. Each
// replaces its part only, of the address that earlier sources gave.
func (l *envLayer) readHostAndPort() {
	host, hasHost := l.get("HOST")
	port, hasPort := l.get("PORT")
	if isServiceLink(port) {
		l.b.warnings = append(l.b.warnings, lintWarning(lintServiceLink, l.prefix+"PORT is "+maskSuspect(port)+
			", which Kubernetes and Docker set for a service of that name; it is ignored"))
		port, hasPort = "", false
	}
	if !l.hostAndPortReadable(host, port) || l.contradictsAddress(host, port) {
		return
	}
	addrs := fieldAt("connection.addrs")
	if _, said := l.said[addrs.path]; said { // by REDIS_URL or REDIS_ADDRS, and found to agree
		return
	}
	oldHost, oldPort := l.currentHostAndPort()
	switch {
	case isSocket(host):
		l.set(addrs, host, l.source("HOST"))
	case hasHost && hasPort:
		l.set(addrs, joinAddress(host, port), l.source("HOST")+" and "+l.source("PORT"))
	case hasHost:
		l.set(addrs, joinAddress(host, oldPort), l.source("HOST"))
	case hasPort:
		l.set(addrs, joinAddress(oldHost, port), l.source("PORT"))
	}
}

// joinAddress takes an IPv6 host with its brackets as well as without.
func joinAddress(host, port string) string { return net.JoinHostPort(strings.Trim(host, "[]"), port) }

// hostAndPortReadable reports what is wrong with either by itself.
func (l *envLayer) hostAndPortReadable(host, port string) bool {
	fault := func(suffix, value, reason, fix string) bool {
		l.unreadable(&FieldError{
			Field: "connection.addrs", Source: l.source(suffix), Value: maskSuspect(value), Reason: reason, Fix: fix,
		}, "connection.addrs")
		return false
	}
	if host != "" {
		if reason, fix := l.hostVariableFault(host); reason != "" {
			return fault("HOST", host, reason, fix)
		}
	}
	if port != "" && !isPort(port) {
		return fault("PORT", port, "the port is not a number from 1 to 65535", "write digits only, such as 6379")
	}
	if port != "" && isSocket(host) {
		return fault("HOST", host, "a unix socket has no port, but "+l.source("PORT")+" gives one", "keep one of the two")
	}
	return true
}

// currentHostAndPort is the one server that the sources so far lead to.
func (l *envLayer) currentHostAndPort() (host, port string) {
	if now := l.b.cfg.Connection.Addrs; len(now) == 1 && !isSocket(now[0]) {
		return splitAddress(now[0], l.b.cfg.defaultPort())
	}
	return defaultHost, l.b.cfg.defaultPort()
}

// contradictsAddress reports where REDIS_HOST or REDIS_PORT, as far as they are
// set, say something else than the REDIS_URL or REDIS_ADDRS beside them.
func (l *envLayer) contradictsAddress(host, port string) (contradicts bool) {
	addrs := fieldAt("connection.addrs")
	said, ok := l.said[addrs.path]
	if !ok {
		return false
	}
	saidHost, saidPort := said.text, ""
	if !strings.ContainsAny(said.text, "/, ") { // no socket, list or embedded server
		saidHost, saidPort = splitAddress(said.text, defaultPort)
	}
	if host != "" && !strings.EqualFold(strings.Trim(host, "[]"), saidHost) {
		l.contradict(addrs, said, statement{host, l.source("HOST")})
		contradicts = true
	}
	if port != "" && port != saidPort {
		l.contradict(addrs, said, statement{"port " + port, l.source("PORT")})
		contradicts = true
	}
	return contradicts
}

// hostVariableFault says why a value is no host by itself.
func (l *envLayer) hostVariableFault(host string) (reason, fix string) {
	if isSocket(host) {
		return addressFault(host)
	}
	if _, _, err := net.SplitHostPort(host); err == nil && !strings.Contains(host, "://") {
		return "the host holds a port", "put the port into " + l.prefix + "PORT, or host and port into " + l.prefix + "ADDRS"
	}
	reason, _ = addressFault(host)
	return reason, "write a host name or an IP address; a URL belongs into " + l.prefix + "URL, several servers into " + l.prefix + "ADDRS"
}

// isServiceLink recognises what Kubernetes puts into REDIS_PORT for every
// container in the namespace of a Service called redis, and Docker's links did
// before it: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
func isServiceLink(port string) bool {
	return strings.HasPrefix(port, "tcp://") || strings.HasPrefix(port, "udp://")
}

// warnAboutNearMisses warns of variables that look like one that is read and are
// none. Others are nobody's mistake: platforms put their own under any prefix.
func (l *envLayer) warnAboutNearMisses(present []string) {
	known := names(func(f field) string { return f.env })
	for _, v := range envOnly {
		known = append(known, v.env)
	}
	isKnown := map[string]bool{}
	for _, suffix := range known {
		isKnown[suffix] = true
	}
	for _, name := range present {
		suffix, ours := strings.CutPrefix(name, l.prefix)
		if !ours || isKnown[suffix] || isServiceVariable(suffix) {
			continue
		}
		if meant := suggest(suffix, known); meant != "" {
			l.b.warnings = append(l.b.warnings, lintWarning(lintNearMiss, name+" is not read; did you mean "+l.prefix+meant+"?"))
		}
	}
}

// isServiceVariable recognises the other variables of service links:
// REDIS_SERVICE_HOST, REDIS_PORT_6379_TCP_ADDR and so on, and those of a service
// called redis-sentinel.
func isServiceVariable(suffix string) bool {
	if of, sentinel := strings.CutPrefix(suffix, "SENTINEL_"); sentinel {
		return of == "PORT" || strings.HasPrefix(of, "SERVICE_") || strings.HasPrefix(of, "PORT_")
	}
	return strings.HasPrefix(suffix, "SERVICE_") || strings.HasPrefix(suffix, "PORT_")
}
