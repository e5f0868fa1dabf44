package redisconn_test

import (
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestAddressesAreCompleted(t *testing.T) {
	for _, c := range []struct{ addr, complete, host, network string }{
		{"cache", "cache:6379", "cache", "tcp"},
		{"cache:6380", "cache:6380", "cache", "tcp"},
		{":6380", "localhost:6380", "localhost", "tcp"},
		{"10.0.0.1", "10.0.0.1:6379", "10.0.0.1", "tcp"},
		{"::1", "[::1]:6379", "::1", "tcp"},
		{"[::1]", "[::1]:6379", "::1", "tcp"},
		{"[2001:db8::7]:6380", "[2001:db8::7]:6380", "2001:db8::7", "tcp"},
		{"[fe80::1%eth0]:6379", "[fe80::1%eth0]:6379", "fe80::1", "tcp"},
		{"/run/redis.sock", "/run/redis.sock", "", "unix"},
	} {
		if got := redisconn.NormalizeAddress(c.addr); got != c.complete {
			t.Errorf("%s is completed to %s, want %s", c.addr, got, c.complete)
		}
		if again := redisconn.NormalizeAddress(c.complete); again != c.complete {
			t.Errorf("%s is completed again, to %s", c.complete, again)
		}
		if got := redisconn.AddressHost(c.addr); got != c.host {
			t.Errorf("host of %s is %q, want %q", c.addr, got, c.host)
		}
		if got := redisconn.AddressNetwork(c.addr); got != c.network {
			t.Errorf("network of %s is %s", c.addr, got)
		}
		if reason, _ := redisconn.AddressFault(c.addr); reason != "" {
			t.Errorf("%s: %s", c.addr, reason)
		}
	}
}

func TestBrokenAddressesAreExplained(t *testing.T) {
	for addr, want := range map[string]string{
		"":                             "empty",
		"redis://cache":                "URL",
		"user:pw@cache":                "credentials",
		"cache 1":                      "spaces",
		"cache\n":                      "line breaks",
		"./redis.sock":                 "absolute",
		"/" + strings.Repeat("x", 107): "107 bytes",
		"a:b:c":                        "more than one colon",
		"[::g]:6379":                   "more than one colon",
		"cache,other":                  "ASCII letters",
		"cäche":                        "ASCII letters",
		"cache:":                       "port",
		"cache:0":                      "port",
		"cache:65536":                  "port",
		"cache:+1":                     "port",
		"cache:redis":                  "port",
	} {
		reason, fix := redisconn.AddressFault(addr)
		if !strings.Contains(reason, want) || fix == "" {
			t.Errorf("%q: %q; %q, want %q", addr, reason, fix, want)
		}
	}
}

func TestLoopbackIsKnownWithoutResolvingNames(t *testing.T) {
	for addr, want := range map[string]bool{
		"localhost": true, "redis.localhost:6379": true, "127.0.0.1:6379": true, "127.8.9.1": true, "[::1]:1": true,
		"[::ffff:127.0.0.1]:1": true, "/run/redis.sock": true,
		"cache:6379": false, "10.0.0.1:6379": false, "[2001:db8::1]:1": false, "localhost.example": false,
	} {
		if got := redisconn.IsLoopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
