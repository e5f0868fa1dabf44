package redisconntest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// auditUser is the ACL user of the kit's own connections. It exists on every server, with a random password, so
// that the kit keeps seeing what happens while a test rotates, revokes or disables any other user.
const auditUser = "redisconntest"

func newAuditPassword() string { return rand.Text() }

// configFile returns the text of redis.conf. A file rather than arguments: arguments are visible to everybody in ps.
func (s *Server) configFile() string {
	var text strings.Builder
	line := func(name string, args ...string) { text.WriteString(configLine(name, args...)) }

	line("bind", loopback)
	line("protected-mode", "no")
	line("daemonize", "no")
	line("loglevel", "notice")
	line("logfile", "")
	line("dir", s.dir)
	line("save", "")
	line("appendonly", yesNo(s.cfg.appendOnly))
	// The default, everysec, holds back what it writes for up to two seconds while a sync is under way on a busy
	// disk (flushAppendOnlyFile in aof.c), and acknowledges it nevertheless.
	line("appendfsync", "no")
	// The default of 5 s, meant to let several replicas share one snapshot, would be most of a test's time.
	line("repl-diskless-sync-delay", "0")

	switch {
	case s.socket != "":
		line("port", "0")
		line("unixsocket", s.socket)
		line("unixsocketperm", "700")
	case s.cfg.ca != nil:
		line("port", "0")
		line("tls-port", strconv.Itoa(s.port.port))
	default:
		line("port", strconv.Itoa(s.port.port))
	}
	if s.cfg.ca != nil {
		line("tls-cert-file", s.cert.Load().CertFile)
		line("tls-key-file", s.cert.Load().KeyFile)
		line("tls-ca-cert-file", s.cfg.ca.CAFile())
		line("tls-auth-clients", yesNo(s.cfg.clientAuth))
	}
	if master := s.cfg.master; master != nil {
		line("replicaof", loopback, strconv.Itoa(master.Port()))
		line("masteruser", auditUser)
		line("masterauth", master.auditPassword)
		line("tls-replication", yesNo(master.cfg.ca != nil))
	}
	if s.cfg.password != "" {
		line("requirepass", s.cfg.password)
	}
	line("user", userRules(aclUser{name: auditUser, password: s.auditPassword})...)
	for _, user := range s.cfg.users {
		line("user", userRules(user)...)
	}
	for _, directive := range slices.Concat(s.topology, s.cfg.directives) {
		line(directive[0], directive[1:]...)
	}
	return text.String()
}

// userRules returns the arguments of a user directive.
func userRules(user aclUser) []string {
	secret := "nopass"
	if user.password != "" {
		secret = ">" + user.password
	}
	rules := user.rules
	if len(rules) == 0 {
		rules = []string{"~*", "&*", "+@all"}
	}
	return append([]string{user.name, "on", secret}, rules...)
}

// configLine returns one line of redis.conf, each argument quoted as the server's parser (sdssplitargs) reads it.
func configLine(name string, args ...string) string {
	var line strings.Builder
	line.WriteString(name)
	for _, arg := range args {
		line.WriteString(` "`)
		for _, c := range []byte(arg) {
			switch {
			case c == '"' || c == '\\':
				line.WriteByte('\\')
				line.WriteByte(c)
			case c < ' ' || c > '~':
				fmt.Fprintf(&line, `\x%02x`, c)
			default:
				line.WriteByte(c)
			}
		}
		line.WriteByte('"')
	}
	line.WriteByte('\n')
	return line.String()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
