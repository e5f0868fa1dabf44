package redisconn_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// lookupIn looks variables up in a map.
func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

func fromMap(env map[string]string) *redisconn.Builder {
	return redisconn.NewBuilder().EnvLookup("REDIS_", lookupIn(env))
}

func TestEveryFieldHasItsVariable(t *testing.T) {
	for _, f := range redisconn.Fields() {
		e, _ := fromMap(map[string]string{f.Env: others[f.Path]}).Explain()
		row := explained(t, e, f.Path)
		if row.Source != "env "+f.Env || row.Default {
			t.Errorf("%s: %+v", f.Env, row)
		}
	}
}

func TestFromEnvReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("REDIS_HOST", "cache")
	t.Setenv("REDIS_PORT", "6380")
	t.Setenv("REDIS_PASSWORD", "p%/=+w")
	t.Setenv("REDIS_OPERATION_TIMEOUT", "250ms")
	c, err := redisconn.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Connection; got.Addrs[0] != "cache:6380" || got.Password.Reveal() != "p%/=+w" || c.Timeouts.Operation != 250*time.Millisecond {
		t.Errorf("read %v", c)
	}
}

func TestAnEnvironmentCanBeGivenAsAList(t *testing.T) {
	b := redisconn.NewBuilder().Environ("REDIS_", []string{"REDIS_HOST=cache", "REDIS_HOST=shadowed", "HOME=/root", "REDIS_PASWORD=hunter2", "REDIS_CLIENT_NAME=a=b"})
	c, err := b.Build()
	if err != nil || c.Connection.Addrs[0] != "cache:6379" || c.Connection.ClientName != "a=b" {
		t.Errorf("%v, %v", c, err)
	}
	if warnings := b.Lint(); len(warnings) != 1 || warnings[0].Code != "RC-C102" || strings.Contains(warnings[0].String(), "hunter2") {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestHostAndPortReplaceTheirPartOfTheAddress(t *testing.T) {
	for _, c := range []struct{ base, host, port, want, source string }{
		{"", "", "", "", ""},
		{"", "cache", "", "cache:6379", "env REDIS_HOST"},
		{"", "", "6380", "localhost:6380", "env REDIS_PORT"},
		{"", "cache", "6380", "cache:6380", "env REDIS_HOST and env REDIS_PORT"},
		{"dev:7000", "cache", "", "cache:7000", "env REDIS_HOST"},
		{"dev:7000", "", "6380", "dev:6380", "env REDIS_PORT"},
		{"/run/dev.sock", "cache", "", "cache:6379", "env REDIS_HOST"},
		{"", "::1", "", "[::1]:6379", "env REDIS_HOST"},
		{"", "[::1]", "6380", "[::1]:6380", "env REDIS_HOST and env REDIS_PORT"},
		{"dev", "/run/redis.sock", "", "/run/redis.sock", "env REDIS_HOST"},
	} {
		b := redisconn.NewBuilder()
		if c.base != "" {
			b.Addr(c.base)
		}
		b.EnvLookup("REDIS_", lookupIn(map[string]string{"REDIS_HOST": c.host, "REDIS_PORT": c.port}))
		cfg, err := b.Build()
		if got := strings.Join(cfg.Connection.Addrs, ","); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
		if e, _ := b.Explain(); c.source != "" && explained(t, e, "connection.addrs").Source != c.source {
			t.Errorf("%+v: %+v", c, explained(t, e, "connection.addrs"))
		}
	}
}

func TestBrokenHostsAndPortsAreExplained(t *testing.T) {
	for _, c := range []struct{ host, port, want string }{
		{"cache:6379", "", "put the port into REDIS_PORT"},
		{"redis://:" + canary + "@cache:6379", "", "a URL belongs into REDIS_URL"},
		{"a,b", "", "several servers into REDIS_ADDRS"},
		{"ca che", "", "spaces"},
		{"/" + strings.Repeat("x", 200), "", "107 bytes"},
		{"/run/redis.sock", "6379", "a unix socket has no port, but env REDIS_PORT gives one"},
		{"", "redis", "write digits only"},
		{"", "0", "from 1 to 65535"},
		{"cache", "http://x", "from 1 to 65535"},
	} {
		_, err := fromMap(map[string]string{"REDIS_HOST": c.host, "REDIS_PORT": c.port}).Build()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) || len(redisconn.FieldErrors(err)) != 1 {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Kubernetes puts REDIS_PORT=tcp://10.0.0.1:6379 into every container of a
// namespace with a Service called redis. Clients that read the variable as a
// number then crash at start, in production only.
func TestAServiceLinkIsIgnoredWithAWarning(t *testing.T) {
	env := map[string]string{
		"REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_SERVICE_HOST": "10.0.0.1", "REDIS_SERVICE_PORT": "6379",
		"REDIS_PORT_6379_TCP": "tcp://10.0.0.1:6379", "REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	for _, host := range []string{"", "cache"} {
		t.Setenv("REDIS_HOST", host)
		b := redisconn.NewBuilder().Env("REDIS_")
		c, err := b.Build()
		if err != nil || strings.Join(c.Connection.Addrs, "") != map[string]string{"": "", "cache": "cache:6379"}[host] {
			t.Errorf("host %q: %v, %v", host, c, err)
		}
		warnings := b.Lint()
		if len(warnings) != 1 || warnings[0].Code != "RC-C101" || !strings.Contains(warnings[0].String(), "enableServiceLinks") {
			t.Errorf("warnings %v", warnings)
		}
	}
}

// A template that leaves REDIS_PASSWORD= behind means that there is no password.
func TestAnEmptyVariableCountsAsUnset(t *testing.T) {
	env := map[string]string{"REDIS_URL": "", "REDIS_HOST": "", "REDIS_PORT": ""}
	for _, f := range redisconn.Fields() {
		env[f.Env] = ""
	}
	c, err := fromMap(env).Build()
	if err != nil || c.String() != "{}" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestVariablesThatContradictEachOtherAreNamedTogether(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{map[string]string{"REDIS_URL": "redis://a:1", "REDIS_HOST": "b"}, []string{"env REDIS_URL (host)", "env REDIS_HOST", "a:1 and b"}},
		{map[string]string{"REDIS_URL": "redis://a:1", "REDIS_PORT": "2"}, []string{"env REDIS_URL (host)", "env REDIS_PORT", "a:1 and port 2"}},
		{map[string]string{"REDIS_URL": "redis://a:1", "REDIS_ADDRS": "a:2"}, []string{"env REDIS_URL (host)", "env REDIS_ADDRS"}},
		{map[string]string{"REDIS_URL": "unix:///a", "REDIS_HOST": "b", "REDIS_PORT": "6379"}, []string{"/a and b", "/a and port 6379"}},
		{map[string]string{"REDIS_URL": "embedded://", "REDIS_PORT": "6379"}, []string{"embedded", "env REDIS_PORT"}},
		{map[string]string{"REDIS_URL": "redis://a/1", "REDIS_DB": "2"}, []string{"env REDIS_URL (path)", "env REDIS_DB", "1 and 2"}},
		{map[string]string{"REDIS_URL": "redis://:" + canary + "@a", "REDIS_PASSWORD": "x"}, []string{"env REDIS_URL (password)", "env REDIS_PASSWORD"}},
		{map[string]string{"REDIS_URL": "redis://:" + canary + "@a", "REDIS_PASSWORD_FILE": "/x"}, []string{"env REDIS_URL (password)", "env REDIS_PASSWORD_FILE"}},
		{map[string]string{"REDIS_PASSWORD": canary, "REDIS_PASSWORD_FILE": "/x"}, []string{"env REDIS_PASSWORD and env REDIS_PASSWORD_FILE"}},
		{map[string]string{"REDIS_URL": "redis://a", "REDIS_TLS": "true"}, []string{"env REDIS_URL (scheme redis)", "env REDIS_TLS", "rediss"}},
		{map[string]string{"REDIS_URL": "rediss://a", "REDIS_TLS": "off"}, []string{"env REDIS_URL (scheme rediss)", "env REDIS_TLS"}},
		{map[string]string{"REDIS_URL": "redis://a?pool_size=5", "REDIS_POOL_SIZE": "6"}, []string{"env REDIS_URL (pool_size)", "5 and 6"}},
	} {
		_, err := fromMap(c.env).Build()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v:\n%v\nlacks %s", c.env, err, want)
			}
		}
	}
}

func TestVariablesThatAgreeAreTaken(t *testing.T) {
	env := map[string]string{
		"REDIS_URL": "rediss://:pw@Cache:6379/1?pool_size=5&operation_timeout=1s", "REDIS_HOST": "cache", "REDIS_PORT": "6379", "REDIS_PASSWORD": "pw",
		"REDIS_DB": "1", "REDIS_TLS": "1", "REDIS_POOL_SIZE": "05", "REDIS_OPERATION_TIMEOUT": "1000ms",
	}
	c, err := fromMap(env).Build()
	if err != nil || c.Pool.Size != 5 || c.Connection.Addrs[0] != "Cache:6379" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestABrokenURLInTheEnvironmentIsTheOnlyComplaint(t *testing.T) {
	_, err := fromMap(map[string]string{"REDIS_URL": "redis://:" + canary, "REDIS_TLS_CA_FILE": "/ca.pem"}).Build()
	if got := redisconn.FieldErrors(err); len(got) != 1 || got[0].Source != "env REDIS_URL" || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
}

func TestEveryProblemOfTheEnvironmentIsReportedAtOnce(t *testing.T) {
	_, err := fromMap(map[string]string{
		"REDIS_PORT": "x", "REDIS_DB": "-1", "REDIS_POOL_SIZE": "many", "REDIS_POOL_MIN_IDLE": "50", "REDIS_TLS": "maybe",
		"REDIS_TLS_CA_FILE": "/ca.pem", "REDIS_RETRY_BUDGET": "0", "REDIS_MODE": "custer",
	}).Build()
	got := map[string]string{}
	for _, e := range redisconn.FieldErrors(err) {
		got[e.Field] = e.Source
	}
	// Nothing about min_idle or the CA: whether they fit is unknown while the
	// pool's size and the switch of TLS cannot be read.
	want := map[string]string{
		"connection.addrs": "env REDIS_PORT", "connection.db": "env REDIS_DB", "pool.size": "env REDIS_POOL_SIZE",
		"tls.enabled": "env REDIS_TLS", "retry.budget": "env REDIS_RETRY_BUDGET", "mode": "env REDIS_MODE",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v\n%v", got, want, err)
	}
}

func TestMisspeltVariablesAreWarnedAbout(t *testing.T) {
	for name, value := range map[string]string{
		"REDIS_POOLSIZE": "50", "REDIS_PASWORD": canary, "REDIS_USER": "app", "REDIS_URI": "redis://x",
		"REDIS_VERSION": "7.0", "REDIS_MASTER_HOST": "x", "REDIS_EXPORTER_ADDR": "x", "OTHER_POOLSIZE": "1",
	} {
		t.Setenv(name, value)
	}
	b := redisconn.NewBuilder().Env("REDIS_")
	if _, err := b.Build(); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, w := range b.Lint() {
		if w.Code != "RC-C102" || strings.Contains(w.String(), canary) {
			t.Errorf("warning %v", w)
		}
		texts = append(texts, w.Text)
	}
	slices.Sort(texts)
	want := []string{
		"REDIS_PASWORD is not read; did you mean REDIS_PASSWORD?",
		"REDIS_POOLSIZE is not read; did you mean REDIS_POOL_SIZE?",
		"REDIS_URI is not read; did you mean REDIS_URL?",
		"REDIS_USER is not read; did you mean REDIS_USERNAME?",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got  %q\nwant %q", texts, want)
	}
}

// Without a prefix, HOST and PORT of the service itself would be Redis's.
func TestAnEmptyPrefixIsRefused(t *testing.T) {
	_, err := redisconn.NewBuilder().EnvLookup("", lookupIn(map[string]string{"HOST": "me"})).Build()
	if got := redisconn.FieldErrors(err); len(got) != 1 || got[0].Field != "env" {
		t.Errorf("got %v", err)
	}
}

func FuzzEnvNeverShowsThePassword(f *testing.F) {
	for _, s := range [][4]string{{"", "", "cache", "6379"}, {"redis://cache", "\n", "", "tcp://x"}, {"rediss://x@cache/1", "/run/pw", "::1", ""}} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, rawURL, after, host, port string) {
		if strings.Contains(rawURL+host+port, canary) {
			return // it stands for something else as well
		}
		b := fromMap(map[string]string{"REDIS_URL": rawURL, "REDIS_PASSWORD": canary + after, "REDIS_HOST": host, "REDIS_PORT": port})
		c, err := b.Build()
		e, _ := b.Explain()
		if shown := fmt.Sprintf("%v %+v %#v %v %v %v", c, c, c, err, e, b.Lint()); strings.Contains(shown, canary) {
			t.Errorf("shown: %s", shown)
		}
		if err == nil && c.Validate() != nil {
			t.Errorf("built and invalid: %v", c.Validate())
		}
	})
}
