package doctor

import "strings"

// fill puts this server's names in the places of a command from the table.
func (p *Patient) fill(command string) string {
	return strings.NewReplacer("{cli}", p.cli(), "{addr}", p.addr(), "{host}", p.host(), "{port}", p.port(), "{user}", shell(p.user()), "{file}", "FILE", "{master}", shell(p.config.Sentinel.Master)).Replace(command)
}

// cli is redis-cli on its way to the server. A password is typed, never shown.
func (p *Patient) cli() string {
	words := []string{"redis-cli"}
	add := func(more ...string) { words = append(words, more...) }
	if p.network() == "unix" {
		add("-s", shell(p.addr()))
	} else {
		add("-h", shell(p.host()), "-p", p.port())
	}
	if t := p.config.TLS; t.Enabled {
		add("--tls")
		for _, part := range [][2]string{{"--cacert", t.CAFile}, {"--cert", t.CertFile}, {"--key", t.KeyFile}, {"--sni", t.ServerName}} {
			if part[1] != "" {
				add(part[0], shell(part[1]))
			}
		}
		if t.InsecureSkipVerify {
			add("--insecure")
		}
	}
	if user := p.config.Connection.Username; user != "" {
		add("--user", shell(user))
	}
	if p.config.Connection.Password != "" || p.config.Connection.PasswordFile != "" {
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
