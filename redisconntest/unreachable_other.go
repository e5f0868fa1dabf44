//go:build !linux

package redisconntest

import "testing"

// NewUnreachable skips the test: see the Linux version.
func NewUnreachable(t testing.TB) string {
	t.Helper()
	t.Skip("an address that swallows connection attempts can be made on Linux only")
	return ""
}
