package redisconn_test

import (
	"testing"

	"github.com/redisconn/redisconn"
)

func TestMisspeltNamesFindTheirMeaning(t *testing.T) {
	known := []string{"DB", "URL", "TLS", "HOST", "PORT", "MODE", "ADDRS", "PASSWORD", "USERNAME", "POOL_SIZE", "POOL_IDLE_TIMEOUT", "TLS_INSECURE_SKIP_VERIFY"}
	for word, want := range map[string]string{
		"POOLSIZE": "POOL_SIZE", "pool-size": "POOL_SIZE", "POOL_SZIE": "POOL_SIZE", "PASWORD": "PASSWORD", "PASSWROD": "PASSWORD",
		"PASS": "PASSWORD", "user": "USERNAME", "ADDR": "ADDRS", "conn_max_idle_time": "POOL_IDLE_TIMEOUT", "skip_verify": "TLS_INSECURE_SKIP_VERIFY",
		"HSOT": "HOST",
		// Three letters with one wrong are another word.
		"ENV": "", "UR": "", "MASTER_HOST": "", "VERSION": "", "": "",
	} {
		if got := redisconn.Suggest(word, known); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if got := redisconn.Suggest(string(make([]byte, 1<<20)), known); got != "" {
		t.Errorf("a megabyte: %q", got)
	}
}

func TestEditDistanceCountsSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"pool", "pool", 0}, {"pool", "polo", 1}, {"pool", "pol", 1}, {"pool", "spool", 1}, {"pool", "tool", 1}, {"kitten", "sitting", 3}} {
		if got := redisconn.EditDistance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
