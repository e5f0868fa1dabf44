package redisconn_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

// go-redis 9.22 changed its default timeouts in a minor release. Ours change only
// by changing this golden file.
func TestDefaultsArePinned(t *testing.T) {
	c := redisconn.DefaultConfig()
	if want := redisconn.DefaultPoolSize(runtime.GOMAXPROCS(0)); c.Pool.Size != want || c.Pool.MaxIdle != want {
		t.Errorf("size %d and max_idle %d, want %d", c.Pool.Size, c.Pool.MaxIdle, want)
	}
	c = redisconn.WithDefaults(redisconn.Config{Pool: redisconn.PoolConfig{Size: 20}}) // on any machine
	var text string
	for _, row := range c.Explain().Fields {
		text += row.Path + " = " + row.Value + "\n"
	}
	golden.Check(t, "defaults.golden", text)
}

func TestDefaultPoolSizeFollowsTheProcessorsAboveAFloor(t *testing.T) {
	for processors, want := range map[int]int{1: 20, 2: 20, 3: 30, 64: 640} {
		if got := redisconn.DefaultPoolSize(processors); got != want {
			t.Errorf("%d processors: %d, want %d", processors, got, want)
		}
	}
}

func TestDefaultsFollowTheFieldsTheyDependOn(t *testing.T) {
	var c redisconn.Config
	c.Timeouts.Operation = time.Second
	c.Pool.Size = 7
	c.Pool.MaxLifetime = time.Hour
	c.Connection.Compat = true
	c.Connection.Addrs = []string{"cache"}
	full := redisconn.WithDefaults(c)
	if full.Timeouts.Read != time.Second || full.Timeouts.Write != time.Second || full.Pool.Wait != time.Second {
		t.Errorf("read, write and wait do not follow the operation: %v %v %v", full.Timeouts.Read, full.Timeouts.Write, full.Pool.Wait)
	}
	if full.Pool.MaxIdle != 7 || full.Pool.LifetimeJitter != 6*time.Minute || full.Connection.Protocol != 2 {
		t.Errorf("max_idle %d, jitter %v, protocol %d", full.Pool.MaxIdle, full.Pool.LifetimeJitter, full.Connection.Protocol)
	}
	c.Pool.Size, c.Pool.Blocking = 10000, 5000
	if got := redisconn.WithDefaults(c).Pool.MaxInFlight; got != 30000 || full.Pool.MaxInFlight != 16384 {
		t.Errorf("max_in_flight %d for 15000 connections and %d for few", got, full.Pool.MaxInFlight)
	}
	if full.Connection.Addrs[0] != "cache:6379" || c.Connection.Addrs[0] != "cache" {
		t.Errorf("resolved %v, the original is now %v", full.Connection.Addrs, c.Connection.Addrs)
	}
}

func TestAnEmbeddedServerHasNoDefaultAddress(t *testing.T) {
	full := redisconn.WithDefaults(redisconn.Config{Mode: redisconn.ModeEmbedded})
	if len(full.Connection.Addrs) != 0 {
		t.Errorf("addresses %v", full.Connection.Addrs)
	}
}

func TestDefaultsAreValidAndResolveToThemselves(t *testing.T) {
	for name, c := range map[string]redisconn.Config{"defaults": {}, "everything": everything(t)} {
		full := redisconn.WithDefaults(c)
		if err := full.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := full.Diff(c); d != nil {
			t.Errorf("%s: resolving changed %v", name, d)
		}
		if d := full.Diff(redisconn.WithDefaults(full)); d != nil {
			t.Errorf("%s: resolving twice changed %v", name, d)
		}
	}
}
