package redisconn

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// ParseURL reads a configuration from one URL:
//
//	redis://user:password@host:6379/0?pool_size=50    TCP; also valkey://
//	rediss://host:6380?tls_ca_file=/etc/ca.pem        TLS; also valkeys://
//	unix://user:password@/run/redis.sock?db=1         a unix socket
//	redis+cluster://user:password@host1,host2,host3   a cluster, by some of its nodes; also rediss+cluster://, valkey+cluster://
//	embedded://                                       in this process, see [ModeEmbedded]
//
//	redis+sentinel://user:password@s1:26379,s2:26379/mymaster/0?sentinel_password=...
//
// The last is a Sentinel deployment (also rediss+sentinel, valkey+sentinel and
// valkeys+sentinel): the addresses are the sentinels, the path is the master's
// name and the database, user and password are those of the data nodes. The
// sentinels' own are the keys sentinel_username and sentinel_password. The
// scheme's TLS holds for both links, unless sentinel_tls says otherwise.
//
// Every field is a query key, named as in [Fields]; an unknown key is an error.
// Special characters in names and passwords are written in percent-escapes, as
// in RFC 3986; a plus sign is a plus sign everywhere, also in the query. Whether
// the link is encrypted is for the scheme alone to say. No error repeats any
// part of a URL that could hold its password.
func ParseURL(raw string) (Config, error) { return NewBuilder().URL(raw).Build() }

// urlSchemes are the schemes and whether each means TLS.
var urlSchemes = map[string]bool{
	"redis": false, "valkey": false, "rediss": true, "valkeys": true, "unix": false, "embedded": false,
	"redis" + sentinelScheme: false, "valkey" + sentinelScheme: false, "rediss" + sentinelScheme: true, "valkeys" + sentinelScheme: true,
	"redis" + clusterScheme: false, "valkey" + clusterScheme: false, "rediss" + clusterScheme: true, "valkeys" + clusterScheme: true,
}

// How the schemes end that say what the hosts are: sentinels, or nodes of a cluster.
const (
	sentinelScheme = "+sentinel"
	clusterScheme  = "+cluster"
)

// readURL reads a URL into the layer. The parser is our own because net/url's
// errors repeat their input, and because of its form-decoding of plus signs.
func (l *layer) readURL(raw, source string) {
	u := urlReader{layer: l, source: source}
	if reason, fix := u.read(raw); reason != "" {
		l.unreadable(&FieldError{Field: "url", Source: source, Reason: reason, Fix: fix},
			"connection.addrs", "connection.username", "connection.password", "tls.enabled")
	}
}

// urlReader reads one URL.
type urlReader struct {
	*layer
	source string
}

// part names the source of what a part of the URL says.
func (u urlReader) part(name string) string { return u.source + " (" + name + ")" }

// put sets a field that is known to exist.
func (u urlReader) put(path, text, part string) {
	f := fieldAt(path)
	u.set(f, text, u.part(part))
}

// read returns a reason when the URL cannot be taken apart. What follows the
// first broken part is not read: it may be the end of a password.
func (u urlReader) read(raw string) (reason, fix string) {
	if strings.ContainsFunc(raw, isControlOrSpace) {
		return "a URL has no spaces or line breaks", "remove them, or write them as percent-escapes such as %20"
	}
	scheme, rest, found := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	tls, known := urlSchemes[scheme]
	switch {
	case strings.HasPrefix(raw, `"`) || strings.HasPrefix(raw, `'`):
		return "the URL begins with a quotation mark", "remove the quotes: an env file of Docker keeps them as part of the value"
	case !found:
		return "this is no URL", "write redis://host:6379"
	case !known:
		return "the scheme is none of " + strings.Join(schemeNames(), ", "), cmp.Or(didYouMean(scheme, schemeNames()), "write redis://host:6379")
	}

	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if strings.Contains(rest, "@") {
		return "an @ follows the first / or ? or #",
			"write / as %2F, ? as %3F and # as %23 in a user or password, and @ as %40 elsewhere, or give the password in a field of its own"
	}
	if strings.Contains(rest, "#") {
		return "a URL for Redis has no fragment", "write # as %23"
	}
	path, query, _ := strings.Cut(rest, "?")

	user, host, hasUser := cutLast(authority, "@")
	if !hasUser {
		user, host = "", authority
	}
	if reason, fix := u.readTarget(scheme, host, path); reason != "" {
		return reason, fix
	}
	u.readScheme(scheme, tls)
	if hasUser {
		if reason, fix := u.readUser(user); reason != "" {
			return reason, fix
		}
	}
	u.readQuery(query)
	return "", ""
}

// readScheme takes from the scheme whether the link is encrypted. A plaintext
// scheme never takes back what an earlier source asked for.
func (u urlReader) readScheme(scheme string, tls bool) {
	if u.b.cfg.TLS.Enabled && !tls {
		asked := strings.Join(u.b.sourcesOf("tls.enabled"), ", ")
		u.b.report(&FieldError{
			Field: "tls.enabled", Source: u.part("scheme " + scheme),
			Reason: "the scheme means plaintext, but TLS was asked for by " + asked,
			Fix:    "write rediss or valkeys, or do not ask for TLS",
		})
		return
	}
	text := "false"
	if tls {
		text = "true"
	}
	u.put("tls.enabled", text, "scheme "+scheme)
}

