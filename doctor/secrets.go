package doctor

import (
	"net/url"
	"os"
	"strings"

	"github.com/redisconn/redisconn"
)

// secrets are texts that must not be shown. Passwords mask themselves where they
// are kept; these are looked for in what a server says, which may hold anything.
type secrets []string

// shortestSecret is the length from which on a password is looked for: a shorter
// one would be found in words that have nothing to do with it.
const shortestSecret = 6

// secretsOf are those of a configuration. Files of passwords, if the client could
// use them, are read once more: the client does not tell what was in them.
func secretsOf(cfg redisconn.Config, usable bool) secrets {
	passwords := []string{cfg.Connection.Password.Reveal(), cfg.Sentinel.Password.Reveal(), cfg.TLS.Key.Reveal()}
	for _, path := range []string{cfg.Connection.PasswordFile, cfg.Sentinel.PasswordFile} {
		if path == "" || !usable {
			continue
		}
		if content, err := os.ReadFile(path); err == nil { // what cannot be read here was not sent either
			passwords = append(passwords, strings.TrimSpace(string(content)))
		}
	}
	var s secrets
	for _, password := range passwords {
		if len(password) >= shortestSecret {
			s = append(s, password, url.QueryEscape(password), url.PathEscape(password))
		}
	}
	return s
}

// hide replaces them in a text.
func (s secrets) hide(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}
