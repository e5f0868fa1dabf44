package redisconn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestTheNameOfAMasterMakesADeploymentOfSentinels(t *testing.T) {
	c := with(func(c *redisconn.Config) {
		c.Sentinel.Master, c.Connection.Addrs = "mymaster", []string{"s1", "s2:5000", "[::1]"}
	})
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := redisconn.WithDefaults(c).Connection.Addrs; !slices.Equal(got, []string{"s1:26379", "s2:5000", "[::1]:26379"}) {
		t.Errorf("the sentinels are %v: their port is 26379", got)
	}
	none := with(func(c *redisconn.Config) { c.Sentinel.Master = "mymaster" })
	if got := redisconn.WithDefaults(none).Connection.Addrs; !slices.Equal(got, []string{"localhost:26379"}) {
		t.Errorf("without an address the sentinel is %v", got)
	}
}

func TestABuilderNamesTheMaster(t *testing.T) {
	c, err := redisconn.NewBuilder().Addr("s1", "s2").Sentinel("mymaster").Build()
	if err != nil || c.Sentinel.Master != "mymaster" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestURLOfASentinelDeployment(t *testing.T) {
	for _, scheme := range []string{"redis", "rediss", "valkey", "valkeys"} {
		c, err := redisconn.ParseURL(scheme + "+sentinel://app:pw@s1:26379,s2/orders/3?sentinel_username=watcher&sentinel_password=other&sentinel_write_gate=on")
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		if c.Mode != redisconn.ModeSentinel || c.Sentinel.Master != "orders" || c.Connection.DB != 3 || !c.Sentinel.WriteGate {
			t.Errorf("%s: %v", scheme, c)
		}
		if c.Connection.Username != "app" || c.Connection.Password != "pw" || c.Sentinel.Username != "watcher" || c.Sentinel.Password != "other" {
			t.Errorf("%s: user and password are those of the data nodes, the keys those of the sentinels: %v", scheme, c)
		}
		if secure := scheme == "rediss" || scheme == "valkeys"; c.TLS.Enabled != secure {
			t.Errorf("%s: TLS is %v", scheme, c.TLS.Enabled)
		}
		if got := redisconn.WithDefaults(c).Connection.Addrs; !slices.Equal(got, []string{"s1:26379", "s2:26379"}) {
			t.Errorf("%s: the sentinels are %v", scheme, got)
		}
	}
	for raw, want := range map[string]string{
		"redis+sentinel://s1":                            "no name is given",
		"redis+sentinel://s1/mymaster/x":                 "not the number of a database",
		"redis+sentinel://s1/my%20master":                "names of masters",
		"redis+sentinel://s1/a?sentinel_master=b":        "disagree",
		"redis+sentinel://s1/m?sentinel=x":               "there is none of that name",
		"redis+sentinel://s1/m?sentinel_tls=perhaps":     "none of follow, on, off",
		"redis+sentinel://s1/m?sentinel_tls_ca_file=/ca": "set sentinel.tls to on",
		"redis+sentinal://s1/m":                          "did you mean",
	} {
		if _, err := redisconn.ParseURL(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

func TestVariablesOfASentinelDeployment(t *testing.T) {
	c, err := fromMap(map[string]string{
		"REDIS_HOST": "s1", "REDIS_SENTINEL_MASTER": "mymaster", "REDIS_SENTINEL_PASSWORD": "other", "REDIS_SENTINEL_TLS": "on", "REDIS_SENTINEL_TLS_CA_FILE": "/ca.pem",
	}).Build()
	if err != nil || !slices.Equal(c.Connection.Addrs, []string{"s1:26379"}) || c.Sentinel.Password != "other" || c.Sentinel.CAFile != "/ca.pem" {
		t.Errorf("%v, %v", c, err)
	}
	// Kubernetes sets these for a Service called redis-sentinel.
	b := redisconn.NewBuilder().Environ("REDIS_", []string{
		"REDIS_SENTINEL_PORT=tcp://10.0.0.1:26379", "REDIS_SENTINEL_SERVICE_HOST=10.0.0.1", "REDIS_SENTINEL_PORT_26379_TCP_PORT=26379",
	})
	if _, err := b.Build(); err != nil || len(b.Lint()) > 0 {
		t.Errorf("%v, %v", err, b.Lint())
	}
}

func TestWhatIsWrongWithASentinelDeployment(t *testing.T) {
	sentinel := func(change func(*redisconn.SentinelConfig)) func(*redisconn.Config) {
		return func(c *redisconn.Config) {
			c.Sentinel.Master = "mymaster"
			change(&c.Sentinel)
		}
	}
	for name, c := range map[string]struct {
		change func(*redisconn.Config)
		field  string
		want   string
	}{
		"no name":            {func(c *redisconn.Config) { c.Mode = redisconn.ModeSentinel }, "mode", "no name is given"},
		"a name with spaces": {sentinel(func(s *redisconn.SentinelConfig) { s.Master = "my master" }), "sentinel.master", "names of masters"},
		"a socket": {func(c *redisconn.Config) {
			c.Sentinel.Master, c.Connection.Addrs = "m", []string{"/run/s.sock"}
		}, "connection.addrs", "over TCP"},
		"a user":             {sentinel(func(s *redisconn.SentinelConfig) { s.Username = "x\n" }), "sentinel.username", "no spaces"},
		"a password":         {sentinel(func(s *redisconn.SentinelConfig) { s.Password = canary + "\n" }), "sentinel.password", "line break"},
		"two passwords":      {sentinel(func(s *redisconn.SentinelConfig) { s.Password, s.PasswordFile = canary, "/run/pw" }), "sentinel.password", "keep one"},
		"half a certificate": {sentinel(func(s *redisconn.SentinelConfig) { s.TLS, s.CertFile = redisconn.SentinelTLSOn, "/c.pem" }), "sentinel.cert_file", "needs its key"},
		"half a text":        {sentinel(func(s *redisconn.SentinelConfig) { s.TLS, s.Key = redisconn.SentinelTLSOn, canary }), "sentinel.key", "needs its key"},
		"two authorities": {sentinel(func(s *redisconn.SentinelConfig) {
			s.TLS, s.CA, s.CAFile = redisconn.SentinelTLSOn, "a certificate", "/ca.pem"
		}), "sentinel.ca_file", "keep one"},
		"unheard texts":   {sentinel(func(s *redisconn.SentinelConfig) { s.CA = "a certificate" }), "sentinel.ca", "sentinel.tls is on"},
		"a server's name": {sentinel(func(s *redisconn.SentinelConfig) { s.TLS, s.ServerName = redisconn.SentinelTLSOn, "a b" }), "sentinel.server_name", "no host name"},
		"unheard TLS":     {sentinel(func(s *redisconn.SentinelConfig) { s.CAFile = "/ca.pem" }), "sentinel.ca_file", "sentinel.tls is on"},
		"standalone": {func(c *redisconn.Config) {
			c.Mode, c.Sentinel.Master = redisconn.ModeStandalone, "mymaster"
		}, "sentinel.master", "nothing says"},
		"no deployment": {func(c *redisconn.Config) { c.Sentinel.WriteGate = true }, "sentinel.write_gate", "nothing says"},
		"embedded": {func(c *redisconn.Config) {
			c.Mode, c.Sentinel.Master = redisconn.ModeEmbedded, "mymaster"
		}, "sentinel.master", "nothing says"},
	} {
		err := with(c.change).Validate()
		got := redisconn.FieldErrors(err)
		if len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Error(), c.want) || strings.Contains(err.Error(), canary) || got[0].Fix == "" {
			t.Errorf("%s: %v\nwant one problem with %s: %s", name, err, c.field, c.want)
		}
	}
}

// Operators who mount a file for the sentinels need not know that a URL holds a
// password for development.
func TestAPasswordFileOfSentinelsReplacesAPasswordFromAnotherSource(t *testing.T) {
	c, err := redisconn.NewBuilder().URL("redis+sentinel://s1/m?sentinel_password="+canary).
		EnvLookup("REDIS_", lookupIn(map[string]string{"REDIS_SENTINEL_PASSWORD_FILE": "/run/pw"})).Build()
	if err != nil || c.Sentinel.Password != "" || c.Sentinel.PasswordFile != "/run/pw" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestThePasswordOfSentinelsMasksItself(t *testing.T) {
	b := redisconn.NewBuilder().URL("redis+sentinel://s1/m?sentinel_password=" + canary)
	c, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	e, _ := b.Explain()
	var env strings.Builder
	if err := e.WriteEnv(&env); err != nil {
		t.Fatal(err)
	}
	text, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", c, c, c), e.String(), env.String(), string(text), fmt.Sprint(c.LogValue()), b.String()} {
		if strings.Contains(shown, canary) {
			t.Errorf("shown: %s", shown)
		}
	}
}

func TestNewSaysWhatIsMissingForSentinels(t *testing.T) {
	_, err := redisconn.New(redisconn.Config{Mode: redisconn.ModeSentinel})
	if err == nil || !strings.Contains(err.Error(), "sentinel.master") {
		t.Errorf("%v", err)
	}
}
