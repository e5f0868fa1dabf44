package redisconn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// cached switches the client-side cache on.
func cached(c *redisconn.Config) { c.Cache.Enabled = true }

// reads waits until the client reads a value.
func reads(t *testing.T, client *redisconn.Client, key, want string) {
	t.Helper()
	eventually(t, "reading "+want, func() bool { return client.Get(t.Context(), key).Val() == want })
}

func TestWhatWasReadIsKeptUntilItChanges(t *testing.T) {
	client, server := openServer(t, cached, onLane)
	ctx := t.Context()
	server.Client().Set(ctx, "k", "one", 0)
	reads(t, client, "k", "one")
	before := server.CommandCalls("get")
	for range 50 {
		reads(t, client, "k", "one")
	}
	if asked := server.CommandCalls("get") - before; asked > 1 {
		t.Errorf("the server was asked %d times", asked)
	}
	stats := client.Stats().Cache
	if stats == nil || stats.Hits < 49 || stats.Misses < 1 || stats.Entries != 1 {
		t.Errorf("%+v", stats)
	}

	server.Client().Set(ctx, "k", "two", 0) // by somebody else
	reads(t, client, "k", "two")
	client.Set(ctx, "k", "three", 0) // by this client, on the lane
	reads(t, client, "k", "three")
	server.Client().Del(ctx, "k")
	reads(t, client, "k", "")
	if stats := client.Stats(); stats.Cache.Invalidations < 3 || stats.Routes.Lane != 1 {
		t.Errorf("%+v, %+v", stats.Cache, stats.Routes)
	}
}

// What was read over a connection that broke is not kept: nobody tells any more
// when it changes.
func TestACacheForgetsWithItsConnection(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cached(&cfg)
	client := openClient(t, cfg)
	ctx := t.Context()
	for _, value := range []string{"one", "two", "three", "four", "five"} {
		server.Client().Set(ctx, "k", value, 0)
		reads(t, client, "k", value)
		proxy.CutAll()
	}
}

func TestACacheAsksAnewAfterMaxStaleness(t *testing.T) {
	client, server := openServer(t, cached, func(c *redisconn.Config) { c.Cache.MaxStaleness = 50 * time.Millisecond })
	before := server.CommandCalls("get")
	eventually(t, "the third question", func() bool {
		client.Get(t.Context(), "k")
		return server.CommandCalls("get")-before >= 3
	})
}

func TestWithoutACacheThereAreNoNumbersOfOne(t *testing.T) {
	client, _ := openServer(t)
	if got := client.Stats().Cache; got != nil {
		t.Errorf("%+v", got)
	}
}

func TestACacheThatCouldNotWorkIsRefused(t *testing.T) {
	for want, change := range map[string]func(*redisconn.Config){
		"needs RESP 3":                   func(c *redisconn.Config) { c.Connection.Protocol = 2 },
		"RESP 3, in which Redis tells":   func(c *redisconn.Config) { c.Connection.Compat = true },
		"needs database 0":               func(c *redisconn.Config) { c.Connection.DB = 1 },
		"an embedded server does not":    func(c *redisconn.Config) { c.Mode = redisconn.ModeEmbedded },
		"but there is none":              func(c *redisconn.Config) { c.Cache = redisconn.CacheConfig{MaxEntries: 10} },
		"the client-side cache, but the": func(c *redisconn.Config) { c.Cache = redisconn.CacheConfig{MaxStaleness: time.Second} },
	} {
		cfg := redisconn.Config{}
		cached(&cfg)
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
