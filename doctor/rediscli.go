package doctor

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/redisconn/redisconn"
)

// fill puts the names that are known in the places of a command from the table. ill
// is the node in question; without one it is the server.
func (p *Patient) fill(command string, ill redisconn.NodeHealth) string {
	return strings.NewReplacer(
		"{cli}", p.cli(), "{admin}", p.adminCLI(), "{node}", p.cliTo(cmp.Or(ill.Addr, p.addr())), "{sentinel}", p.cliTo(p.sentinel()),
		"{addr}", p.addr(), "{host}", p.host(), "{port}", p.port(), "{user}", shell(p.user()),
		"{id}", cmp.Or(ill.ID, "NODE-ID"), "{file}", "FILE", "{master}", shell(p.config.Sentinel.Master),
	).Replace(command)
}

// cli is redis-cli on its way to the server.
func (p *Patient) cli() string { return redisCLI(p.addr(), p.config.TLS, p.config.Connection) }

// adminCLI is the same for somebody who may do more, with a name and a password that
// are not known here.
func (p *Patient) adminCLI() string {
	return redisCLI(p.addr(), p.config.TLS, redisconn.ConnectionConfig{Username: "ADMIN", Password: "typed"})
}

// cliTo is redis-cli on its way to a node, which may be a sentinel.
func (p *Patient) cliTo(addr string) string {
	if !slices.Contains(p.sentinels(), addr) {
		return redisCLI(addr, p.config.TLS, p.config.Connection)
	}
	s, link := p.config.Sentinel, p.config.TLS
	switch s.TLS {
	case redisconn.SentinelTLSOff:
		link = redisconn.TLSConfig{}
	case redisconn.SentinelTLSOn:
		link = redisconn.TLSConfig{Enabled: true, CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile, ServerName: s.ServerName}
	}
	return redisCLI(addr, link, redisconn.ConnectionConfig{Username: s.Username, Password: s.Password, PasswordFile: s.PasswordFile})
}

// sentinels are the addresses of those that are known, the ones that answer first;
// none where the addresses of the configuration are not theirs.
func (p *Patient) sentinels() []string {
	if !hasSentinels(p.config) {
		return nil
	}
	var health redisconn.Health
	if p.client != nil {
		health = p.client.LastHealth()
	}
	var well, others []string
	for _, node := range health.Nodes {
		switch {
		case node.Role != "sentinel":
		case node.Status == redisconn.StatusPass:
			well = append(well, node.Addr)
		default:
			others = append(others, node.Addr)
		}
	}
	return slices.Concat(well, p.config.Connection.Addrs, others)
}

// sentinel is the address of one to ask.
func (p *Patient) sentinel() string {
	return append(p.sentinels(), p.addr())[0]
}

// redisCLI is redis-cli with the flags that lead to an address the way the client
// goes. A password is typed, never shown.
func redisCLI(addr string, link redisconn.TLSConfig, who redisconn.ConnectionConfig) string {
	words := []string{"redis-cli"}
	add := func(more ...string) { words = append(words, more...) }
	if host, port, err := net.SplitHostPort(addr); err == nil {
		add("-h", shell(host), "-p", port)
	} else {
		add("-s", shell(addr))
	}
	if link.Enabled {
		add("--tls")
		for _, part := range [][2]string{{"--cacert", link.CAFile}, {"--cert", link.CertFile}, {"--key", link.KeyFile}, {"--sni", link.ServerName}} {
			if part[1] != "" {
				add(part[0], shell(part[1]))
			}
		}
		if link.InsecureSkipVerify {
			add("--insecure")
		}
	}
	if who.Username != "" {
		add("--user", shell(who.Username))
	}
	if who.Password != "" || who.PasswordFile != "" {
		add("--askpass")
	}
	return strings.Join(words, " ")
}

// shell quotes a word that a shell would change.
func shell(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,@%+="
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
