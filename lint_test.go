package redisconn_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

func TestEveryLintOfAConfigFindsItsCaseAndOnlyThat(t *testing.T) {
	remote := func(c *redisconn.Config) { c.Connection.Addrs = []string{"cache:6379"} }
	cases := map[string]func(*redisconn.Config){
		"RC-C001": func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, InsecureSkipVerify: true} },
		"RC-C002": func(c *redisconn.Config) { remote(c); c.Connection.PasswordFile = "/run/pw" },
		"RC-C003": func(c *redisconn.Config) { c.Connection.Compat, c.Connection.DB = true, 1 },
		"RC-C004": func(c *redisconn.Config) { c.Connection.DB = 16 },
		"RC-C005": func(c *redisconn.Config) { c.Connection.Username = "app" },
		"RC-C006": func(c *redisconn.Config) { c.TLS.Enabled, c.Connection.Addrs = true, []string{"127.0.0.1"} },
		"RC-C030": func(c *redisconn.Config) {
			c.Connection.Addrs, c.Sentinel.Master, c.Sentinel.PasswordFile = []string{"s1", "s2"}, "mymaster", "/run/pw"
		},
		"RC-C031": func(c *redisconn.Config) { remote(c); c.Sentinel.Master = "mymaster" },
		"RC-C010": func(c *redisconn.Config) { c.Timeouts.Dial = 16 * time.Second },
		"RC-C011": func(c *redisconn.Config) { c.Timeouts.Read = 4 * time.Second },
		"RC-C012": func(c *redisconn.Config) { c.Timeouts.Write = 4 * time.Second },
		"RC-C013": func(c *redisconn.Config) { c.Pool.Wait = 4 * time.Second },
		"RC-C014": func(c *redisconn.Config) { c.Timeouts.Shutdown = time.Second },
		"RC-C015": func(c *redisconn.Config) { c.Retry.MaxBackoff = 4 * time.Second },
		"RC-C016": func(c *redisconn.Config) { c.Health.Timeout = 2 * time.Second },
		"RC-C017": func(c *redisconn.Config) { c.Health.WarnLatency = time.Second },
		"RC-C018": func(c *redisconn.Config) { remote(c); c.Pool.IdleTimeout = 10 * time.Minute },
		"RC-C019": func(c *redisconn.Config) { c.Pool.MaxLifetime = time.Minute },
		"RC-C020": func(c *redisconn.Config) { c.Pool.Size = 1001 },
		"RC-C021": func(c *redisconn.Config) { c.Retry.Effect = redisconn.EffectConditional },
	}
	for _, row := range redisconn.Lints() {
		if !redisconn.IsConfigLint(row.Code) {
			continue
		}
		change, ok := cases[row.Code]
		if !ok {
			t.Errorf("no case for %s", row.Code)
			continue
		}
		got := with(change).Lint()
		if len(got) != 1 || got[0].Code != row.Code || got[0].Field != row.Field || got[0].Text == "" || got[0].Fix == "" {
			t.Errorf("%s: %v", row.Code, got)
		}
		if err := with(change).Validate(); err != nil {
			t.Errorf("%s is no warning but an error: %v", row.Code, err)
		}
	}
}

func TestWhatIsUsualIsNotWarnedAbout(t *testing.T) {
	for name, change := range map[string]func(*redisconn.Config){
		"the defaults":               func(*redisconn.Config) {},
		"a password on this machine": func(c *redisconn.Config) { c.Connection.Password = "pw" },
		"a password on a socket":     func(c *redisconn.Config) { c.Connection.Password, c.Connection.Addrs = "pw", []string{"/r.sock"} },
		"a password over TLS": func(c *redisconn.Config) {
			c.Connection.Addrs = []string{"cache"}
			c.Connection.Password = "pw"
			c.TLS.Enabled = true
		},
		"TLS to an address by its name": func(c *redisconn.Config) {
			c.Connection.Addrs = []string{"10.0.0.1"}
			c.TLS = redisconn.TLSConfig{Enabled: true, ServerName: "cache"}
		},
		"a long idle timeout on loopback": func(c *redisconn.Config) { c.Pool.IdleTimeout = time.Hour },
		"no retries":                      func(c *redisconn.Config) { c.Retry.Effect = redisconn.EffectNever },
		"a user with a password file":     func(c *redisconn.Config) { c.Connection.Username, c.Connection.PasswordFile = "app", "/run/pw" },
	} {
		if got := with(change).Lint(); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLintCodesAreUniqueAndWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range redisconn.Lints() {
		if seen[row.Code] || !regexp.MustCompile(`^RC-C\d{3}$`).MatchString(row.Code) {
			t.Errorf("code %s", row.Code)
		}
		seen[row.Code] = true
		if row.Field != "env" {
			redisconn.ZeroRefused(row.Field) // panics on an unknown path
		}
	}
}

func TestLintsPageIsUpToDate(t *testing.T) {
	var page strings.Builder
	page.WriteString("\n| Code | Field | What it means | What to do |\n| --- | --- | --- | --- |\n")
	for _, row := range redisconn.Lints() {
		fmt.Fprintf(&page, "| %s | `%s` | %s | %s |\n", row.Code, row.Field, row.About, row.Fix)
	}
	page.WriteString("\n")
	golden.CheckPart(t, "docs/lints.md", golden.Begin, page.String())
}
