package respguard_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/respguard"
	"github.com/redisconn/redisconn/redisconntest"
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
	server := redisconntest.NewServer(t, redisconntest.WithUnixSocket(), redisconntest.WithDirective("enable-debug-command", "yes"))
	conn, err := net.Dial(server.Network(), server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}
