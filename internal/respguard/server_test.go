package respguard_test

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/respguard"
)

// DEBUG PROTOCOL makes a server send one reply of each type it has; COMMAND DOCS is the deepest and one of the most
// structured replies there are.
func TestARealServerStaysWithinTheDefaults(t *testing.T) {
	conn := dialRedis(t)
	requests := []string{"COMMAND DOCS", "COMMAND", "INFO everything", "ACL LIST", "LATENCY DOCTOR", "NO SUCH COMMAND"}
	for _, kind := range []string{
		"string", "integer", "double", "null", "array", "set", "map", "attrib", "push", "verbatim", "true", "false", "bignum",
	} {
		requests = append(requests, "DEBUG PROTOCOL "+kind)
	}
	guard := respguard.New(respguard.Limits{})
	for _, protocol := range []string{"HELLO 2", "HELLO 3"} {
		for _, request := range append([]string{protocol}, requests...) {
			fmt.Fprintf(conn, "%s\r\n", request)
			reply := make([]byte, 1009)
			for done := false; !done; done = guard.BetweenReplies() {
				n, err := conn.Read(reply)
				if err != nil {
					t.Fatalf("%s: %s: %v", protocol, request, err)
				}
				if err := guard.Check(reply[:n]); err != nil {
					t.Fatalf("%s: %s: %v", protocol, request, err)
				}
			}
		}
	}
}

// dialRedis starts a redis-server for this test and connects to it.
func dialRedis(t *testing.T) net.Conn {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("no redis-server to compare with: %v", err)
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server := exec.Command(binary, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
		"--dir", filepath.Dir(socket), "--enable-debug-command", "yes")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.SetDeadline(deadline.Add(10 * time.Second))
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}
