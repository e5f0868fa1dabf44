package redisconn_test

import (
	"fmt"
	"os"
	"time"

	"github.com/redisconn/redisconn"
)

// A literal with an address is a complete configuration: zero fields mean their
// defaults.
func ExampleConfig() {
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{
		Addrs:    []string{"cache:6379"},
		Password: redisconn.Secret("correct horse"),
	}}
	fmt.Println(cfg.Validate())
	fmt.Println(cfg)
	// Output:
	// <nil>
	// {connection.addrs=cache:6379 connection.password=[redacted]}
}

func ExampleParseURL() {
	cfg, err := redisconn.ParseURL("rediss://app:pa%2Fss@cache:6380/2?pool_size=50&operation_timeout=250ms")
	fmt.Println(cfg, err)

	_, err = redisconn.ParseURL("redis://cache?poolsize=50")
	fmt.Println(err)
	// Output:
	// {connection.addrs=cache:6380 connection.username=app connection.password=[redacted] connection.db=2 tls.enabled=true timeouts.operation=250ms pool.size=50} <nil>
	// redis config: url: query key poolsize: there is none of that name; did you mean pool_size?
}

// The order of the calls is the precedence: here the environment has the last word.
func ExampleBuilder() {
	environment := map[string]string{"REDIS_POOL_SIZE": "30", "REDIS_PASSWORD": "s3cr3t"}
	lookup := func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}

	cfg, err := redisconn.NewBuilder().
		URL("rediss://cache:6380").
		PoolSize(50).
		Apply(func(c *redisconn.Config) { c.Health.Interval = 5 * time.Second }).
		EnvLookup("REDIS_", lookup). // Env("REDIS_") in a program
		Build()
	fmt.Println(cfg, err)
	// Output:
	// {connection.addrs=cache:6380 connection.password=[redacted] tls.enabled=true pool.size=30 health.interval=5s} <nil>
}

// Every mistake is reported at once, with its source and what to do about it.
func ExampleFieldErrors() {
	_, err := redisconn.NewBuilder().
		URL("redis://s3cr3t@cache").
		Set("timeouts.operation", "5", "flag --operation-timeout").
		Apply(func(c *redisconn.Config) { c.Pool.Size, c.Pool.MinIdle = 10, 20 }).
		Build()
	for _, e := range redisconn.FieldErrors(err) {
		fmt.Printf("%s from %s\n  %s\n  %s\n", e.Field, e.Source, e.Reason, e.Fix)
	}
	// Output:
	// timeouts.operation from flag --operation-timeout
	//   the unit is missing
	//   write 5s for seconds or 5ms for milliseconds
	// connection.username from url (user)
	//   the URL has a user without a password, which may be a password without its colon
	//   write redis://:password@host for a password, or ?username=name for a user who has none
	// pool.min_idle from code
	//   it must not be above pool.size, which is 10
	//   lower it, or raise pool.size
}

// User and password are those of the data nodes; the sentinels' own are query keys.
func ExampleParseURL_sentinel() {
	cfg, err := redisconn.ParseURL("rediss+sentinel://app:s3cr3t@s1,s2,s3/mymaster/0?sentinel_password=0th3r")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg)
	// Output: {mode=sentinel connection.addrs=s1,s2,s3 connection.username=app connection.password=[redacted] sentinel.master=mymaster sentinel.password=[redacted] tls.enabled=true}
}

// An env file holds what is set; secrets stay out of it.
func ExampleExplanation_WriteEnv() {
	cfg, err := redisconn.ParseURL("redis://:s3cr3t@cache:6379/2")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := cfg.Explain().WriteEnv(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// REDIS_ADDRS=cache:6379
	// # REDIS_PASSWORD is set and not shown
	// REDIS_DB=2
}

func ExampleConfig_Lint() {
	cfg, err := redisconn.ParseURL("redis://:s3cr3t@cache.example:6379?read_timeout=5s")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, warning := range cfg.Lint() {
		fmt.Println(warning)
	}
	// Output:
	// RC-C002 tls.enabled: the password is sent in clear over the network; use the scheme rediss or set tls.enabled
	// RC-C011 timeouts.read: 5s is longer than timeouts.operation, which is 3s; lower timeouts.read, or raise timeouts.operation
}

func ExampleConfig_Diff() {
	a, b := redisconn.Config{}, redisconn.Config{}
	b.Connection.Addrs = []string{"localhost"} // the default, written out
	b.Pool.MaxLifetime = time.Hour             // its jitter follows
	fmt.Println(a.Diff(b))
	// Output: [pool.max_lifetime pool.lifetime_jitter]
}
