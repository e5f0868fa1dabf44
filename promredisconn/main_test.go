package promredisconn_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/redisconn/redisconn/redisconntest"
)

// TestMain runs the tests and then looks for goroutines that any of them left behind.
func TestMain(m *testing.M) {
	var code int
	leaked := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t)
		code = m.Run()
	})
	if leaked != nil {
		fmt.Fprintln(os.Stderr, leaked)
		code = max(code, 1)
	}
	os.Exit(code)
}
