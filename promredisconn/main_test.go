package promredisconn_test

import (
	"os"
	"testing"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }
