package redisconn_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

func TestTheLastWriterWinsAndEverySourceIsRemembered(t *testing.T) {
	env := lookupIn(map[string]string{"REDIS_POOL_SIZE": "30"})
	for _, c := range []struct {
		b         *redisconn.Builder
		size      int
		source    string
		overrides []string
	}{
		{redisconn.NewBuilder().PoolSize(10).URL("redis://?pool_size=20").EnvLookup("REDIS_", env), 30, "env REDIS_POOL_SIZE", []string{"url (pool_size)", "code"}},
		{redisconn.NewBuilder().EnvLookup("REDIS_", env).PoolSize(10), 10, "code", []string{"env REDIS_POOL_SIZE"}},
		{redisconn.NewBuilder().PoolSize(10).PoolSize(11), 11, "code", nil},
		{redisconn.NewBuilder().PoolSize(10).Set("pool.size", "12", "flag --pool-size"), 12, "flag --pool-size", []string{"code"}},
	} {
		cfg, err := c.b.Build()
		if err != nil || cfg.Pool.Size != c.size {
			t.Errorf("size %d, %v, want %d", cfg.Pool.Size, err, c.size)
		}
		e, err := c.b.Explain()
		if row := explained(t, e, "pool.size"); err != nil || row.Source != c.source || !slices.Equal(row.Overrides, c.overrides) {
			t.Errorf("explained as %+v, %v", row, err)
		}
	}
}

func TestAURLCanComeFromAnyPlace(t *testing.T) {
	b := redisconn.NewBuilder().Set("url", "redis://cache/2", "flag --url")
	e, err := b.Explain()
	if row := explained(t, e, "connection.db"); err != nil || row.Value != "2" || row.Source != "flag --url (path)" {
		t.Errorf("%+v, %v", row, err)
	}
	_, err = redisconn.NewBuilder().Set("url", "cache:6379", "flag --url").Build()
	if problems := redisconn.FieldErrors(err); len(problems) != 1 || problems[0].Field != "url" || problems[0].Source != "flag --url" {
		t.Errorf("%v", err)
	}
}

func TestEverySetterSetsItsField(t *testing.T) {
	b := redisconn.NewBuilder().
		Mode(redisconn.ModeStandalone).Addr("cache:6380").Username("app").Password("pw").DB(3).ClientName("orders").
		TLS(redisconn.TLSConfig{ServerName: "cache.internal"}).
		ConnectTimeout(20 * time.Second).OperationTimeout(time.Second).ShutdownTimeout(5 * time.Second).
		PoolSize(50).RetryEffect(redisconn.EffectRead).WhenDown(redisconn.WhenDownFailFast)
	c, err := b.Build()
	const want = "{mode=standalone connection.addrs=cache:6380 connection.username=app connection.password=[redacted] connection.db=3 " +
		"connection.client_name=orders tls.enabled=true tls.server_name=cache.internal timeouts.connect=20s timeouts.operation=1s " +
		"timeouts.shutdown=5s pool.size=50 retry.effect=read when_down=fail-fast}"
	if err != nil || c.String() != want {
		t.Errorf("got  %v, %v\nwant %s", c, err, want)
	}
	if c, err := redisconn.NewBuilder().PasswordFile("/run/pw").Build(); err != nil || c.Connection.PasswordFile != "/run/pw" {
		t.Errorf("password file: %v, %v", c, err)
	}
}

func TestASetterCanAskForTheDefaultAgain(t *testing.T) {
	b := redisconn.NewBuilder().URL("redis://?pool_size=9").PoolSize(0)
	e, err := b.Explain()
	if row := explained(t, e, "pool.size"); err != nil || !row.Default || row.Source != "code" || row.Value == "9" {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestApplyAttributesWhatItChanged(t *testing.T) {
	b := redisconn.NewBuilder().URL("redis://cache?pool_size=20&db=1").Apply(func(c *redisconn.Config) {
		c.Pool.Size = 40
		c.Connection.DB = 1
		c.Health.Interval = time.Minute
	})
	e, err := b.Explain()
	if err != nil {
		t.Fatal(err)
	}
	for path, source := range map[string]string{"pool.size": "code", "connection.db": "url (db)", "health.interval": "code", "connection.addrs": "url (host)", "mode": "default"} {
		if row := explained(t, e, path); row.Source != source {
			t.Errorf("%+v, want source %s", row, source)
		}
	}
}

func TestBuildGivesIndependentConfigs(t *testing.T) {
	mine := []string{"a:1"}
	var kept *redisconn.Config
	b := redisconn.NewBuilder().Addr(mine...).Apply(func(c *redisconn.Config) { kept = c })
	mine[0] = "changed"
	first, _ := b.Build()
	first.Connection.Addrs[0] = "changed"
	kept.Connection.Addrs[0] = "changed"
	second, err := b.Build()
	if err != nil || second.Connection.Addrs[0] != "a:1" {
		t.Errorf("%v, %v", second, err)
	}
	b.Apply(func(c *redisconn.Config) { c.Connection.Addrs = mine })
	mine[0] = "changed again"
	if third, _ := b.Build(); third.Connection.Addrs[0] != "changed" {
		t.Errorf("%v", third)
	}
}

func TestTheZeroBuilderIsReadyForUse(t *testing.T) {
	var b redisconn.Builder
	c, err := b.PoolSize(5).Build()
	if err != nil || c.Pool.Size != 5 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAnUnknownPathIsAnswered(t *testing.T) {
	_, err := redisconn.NewBuilder().Set("pool.sise", "5", "flag").Build()
	if err == nil || !strings.Contains(err.Error(), "did you mean pool.size?") {
		t.Errorf("got %v", err)
	}
}

// A URL with a password for development and a mounted file in production: the
// operator who mounts the file need not know of the URL.
func TestAPasswordFileReplacesThePasswordOfAnotherSource(t *testing.T) {
	b := redisconn.NewBuilder().URL("redis://:"+canary+"@cache").EnvLookup("REDIS_", lookupIn(map[string]string{"REDIS_PASSWORD_FILE": "/run/pw"}))
	c, err := b.Build()
	if err != nil || c.Connection.Password != "" || c.Connection.PasswordFile != "/run/pw" {
		t.Errorf("%v, %v", c, err)
	}
	e, _ := b.Explain()
	if row := explained(t, e, "connection.password_file"); !slices.Equal(row.Overrides, []string{"url (password)"}) {
		t.Errorf("%+v", row)
	}
	if row := explained(t, e, "connection.password"); row.Source != "default" {
		t.Errorf("%+v", row)
	}

	c, err = redisconn.NewBuilder().PasswordFile("/run/pw").URL("redis://:pw@cache").Build()
	if err != nil || c.Connection.Password.Reveal() != "pw" || c.Connection.PasswordFile != "" {
		t.Errorf("the other way round: %v, %v", c, err)
	}
}

func TestAPasswordAndItsFileFromOneSourceContradict(t *testing.T) {
	for name, b := range map[string]*redisconn.Builder{
		"setters": redisconn.NewBuilder().Password(canary).PasswordFile("/run/pw"),
		"apply": redisconn.NewBuilder().URL("redis://:x@cache").Apply(func(c *redisconn.Config) {
			c.Connection.Password, c.Connection.PasswordFile = canary, "/run/pw"
		}),
	} {
		_, err := b.Build()
		if err == nil || !strings.Contains(err.Error(), "both a password and a file") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProblemsNameTheirSource(t *testing.T) {
	_, err := redisconn.NewBuilder().PoolSize(5).Set("pool.min_idle", "9", "flag --min-idle").
		EnvLookup("CACHE_", lookupIn(map[string]string{"CACHE_DB": "99999"})).Build()
	got := redisconn.FieldErrors(err)
	if len(got) != 2 || got[0].Source != "env CACHE_DB" || got[1].Source != "flag --min-idle and code" || got[1].Field != "pool.min_idle" {
		t.Errorf("got %v", err)
	}
}

func TestASourceThatCannotBeReadIsAProblemEvenWhenALaterOneWins(t *testing.T) {
	_, err := redisconn.NewBuilder().Set("pool.size", "many", "flag").PoolSize(5).Build()
	if len(redisconn.FieldErrors(err)) != 1 {
		t.Errorf("got %v", err)
	}
}
