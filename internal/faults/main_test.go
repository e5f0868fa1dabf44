package faults_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/faults"
	"github.com/redisconn/redisconn/redisconntest"
)

var (
	report = flag.String("report", "", "write the figures to this file")
	// Every promise holds on every route: with "always" the rows meet the lane also
	// where few calls are in flight.
	pipelining = flag.String("pipelining", string(redisconn.PipeliningAuto), "the route of the clients under test: auto, off or always")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if victim := os.Getenv(victimEnv); victim != "" {
		os.Exit(beVictim(victim))
	}
	quiet()
	stop, err := answerNoName()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// What go-redis's clients of a Sentinel deployment leave behind is its own affair,
	// and a row of the page. Tests that run alone look for what ours would.
	code := redisconntest.RunNoLeaks(m, "github.com/redis/go-redis/v9.(*sentinelFailover).", "github.com/redis/go-redis/v9.(*channel).")
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if code == 0 && *report != "" {
		if err := writeReport(*report); err != nil {
			fmt.Fprintln(os.Stderr, "no report:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// quiet sends away what go-redis logs of the faults it meets.
func quiet() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	redis.SetLogger(silence{})
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// measuringAll reports whether a page is being written, so that every figure is needed.
func measuringAll() bool { return *report != "" }

// onlyForThePage skips a measurement of go-redis that takes long, unless a page is written.
func onlyForThePage(t *testing.T) {
	t.Helper()
	if !measuringAll() {
		t.Skip("takes long; measured when a page is written")
	}
}

func writeReport(path string) error {
	server, err := serverVersion()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Write(&text, faults.Machine{
		Cores:   runtime.NumCPU(),
		Go:      runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Redis:   server,
		GoRedis: redis.Version(),
		Command: "make faults",
	}); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// serverVersion asks the program itself: "Redis server v=7.0.15 sha=...".
func serverVersion() (string, error) {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return "", err
	}
	_, version, found := strings.Cut(string(out), "v=")
	if !found {
		return "", fmt.Errorf("redis-server --version says %q", out)
	}
	version, _, _ = strings.Cut(version, " ")
	return version, nil
}
