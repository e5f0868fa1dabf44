package redisconn_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestURLsOfEveryScheme(t *testing.T) {
	for raw, want := range map[string]string{
		"redis://":                         "{}",
		"redis://cache":                    "{connection.addrs=cache}",
		"REDIS://cache:6380/3":             "{connection.addrs=cache:6380 connection.db=3}",
		"redis:///0":                       "{}",
		"redis://cache/":                   "{connection.addrs=cache}",
		"valkey://app:pw@cache:6379/0":     "{connection.addrs=cache:6379 connection.username=app connection.password=[redacted]}",
		"redis://[2001:db8::1]:6380":       "{connection.addrs=[2001:db8::1]:6380}",
		"redis://[fe80::1%25eth0]:6379":    "{connection.addrs=[fe80::1%eth0]:6379}",
		"redis://app:@cache":               "{connection.addrs=cache connection.username=app}",
		"redis://cache?username=app":       "{connection.addrs=cache connection.username=app}",
		"redis://?addrs=cache:1":           "{connection.addrs=cache:1}",
		"rediss://cache:6380":              "{connection.addrs=cache:6380 tls.enabled=true}",
		"valkeys://cache?tls=yes":          "{connection.addrs=cache tls.enabled=true}",
		"redis://cache?tls=false":          "{connection.addrs=cache}",
		"unix:///run/redis.sock?db=2":      "{connection.addrs=/run/redis.sock connection.db=2}",
		"unix://:pw@/run/my%20redis.sock":  "", // a space is refused below
		"unix://app:pw@/run/r.sock":        "{connection.addrs=/run/r.sock connection.username=app connection.password=[redacted]}",
		"embedded://":                      "{mode=embedded}",
		"redis+cluster://h1,h2:6380":       "{mode=cluster connection.addrs=h1,h2:6380}",
		"rediss+cluster://app:pw@h1,h2,h3": "{mode=cluster connection.addrs=h1,h2,h3 connection.username=app connection.password=[redacted] tls.enabled=true}",
		"valkey+cluster://h1/0":            "{mode=cluster connection.addrs=h1}",
		"valkeys+cluster://h1,h2":          "{mode=cluster connection.addrs=h1,h2 tls.enabled=true}",
		"embedded:///4":                    "{mode=embedded connection.db=4}",
		"rediss://cache?tls_insecure_skip_verify=true&client_name=orders": "{connection.addrs=cache connection.client_name=orders tls.enabled=true tls.insecure_skip_verify=true}",
	} {
		c, err := redisconn.ParseURL(raw)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s was taken as %v", raw, c)
		case want != "" && (err != nil || c.String() != want):
			t.Errorf("%s\ngot  %v, %v\nwant %s", raw, c, err, want)
		}
	}
}

// Base64 passwords, as Azure issues them, hold all of these characters. Clients
// that form-decode the query turn the plus into a space and fail to authenticate.
func TestPasswordWithSlashSurvivesTheURL(t *testing.T) {
	const password = "a/b+c=d%e@f:g?h#i&j k\\é"
	escaped := url.PathEscape(password)
	half := strings.NewReplacer("/", "%2F", "%", "%25", "@", "%40", "?", "%3F", "#", "%23", " ", "%20").Replace(password) // the least that must be escaped
	for _, raw := range []string{
		"redis://:" + escaped + "@cache:6379/0",
		"redis://app:" + half + "@cache:6379/0",
		"redis://cache?password=" + strings.ReplaceAll(half, "&", "%26"),
	} {
		c, err := redisconn.ParseURL(raw)
		if err != nil || c.Connection.Password.Reveal() != password {
			t.Errorf("%s: %q, %v", raw, c.Connection.Password.Reveal(), err)
		}
	}
}

