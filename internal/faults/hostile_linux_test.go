package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

const (
	// victimEnv makes the test binary a program that asks a hostile server
	// something and says how that went: "plain address" or "here address".
	victimEnv = "REDISCONN_FAULTS_VICTIM"
	// victimMemory is its address space, of which a Go process takes one and a half gigabytes for nothing.
	victimMemory = 4 << 30
	// victimPeak is the memory that it may really use: with the race detector, 60 MB are taken from the start.
	victimPeak = 128 << 20
	// hostileLimit is how soon a hostile reply must have become an error.
	hostileLimit = time.Second
)

// hostile replies, each of which costs go-redis a gigabyte or its life.
var hostile = map[string]string{
	"array of 2,147,483,647":  "*2147483647\r\n",
	"array of 100,000,000":    "*100000000\r\n",
	"map of 1,000,000,000":    "%1000000000\r\n",
	"string of 1 GB":          "$1073741824\r\n",
	"arrays nested for ever":  "",
	"a line that never ends":  "+",
	"a push of 1,000,000,000": ">1000000000\r\n",
}

// attack is a script that gives a hostile reply to GET, or to HELLO already.
func attack(to, opening string) func(net.Conn) {
	return func(conn net.Conn) {
		requests := bufio.NewReader(conn)
		for {
			args, err := readCommand(requests)
			if err != nil {
				return
			}
			reply := "-ERR unknown command\r\n"
			switch name := strings.ToLower(args[0]); {
			case name == to:
				flood(conn, opening)
				return
			case name == "ping":
				reply = "+PONG\r\n"
			}
			if _, err := io.WriteString(conn, reply); err != nil {
				return
			}
		}
	}
}

// flood writes the opening and then goes on, as far as the client reads.
func flood(conn net.Conn, opening string) {
	filling := bytes.Repeat([]byte("A"), 1<<16)
	if opening == "" {
		filling = bytes.Repeat([]byte("*1\r\n"), 1<<14)
	}
	if _, err := io.WriteString(conn, opening); err != nil {
		return
	}
	if strings.HasSuffix(opening, "\r\n") {
		_, _ = io.Copy(io.Discard, conn) // a promise of more than ever comes
		return
	}
	for range 32 << 10 { // 2 GB
		if _, err := conn.Write(filling); err != nil {
			return
		}
	}
}

// beVictim is the program in the child process.
func beVictim(task string) int {
	if !underRace {
		limit := syscall.Rlimit{Cur: victimMemory, Max: victimMemory}
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
			fmt.Println(err)
			return 2
		}
	}
	side, addr, _ := strings.Cut(task, " ")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	var err error
	if side == "plain" {
		client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true})
		err = client.Do(ctx, "GET", "k").Err()
	} else {
		cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{addr}}}
		var client *redisconn.Client
		if client, err = redisconn.Open(ctx, cfg); err == nil {
			err = client.Do(ctx, "GET", "k").Err()
		}
	}
	if err == nil {
		fmt.Println("no error")
		return 1
	}
	fmt.Printf("class %s after %v: %v\n", redisconn.ClassOf(err), time.Since(began).Round(time.Millisecond), err)
	fmt.Printf("peak %d\n", peakMemory())
	return 0
}

// peakMemory is the most memory that this process ever had, VmHWM of proc(5).
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return -1
}

// runVictim starts the child and returns what it said. An error means that it died.
func runVictim(t *testing.T, side, addr string) (said string, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	// The race detector would let it sleep a second at its end.
	child.Env = append(os.Environ(), victimEnv+"="+side+" "+addr, "GORACE=atexit_sleep_ms=0")
	out, err := child.Output()
	said = string(out)
	if _, after, found := strings.Cut(said, " after "); found {
		text, _, _ := strings.Cut(after, ":")
		if took, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	return said, took, err
}

func TestHostileRepliesAreErrorsAndNotTheEndOfTheProcess(t *testing.T) {
	t.Run("go-redis", func(t *testing.T) {
		if !measuringAll() || underRace {
			t.Skip("kills processes for half a minute; measured when a page is written, without the race detector")
		}
		var deaths int
		var most int64
		for name, opening := range hostile {
			server := redisconntest.NewScripted(t, attack("get", opening))
			said, _, err := runVictim(t, "plain", server.Addr())
			t.Logf("%s: %s (%v)", name, said, err)
			if err != nil {
				deaths++
			} else {
				most = max(most, peakOf(said))
			}
		}
		rowHostile.Plain("the process dies of %d; the others take up to %d MB", deaths, most>>20)
	})
	t.Run("redisconn", func(t *testing.T) {
		var worst longest
		var mostUsed int64
		for name, opening := range hostile {
			for _, to := range []string{"get", "hello"} {
				t.Run(name+" to "+strings.ToUpper(to), func(t *testing.T) {
					server := redisconntest.NewScripted(t, attack(to, opening))
					worst.note(within(t, hostileLimit, "the error", func() time.Duration {
						said, took, err := runVictim(t, "here", server.Addr())
						var exit *exec.ExitError
						if errors.As(err, &exit) {
							t.Fatalf("the process died (%v): %s%s", err, said, tail(exit.Stderr))
						}
						if err != nil || !strings.HasPrefix(said, "class "+string(redisconn.ClassProtocol)+" ") {
							t.Errorf("it says %q, %v; want class %s", said, err, redisconn.ClassProtocol)
						}
						peak := peakOf(said)
						if peak <= 0 || peak > victimPeak {
							t.Errorf("it used %d MB, want at most %d", peak>>20, victimPeak>>20)
						}
						mostUsed = max(mostUsed, peak)
						return took
					}))
				})
			}
		}
		rowHostile.Here("survives all %d, as replies and in the handshake, in %d MB; error after %s at most", len(hostile), mostUsed>>20, brief(worst.get()))
	})
}

// peakOf is the memory that the child used, as it said.
func peakOf(said string) (bytes int64) {
	_, after, _ := strings.Cut(said, "\npeak ")
	_, _ = fmt.Sscan(after, &bytes) // 0, which no process uses, if it did not say
	return bytes
}

func tail(text []byte) string { return string(text[:min(len(text), 600)]) }
