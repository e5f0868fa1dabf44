package redisconntest_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

func waitForNothing(release <-chan struct{}) { <-release }

func TestLeakedGoroutinesFailTheTestWithTheirStacks(t *testing.T) {
	const many = 3000 // more stacks than fit into the first buffer
	release := make(chan struct{})
	defer close(release)
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t)
		for range many {
			go waitForNothing(release)
		}
	})
	if err == nil {
		t.Fatal("nothing was reported")
	}
	if !strings.HasPrefix(err.Error(), "3000 goroutines are left 3s after the test") {
		t.Errorf("%d leaked goroutines are reported as %.80v", many, err)
	}
	for part, want := range map[string]int{"redisconntest_test.waitForNothing(": many, "leak_test.go:": 2 * many} {
		if got := strings.Count(err.Error(), part); got != want {
			t.Errorf("%q is there %d times, want %d", part, got, want)
		}
	}
}

func TestGoroutinesThatEndInTimeOrWereThereBeforeAreNoLeaks(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	go waitForNothing(release)
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t)
		go func() { time.Sleep(50 * time.Millisecond) }()
	})
	if err != nil {
		t.Error(err)
	}
}

func TestIgnoredGoroutinesAreNoLeaks(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t, "github.com/redisconn/redisconn/redisconntest_test.waitFor")
		go waitForNothing(release)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFailedTestIsNotCheckedForLeaks(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t)
		go waitForNothing(release)
		t.Error("the real trouble")
	})
	if err == nil || err.Error() != "the real trouble" {
		t.Errorf("got %q, want the real trouble alone", err)
	}
}

// Restarting a server or connecting through a proxy starts goroutines of the kit's own after NoLeaks was called,
// which end with server and proxy, that is after the check when those are older.
func TestGoroutinesOfTheKitAreNoLeaks(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	scripted := redisconntest.NewScripted(t, redisconntest.Silence)
	var conns []net.Conn
	err := redisconntest.Run(func(t testing.TB) {
		redisconntest.NoLeaks(t)
		server.Restart()
		for _, addr := range []string{proxy.Addr(), scripted.Addr()} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		if _, err := io.WriteString(conns[0], "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conns[0].Read(make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
	})
	for _, conn := range conns {
		_ = conn.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// packageOfTests is a testing.M.
type packageOfTests func() int

func (p packageOfTests) Run() int { return p() }

func TestAPackageThatLeavesGoroutinesFails(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	for name, c := range map[string]struct {
		tests packageOfTests
		code  int
	}{
		"passes": {func() int { return 0 }, 0},
		"fails":  {func() int { return 2 }, 2},
		"leaks":  {func() int { go waitForNothing(release); return 0 }, 1},
	} {
		if code := redisconntest.RunNoLeaks(c.tests); code != c.code {
			t.Errorf("a package that %s: exit code %d, want %d", name, code, c.code)
		}
	}
}