func TestUnescapedSpecialCharactersInAPasswordAreExplained(t *testing.T) {
	for _, raw := range []string{
		"redis://:" + canary + "/x@cache", "redis://:" + canary + "?x@cache", "redis://:" + canary + "#x@cache",
		"redis://:x/" + canary + "@cache", "redis://:x?" + canary + "@cache", "redis://user:123/" + canary + "@cache",
	} {
		_, err := redisconn.ParseURL(raw)
		if err == nil || !strings.Contains(err.Error(), "%2F") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	c, err := redisconn.ParseURL("redis://:a@b@cache") // the last @ is the one before the host
	if err != nil || c.Connection.Password.Reveal() != "a@b" {
		t.Errorf("an @ in the password: %q, %v", c.Connection.Password.Reveal(), err)
	}
}

func TestBrokenURLsAreExplained(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                               "this is no URL",
		"cache:6379":                                     "write redis://host:6379",
		`"redis://cache"`:                                "quotes",
		"redis://cache\n":                                "line breaks",
		"redis://ca che":                                 "spaces",
		"reddis://cache":                                 "did you mean redis?",
		"http://cache":                                   "the scheme is none of",
		"redis://cache/1#x":                              "fragment",
		"redis://:" + canary:                             "a password is followed by @",
		"redis://cache:port":                             "the port is not a number",
		"redis://cache:70000":                            "the port is not a number",
		"redis://::1":                                    "brackets",
		"redis://a_b!":                                   "ASCII letters",
		"redis://%zz":                                    "write % as %25",
		"redis://cache/%zz":                              "write % as %25",
		"redis://a%zz@cache":                             "write % as %25",
		"redis://a:%zz@cache":                            "write % as %25",
		"redis://cache?db=%zz":                           "query key db",
		"redis://cache/main":                             "not the number of a database",
		"redis://cache/-1":                               "not the number of a database",
		"redis://cache/16384":                            "from 0 to 16383",
		"redis://cache/99999999999999999999":             "whole number",
		"unix://run/redis.sock":                          "three slashes",
		"unix://":                                        "an address is empty",
		"embedded://cache":                               "no host",
		"redis://cache?poolsize=5":                       "did you mean pool_size?",
		"redis://cache?skip_verify=true":                 "did you mean tls_insecure_skip_verify?",
		"redis://cache?colour=red":                       "there is none of that name",
		"redis://cache?pool_size=":                       "no value",
		"redis://cache?pool_size":                        "no value",
		"redis://cache?pool_size=5&pool_size=5":          "twice",
		"redis://cache?&pool_size=5":                     "there is none of that name",
		"redis://cache?pool_size=many":                   "whole number",
		"redis://cache/1?db=2":                           "the two disagree: 1 and 2",
		"redis://cache?addrs=other":                      "the two disagree: cache:6379 and other:6379",
		"redis://:" + canary + "@cache?password=other":   "the two give different values",
		"redis://" + canary + ":x@cache?username=other":  "the two give different values",
		"redis://a,b/3":                                  "a cluster has no database but 0",
		"redis+cluster://cache/3":                        "a cluster has no database but 0",
		"redis://a,b?mode=standalone":                    "one address",
		"redis://cache?tls=true":                         "for TLS write the scheme rediss",
		"rediss://cache?tls=false":                       "for TLS write the scheme rediss",
		"redis://cache?tls_insecure_skip_verify=true":    "TLS is off",
		"redis://cache?tls_ca_file=/ca.pem":              "TLS is off",
		"unix:///run/r.sock?tls=true":                    "for TLS",
		"embedded://?password=" + canary:                 "an embedded server is in this process",
		"redis://cache?client_name=" + "a%20b":           "Redis refuses names",
		"redis://:" + canary + "%0A@cache":               "line break",
		"redis://cache?operation_timeout=5":              "unit is missing",
		"redis://cache?operation_timeout=0":              "nothing waits for ever",
		"redis://cache?when_down=failfast":               "did you mean fail-fast?",
		"redis://cache?password=x&password_file=/run/pw": "both a password and a file",
	} {
		_, err := redisconn.ParseURL(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", raw, err, want)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the password: %v", raw, err)
		}
		for _, e := range redisconn.FieldErrors(err) {
			if e.Fix == "" {
				t.Errorf("%s: no fix: %v", raw, e)
			}
		}
	}
}

