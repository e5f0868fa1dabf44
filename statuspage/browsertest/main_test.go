// Package browsertest holds the status page to what it promises in a real browser.
// It is a module of its own, so that only its tests depend on a browser's driver.
package browsertest

import (
	"os"
	"testing"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }
