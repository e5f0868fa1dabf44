package doctor_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// What is printed is copied into a terminal, so it must lead to the same server
// and must not hold the password.
func TestCommandsLeadToTheServerTheWayTheClientGoes(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithUser("odd$user", "cAnaRy-pw"), redisconntest.WithDirective("tcp-keepalive", "0"))
	r := examined(t, configFor(server.Addr(), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "odd$user", "cAnaRy-pw"
		c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), InsecureSkipVerify: true, ServerName: "localhost"}
	}), "RC-W002")
	want := "redis-cli -h 127.0.0.1 -p " + strconv.Itoa(server.Port()) + " --tls --cacert " + ca.CAFile() +
		" --sni localhost --insecure --user 'odd$user' --askpass CONFIG SET tcp-keepalive 300"
	if len(r.Fix) != 1 || r.Fix[0].Command != want {
		t.Errorf("%+v\nwant %s", r.Fix, want)
	}
	socket := redisconntest.NewServer(t, redisconntest.WithUnixSocket(), redisconntest.WithDirective("timeout", "10"))
	if r := examined(t, configFor(socket.Addr()), "RC-W001"); !strings.HasPrefix(r.Fix[0].Command, "redis-cli -s "+socket.Addr()+" ") {
		t.Errorf("%+v", r.Fix)
	}
}

// The sentinels have a password and a link of their own; a command with those of the
// data nodes did not lead to them.
func TestCommandsLeadToTheSentinelsTheWayTheClientGoes(t *testing.T) {
	ca := redisconntest.NewCA(t)
	addr := redisconntest.ReserveAddr(t)
	host, port, _ := strings.Cut(addr, ":")
	way := "redis-cli -h " + host + " -p " + port
	for want, how := range map[string]func(*redisconn.Config){
		" --user watcher --askpass": func(c *redisconn.Config) { c.Sentinel.TLS = redisconn.SentinelTLSOff },
		" --tls --cacert " + ca.CAFile() + " --sni watch.internal --user watcher --askpass": func(c *redisconn.Config) {
			c.Sentinel.TLS, c.Sentinel.CAFile, c.Sentinel.ServerName = redisconn.SentinelTLSOn, ca.CAFile(), "watch.internal"
		},
		" --tls --cacert " + ca.CAFile() + " --user watcher --askpass": func(*redisconn.Config) {},
	} {
		r := examined(t, configFor(addr, func(c *redisconn.Config) {
			c.TLS.Enabled, c.TLS.CAFile, c.Connection.Username, c.Connection.Password = true, ca.CAFile(), "app", "secret"
			c.Sentinel.Master, c.Sentinel.Username, c.Sentinel.Password = "main", "watcher", "another"
		}, how), "RC-N000")
		if r.Command() != way+want+" SENTINEL MASTERS" {
			t.Errorf("%q, want%s", r.Command(), want)
		}
	}
}