// A key per problem: the first must not hide the others.
func TestAURLReportsEveryProblemOfItsQuery(t *testing.T) {
	_, err := redisconn.ParseURL("redis://cache?pool_size=-1&db=x&colour=red&min_idle=2")
	var fields []string
	for _, e := range redisconn.FieldErrors(err) {
		fields = append(fields, e.Field+" "+e.Source)
	}
	want := []string{"connection.db url (db)", "url url", "url url", "pool.size url (pool_size)"}
	if !slices.Equal(fields, want) {
		t.Errorf("got  %q\nwant %q", fields, want)
	}
}

// redis://secret@host is how a password without a user is often written. Read as
// the RFC has it, secret is a user, and would be sent, logged and listed as one.
func TestALoneUserInAURLIsTakenForAForgottenColon(t *testing.T) {
	raw := "redis://" + canary + "@cache"
	b := redisconn.NewBuilder().URL(raw)
	e, err := b.Explain()
	if err == nil || !strings.Contains(err.Error(), "redis://:password@host") {
		t.Errorf("got %v", err)
	}
	if shown := fmt.Sprint(err, e, b.Lint()); strings.Contains(shown, canary) {
		t.Errorf("shown: %s", shown)
	}
	if len(redisconn.FieldErrors(err)) != 1 {
		t.Errorf("more than that is reported: %v", err)
	}
	_, err = redisconn.ParseURL("redis://" + canary + "%0A@cache?username=other")
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("with a second user: %v", err)
	}

	for name, b := range map[string]*redisconn.Builder{
		"a password from code": redisconn.NewBuilder().URL("redis://app@cache").Password("pw"),
		"a password file":      redisconn.NewBuilder().PasswordFile("/run/pw").URL("redis://app@cache"),
		"a query key":          redisconn.NewBuilder().URL("redis://app@cache?password=pw"),
	} {
		if c, err := b.Build(); err != nil || c.Connection.Username != "app" {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c, err := redisconn.NewBuilder().URL("redis://x@cache").Username("app").Build(); err != nil || c.Connection.Username != "app" {
		t.Errorf("a user from code: %v, %v", c, err)
	}
	if _, err := redisconn.NewBuilder().URL("redis://x@cache").URL("redis://app:@cache").Build(); err != nil {
		t.Errorf("a later URL whose user has no password: %v", err)
	}
}

func TestAURLNeverTakesTLSBack(t *testing.T) {
	for _, raw := range []string{"redis://cache", "unix:///run/r.sock", "embedded://"} {
		_, err := redisconn.NewBuilder().TLS(redisconn.TLSConfig{}).URL(raw).Build()
		if err == nil || !strings.Contains(err.Error(), "TLS was asked for by code") {
			t.Errorf("%s: %v", raw, err)
		}
	}
	c, err := redisconn.NewBuilder().URL("redis://cache").TLS(redisconn.TLSConfig{}).Build()
	if err != nil || !c.TLS.Enabled {
		t.Errorf("TLS turned on after the URL: %v, %v", c, err)
	}
	if _, err := redisconn.NewBuilder().URL("rediss://cache").Set("tls.enabled", "false", "flag --tls").Build(); err != nil {
		t.Errorf("TLS switched off by its name: %v", err)
	}
}

func TestAnEmbeddedURLReplacesTheAddress(t *testing.T) {
	b := redisconn.NewBuilder().Addr("cache").URL("embedded://")
	c, err := b.Build()
	if err != nil || c.Connection.Addrs != nil || c.Mode != redisconn.ModeEmbedded {
		t.Errorf("%v, %v", c, err)
	}
	e, _ := b.Explain()
	if row := explained(t, e, "connection.addrs"); row.Source != "url (scheme embedded)" || !slices.Equal(row.Overrides, []string{"code"}) {
		t.Errorf("%+v", row)
	}
}

func TestEveryFieldIsAKeyOfAURL(t *testing.T) {
	for _, f := range redisconn.Fields() {
		raw := "redis://?" + f.URLKey + "=" + url.PathEscape(others[f.Path])
		if strings.HasPrefix(f.Path, "tls.") {
			raw = strings.Replace(raw, "redis:", "rediss:", 1)
		}
		b := redisconn.NewBuilder().URL(raw)
		e, _ := b.Explain()
		row := explained(t, e, f.Path)
		want := "url (" + f.URLKey + ")"
		if f.Path == "tls.enabled" {
			want = "url (scheme rediss)"
		}
		if row.Source != want {
			t.Errorf("%s: %+v", raw, row)
		}
	}
}

// urlWithPassword puts a password, unescaped, where a URL has it.
func urlWithPassword(scheme, user, password, rest string) string {
	return scheme + "://" + user + ":" + password + "@" + rest
}

// The password stands where a URL has it, unescaped and with whatever around it:
// no error and no print may show it.
func FuzzURLNeverShowsThePassword(f *testing.F) {
	for _, s := range [][5]string{
		{"redis", "", "", "", "cache:6379/0"}, {"rediss", "app", "a/", "?b", "cache"}, {"unix", "", "#", "%", "/run/r.sock"},
		{"redis", "x", "@h?client_name=", "", "cache"}, {"valkey", "", "", "@h:port", "/?password=x"}, {"redis", "", "%zz", "", "cache?pool_size=0"},
		{"embedded", "", "://", "", ""}, {"redis+sentinel", "app", "", "", "s1,s2/mymaster/0?sentinel_password=x"}, {"redis", "", "\n", "", "cache"}, {"", "", "", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	f.Fuzz(func(t *testing.T, scheme, user, before, after, rest string) {
		if strings.Contains(scheme+user+rest, canary) {
			return // it stands for something else as well
		}
		raw := urlWithPassword(scheme, user, before+canary+after, rest)
		b := redisconn.NewBuilder().URL(raw)
		c, err := b.Build()
		e, _ := b.Explain()
		if shown := fmt.Sprintf("%v %+v %#v %v %v %v", c, c, c, err, e, b.Lint()); strings.Contains(shown, canary) {
			t.Errorf("%q shows %s", raw, shown)
		}
		for _, e := range redisconn.FieldErrors(err) {
			if e.Reason == "" || e.Field == "" {
				t.Errorf("%q: %+v", raw, e)
			}
		}
	})
}

// What net/url takes apart as well must come out the same.
func FuzzURLAgreesWithTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{
		"redis://cache:6379/3", "redis://:p%2Fw@cache", "rediss://app:pw@[::1]:6380/0?pool_size=5", "redis://a:b@c@d", "valkey://u:p%40@h/1?client_name=a+b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ours, err := redisconn.ParseURL(raw)
		theirs, theirErr := url.Parse(raw)
		if err != nil || theirErr != nil || !strings.HasPrefix(strings.ToLower(raw), "redis") {
			return
		}
		password, _ := theirs.User.Password()
		if theirs.User != nil && password != "" && password != ours.Connection.Password.Reveal() {
			t.Errorf("%q: password %q, net/url has %q", raw, ours.Connection.Password.Reveal(), password)
		}
		if name := theirs.User.Username(); name != "" && name != ours.Connection.Username {
			t.Errorf("%q: user %q, net/url has %q", raw, ours.Connection.Username, name)
		}
		if theirs.Host != "" && strings.Join(ours.Connection.Addrs, ",") != theirs.Host {
			t.Errorf("%q: addresses %q, net/url has %q", raw, ours.Connection.Addrs, theirs.Host)
		}
	})
}
