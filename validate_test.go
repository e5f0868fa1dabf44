package redisconn_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// with returns the zero configuration after a change.
func with(change func(*redisconn.Config)) redisconn.Config {
	var c redisconn.Config
	change(&c)
	return c
}

func TestValidateExplainsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*redisconn.Config)
		field  string // of the one problem
		want   string // part of its text
	}{
		{"address", func(c *redisconn.Config) { c.Connection.Addrs = []string{"ca che"} }, "connection.addrs", "spaces"},
		{"a database of a cluster", func(c *redisconn.Config) {
			c.Connection.Addrs, c.Connection.DB = []string{"a", "b"}, 1
		}, "connection.db", "no database but 0"},
		{"a socket of a cluster", func(c *redisconn.Config) {
			c.Mode, c.Connection.Addrs = redisconn.ModeCluster, []string{"/run/redis.sock"}
		}, "connection.addrs", "over TCP"},
		{"where reads go", func(c *redisconn.Config) { c.Cluster.ReadFrom = "replicas" }, "cluster.read_from", "did you mean replica?"},
		{"refresh", func(c *redisconn.Config) { c.Cluster.RefreshInterval = time.Millisecond }, "cluster.refresh_interval", "100ms to 1h"},
		{"allowed port", func(c *redisconn.Config) { c.Connection.AllowAddrs = []string{"10.0.0.0/8:0"} }, "connection.allow_addrs", "no number"},
		{"allowed text", func(c *redisconn.Config) { c.Connection.AllowAddrs = []string{"10.0.0.0/33"} }, "connection.allow_addrs", "neither a network"},
		{"allowed link-local", func(c *redisconn.Config) { c.Connection.AllowAddrs = []string{"169.254.0.0/16"} }, "connection.allow_addrs", "refused always"},
		{"two servers by mode", func(c *redisconn.Config) {
			c.Mode, c.Connection.Addrs = redisconn.ModeStandalone, []string{"a", "b"}
		}, "connection.addrs", "one address"},
		{"unknown mode", func(c *redisconn.Config) { c.Mode = "standalon" }, "mode", "did you mean standalone?"},
		{"user", func(c *redisconn.Config) { c.Connection.Username = "app\n" }, "connection.username", `"app\n"`},
		{"password", func(c *redisconn.Config) { c.Connection.Password = canary + "\n" }, "connection.password", "line break"},
		{"both passwords", func(c *redisconn.Config) {
			c.Connection.Password, c.Connection.PasswordFile = canary, "/run/pw"
		}, "connection.password", "keep one"},
		{"path of the password file", func(c *redisconn.Config) { c.Connection.PasswordFile = "/run/pw\n" }, "connection.password_file", "line break"},
		{"database", func(c *redisconn.Config) { c.Connection.DB = 16384 }, "connection.db", "from 0 to 16383"},
		{"negative database", func(c *redisconn.Config) { c.Connection.DB = -1 }, "connection.db", "negative"},
		{"client name", func(c *redisconn.Config) { c.Connection.ClientName = "my service" }, "connection.client_name", "CLIENT SETNAME"},
		{"client name beyond ASCII", func(c *redisconn.Config) { c.Connection.ClientName = "dienst-ä" }, "connection.client_name", "ASCII"},
		{"protocol", func(c *redisconn.Config) { c.Connection.Protocol = 4 }, "connection.protocol", "none of 2, 3; write one of them"},
		{"protocol of compat", func(c *redisconn.Config) { c.Connection.Protocol, c.Connection.Compat = 3, true }, "connection.protocol", "RESP 2"},

		{"CA without TLS", func(c *redisconn.Config) { c.TLS.CAFile = "/ca.pem" }, "tls.ca_file", "TLS is off"},
		{"server name without TLS", func(c *redisconn.Config) { c.TLS.ServerName = "cache" }, "tls.server_name", "TLS is off"},
		{"version without TLS", func(c *redisconn.Config) { c.TLS.MinVersion = "1.3" }, "tls.min_version", "TLS is off"},
		{"no verification without TLS", func(c *redisconn.Config) { c.TLS.InsecureSkipVerify = true }, "tls.insecure_skip_verify", "TLS is off"},
		{"certificate without key", func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, CertFile: "/c.pem"} }, "tls.cert_file", "or neither"},
		{"key without certificate", func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, KeyFile: "/k.pem"} }, "tls.key_file", "or neither"},
		{"server name with port", func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, ServerName: "cache:6380"} }, "tls.server_name", "without a port"},
		{"old version", func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, MinVersion: "1.0"} }, "tls.min_version", "none of 1.2, 1.3"},
		{"TLS on a socket", func(c *redisconn.Config) {
			c.TLS.Enabled, c.Connection.Addrs = true, []string{"/run/r.sock"}
		}, "tls.enabled", "unix socket"},

		{"negative timeout", func(c *redisconn.Config) { c.Timeouts.Operation = -1 }, "timeouts.operation", "switches nothing off here; leave it out for the default, or write 1ms to 1h"},
		{"short timeout", func(c *redisconn.Config) { c.Timeouts.Dial = time.Microsecond }, "timeouts.dial", "from 1ms to 1h: below 1ms"},
		{"long timeout", func(c *redisconn.Config) { c.Timeouts.Read = 61 * time.Minute }, "timeouts.read", "1h1m"},
		{"many connections", func(c *redisconn.Config) { c.Pool.Size = 65536 }, "pool.size", "65535 ports"},
		{"min_idle above size", func(c *redisconn.Config) { c.Pool.MinIdle, c.Pool.Size = 6, 5 }, "pool.min_idle", "above pool.size, which is 5"},
		{"max_idle above size", func(c *redisconn.Config) { c.Pool.MaxIdle, c.Pool.Size = 6, 5 }, "pool.max_idle", "above pool.size, which is 5"},
		{"min_idle above max_idle", func(c *redisconn.Config) { c.Pool.MinIdle, c.Pool.MaxIdle = 6, 5 }, "pool.min_idle", "above pool.max_idle, which is 5"},
		{"jitter above lifetime", func(c *redisconn.Config) {
			c.Pool.MaxLifetime, c.Pool.LifetimeJitter = time.Minute, time.Hour
		}, "pool.lifetime_jitter", "which is 1m"},
		{"jitter without lifetime", func(c *redisconn.Config) { c.Pool.LifetimeJitter = time.Hour }, "pool.lifetime_jitter", "above pool.max_lifetime, which is none"},
		{"backoff upside down", func(c *redisconn.Config) { c.Retry.MinBackoff = time.Second }, "retry.min_backoff", "above retry.max_backoff, which is 500ms"},
		{"backoff below the default minimum", func(c *redisconn.Config) { c.Retry.MaxBackoff = time.Millisecond }, "retry.max_backoff", "above retry.max_backoff"},
		{"effect", func(c *redisconn.Config) { c.Retry.Effect = "idempotant" }, "retry.effect", "did you mean idempotent?"},
		{"budget", func(c *redisconn.Config) { c.Retry.Budget = 1001 }, "retry.budget", "1 to 1000"},
		{"when down", func(c *redisconn.Config) { c.WhenDown = "panic" }, "when_down", "none of wait, fail-fast"},

		{"embedded with address", func(c *redisconn.Config) {
			c.Mode, c.Connection.Addrs = redisconn.ModeEmbedded, []string{"a"}
		}, "connection.addrs", "no address"},
		{"embedded with user", func(c *redisconn.Config) { c.Mode, c.Connection.Username = redisconn.ModeEmbedded, "app" }, "connection.username", "no users"},
		{"embedded with TLS", func(c *redisconn.Config) { c.Mode, c.TLS.Enabled = redisconn.ModeEmbedded, true }, "tls.enabled", "no TLS"},
	} {
		err := with(c.change).Validate()
		got := redisconn.FieldErrors(err)
		if len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Error(), c.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v\nwant one problem with %s: %s", c.name, err, c.field, c.want)
			continue
		}
		if got[0].Source != "" || got[0].Fix == "" {
			t.Errorf("%s: a literal has source %q, and fix %q", c.name, got[0].Source, got[0].Fix)
		}
	}
}