// readTarget reads what comes after the user: where to connect and which database.
func (u urlReader) readTarget(scheme, host, path string) (reason, fix string) {
	path, err := url.PathUnescape(path)
	if err != nil {
		return badEscape("path")
	}
	switch scheme {
	case "unix":
		if host != "" {
			return "the URL of a unix socket has no host", "write unix:///run/redis.sock, with three slashes"
		}
		if reason, fix := addressFault(path); reason != "" {
			return reason, fix
		}
		u.put("connection.addrs", path, "path")
		return "", ""
	case "embedded":
		if host != "" {
			return "an embedded server has no host", "write embedded://"
		}
		u.put("mode", string(ModeEmbedded), "scheme embedded")
		u.b.cfg.Connection.Addrs = nil // an address that an earlier source gave is not used
		u.b.attribute([]string{"connection.addrs"}, origin{u.part("scheme embedded"), u.id})
		u.said["connection.addrs"] = statement{"an embedded server", u.part("scheme embedded")}
	}
	switch {
	case strings.HasSuffix(scheme, sentinelScheme):
		u.put("mode", string(ModeSentinel), "scheme "+scheme)
		path = u.readMaster(path)
	case strings.HasSuffix(scheme, clusterScheme):
		u.put("mode", string(ModeCluster), "scheme "+scheme)
	}
	if host != "" {
		if reason, fix := u.readHost(host); reason != "" {
			return reason, fix
		}
	}
	if db := strings.TrimPrefix(path, "/"); db != "" {
		if strings.Trim(db, "0123456789") != "" {
			return "the path is not the number of a database", "write /0, or nothing"
		}
		u.put("connection.db", db, "path")
	}
	return "", ""
}

// readMaster reads the name of the master, the first part of a path, and
// returns what follows it.
func (u urlReader) readMaster(path string) (rest string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if name != "" {
		u.put("sentinel.master", name, "path")
	}
	return rest
}

// readHost reads one address, or several separated by commas. Its errors repeat
// nothing: in redis://:password the password stands where the port is.
func (u urlReader) readHost(host string) (reason, fix string) {
	host, err := url.PathUnescape(host) // %25 introduces the zone of an IPv6 address
	if err != nil {
		return badEscape("host")
	}
	for addr := range strings.SplitSeq(host, ",") {
		if reason, fix := addressFault(addr); reason != "" {
			return reason, fix + "; a password is followed by @"
		}
		if strings.Count(addr, ":") > 1 && !strings.HasPrefix(addr, "[") {
			return "an IPv6 address in a URL needs brackets", "write [::1]:6379"
		}
	}
	u.put("connection.addrs", host, "host")
	return "", ""
}

// readUser reads user:password. A colon with nothing behind it says that the
// user has no password; without a colon see Builder.loneUserProblem.
func (u urlReader) readUser(user string) (reason, fix string) {
	name, password, hasPassword := strings.Cut(user, ":")
	name, err := url.PathUnescape(name)
	if err != nil {
		return badEscape("user")
	}
	password, err = url.PathUnescape(password)
	if err != nil {
		return badEscape("password")
	}
	if name != "" {
		u.put("connection.username", name, "user")
		u.b.loneUser = ""
		if !hasPassword {
			u.b.loneUser = u.part("user")
		}
	}
	if password != "" {
		u.put("connection.password", password, "password")
	}
	return "", ""
}

// readQuery reads the query keys, all of them, since a broken one says nothing
// about the others.
func (u urlReader) readQuery(query string) {
	if query == "" {
		return
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		key, escaped, _ := strings.Cut(pair, "=")
		fault := func(reason, fix string) {
			u.b.report(&FieldError{
				Field: "url", Source: u.source,
				Reason: "query key " + quoteUnlessPlain(maskSuspect(key)) + ": " + reason, Fix: fix,
			})
		}
		at := slices.IndexFunc(configFields, func(f field) bool { return f.urlKey() == key })
		text, err := url.PathUnescape(escaped)
		switch {
		case at < 0:
			fault("there is none of that name", cmp.Or(didYouMean(key, names(field.urlKey)), "docs/environment.md lists them"))
		case err != nil:
			fault(badEscape("value"))
		case text == "":
			fault("it has no value", "give it one, or leave it out for the default")
		case seen[key]:
			fault("it is there twice", "keep one of the two")
		default:
			u.set(configFields[at], text, u.part(key))
		}
		seen[key] = true
	}
}

// badEscape explains a percent sign that introduces nothing, without net/url's
// error, which repeats what follows it.
func badEscape(part string) (reason, fix string) {
	return "the " + part + " has a % that two hexadecimal digits do not follow", "write % as %25"
}

func schemeNames() []string {
	var all []string
	for scheme := range urlSchemes {
		all = append(all, scheme)
	}
	slices.Sort(all)
	return all
}

// cutLast is strings.Cut at the last separator: an @ in a password, though it
// should be escaped, is not the one before the host.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
