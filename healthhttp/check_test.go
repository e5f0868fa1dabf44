package healthhttp_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestACheckSaysWhatIsWrong(t *testing.T) {
	check := healthhttp.Check(unconnected(t))
	if err := check(t.Context()); err == nil || err.Error() != "redisconn: localhost:6379 is idle: not connected" {
		t.Errorf("before the connection: %v", err)
	}
	server := redisconntest.NewServer(t)
	client := open(t, server.Config())
	check = healthhttp.Check(client)
	if err := check(t.Context()); err != nil {
		t.Errorf("connected: %v", err)
	}
	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the outage", func() bool { return check(t.Context()) != nil })
	err := check(t.Context())
	var failure *healthhttp.Failure
	if !errors.As(err, &failure) || failure.Class != redisconn.ClassRefused || !strings.Contains(err.Error(), "; next: check that redis-server runs") {
		t.Errorf("in the outage: %v", err)
	}
}
