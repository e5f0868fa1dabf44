package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

// asCommandEnv makes the test binary be the command, for tests that send it signals.
const asCommandEnv = "REDISCONN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommandEnv) == "1" {
		main()
	}
	code := m.Run()
	if golden.Updating() && code == 0 {
		if err := updateSamples(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// call is one run of the command inside the test process.
type call struct {
	env   []string
	stdin string
	setup func(*app)
}

type outcome struct {
	code           int
	stdout, stderr string
}

// shownTime is what every measured time looks like in tests.
const shownTime = 1500 * time.Microsecond

func (c call) run(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := newApp(c.env, strings.NewReader(c.stdin), &stdout, &stderr)
	a.took = func(time.Duration) time.Duration { return shownTime }
	if c.setup != nil {
		c.setup(a)
	}
	code := a.run(t.Context(), append([]string{"redisconn"}, args...))
	return outcome{code, stdout.String(), stderr.String()}
}

// invoke runs the command with nothing in its environment.
func invoke(t *testing.T, args ...string) outcome {
	t.Helper()
	return call{}.run(t, args...)
}

func (o outcome) expect(t *testing.T, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

var loopbackPort = regexp.MustCompile(`(127\.0\.0\.1(:| | -p ))\d{5}`)

// anyPort gives every loopback address the same port, of the same width.
func anyPort(text string) string { return loopbackPort.ReplaceAllString(text, "${1}16379") }

// passwordServer starts a server that wants a password.
func passwordServer(t *testing.T, password string) *redisconntest.Server {
	t.Helper()
	return redisconntest.NewServer(t, redisconntest.WithPassword(password))
}
