package redisconntest

import (
	"os"
	"os/exec"
	"testing"
)

const (
	// ServerEnv names the environment variable that selects the server program: a name looked up in PATH, or a
	// path. The default is redis-server; valkey-server works as well.
	ServerEnv = "REDISCONN_REDIS_SERVER"

	// RequireEnv names the environment variable that, set to 1, turns a missing server program from a skipped test
	// into a failed one. Set it in continuous integration, where a skipped test is a test nobody runs.
	RequireEnv = "REDISCONN_REQUIRE_REDIS"
)

// RequireRedis returns the path of the redis-server program. Where there is none it skips the test and says how to
// install one, or fails the test when [RequireEnv] is 1. [NewServer] calls it; call it yourself before set-up that
// makes no sense without a server.
func RequireRedis(t testing.TB) string {
	t.Helper()
	name := os.Getenv(ServerEnv)
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	const reason = "%s is not installed: this test needs a real Redis server; " +
		"install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis) or name another program in %s (%v)"
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf(reason+"; it fails rather than skips because "+RequireEnv+"=1", name, ServerEnv, err)
	}
	t.Skipf(reason, name, ServerEnv, err)
	return ""
}