func TestEveryBoundHoldsAtItsEnds(t *testing.T) {
	for _, f := range redisconn.Fields() {
		least, most, bounded := strings.Cut(f.Range, " to ")
		if !bounded {
			continue
		}
		for _, text := range []string{least, most} {
			b := redisconn.NewBuilder().Set(f.Path, text, "test")
			_, err := b.Build()
			for _, e := range redisconn.FieldErrors(err) {
				if strings.Contains(e.Reason, "must be from") {
					t.Errorf("%s = %s: %v", f.Path, text, e)
				}
			}
		}
		c := redisconn.Config{}
		v := reflect.ValueOf(redisconn.AddressOfField(f.Path, &c)).Elem()
		v.SetInt(1 << 62)
		if got := redisconn.FieldErrors(c.Validate()); len(got) == 0 || got[0].Field != f.Path || !strings.Contains(got[0].Reason, "must be from "+least+" to "+most) {
			t.Errorf("%s far above its range: %v", f.Path, got)
		}
		v.SetInt(-5)
		if got := redisconn.FieldErrors(c.Validate()); len(got) != 1 || got[0].Field != f.Path {
			t.Errorf("%s negative: %v", f.Path, got)
		}
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	err := with(func(c *redisconn.Config) {
		c.Mode = "x"
		c.Connection.DB = -1
		c.Connection.Password = canary + "\r\n"
		c.Pool.Size = -3
		c.TLS.CAFile = "/ca.pem"
	}).Validate()
	var fields []string
	for _, e := range redisconn.FieldErrors(err) {
		fields = append(fields, e.Field)
	}
	if got := strings.Join(fields, " "); got != "mode connection.db pool.size connection.password tls.ca_file" {
		t.Errorf("got %s\n%v", got, err)
	}
	var one *redisconn.FieldError
	if !errors.As(err, &one) || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
}

func TestTheZeroConfigIsValid(t *testing.T) {
	if err := (redisconn.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (redisconn.Config{Mode: redisconn.ModeEmbedded}).Validate(); err != nil {
		t.Error(err)
	}
}
