package redisconn

import (
	"slices"
	"strings"
	"unicode"
)

// sentinelRules are the conditions on a Sentinel deployment.
var sentinelRules = slices.Concat([]rule{
	{[]string{"mode", "sentinel.master"}, func(raw, full *Config) (string, string) {
		return when(raw.Mode == ModeSentinel && raw.Sentinel.Master == "",
			"sentinels watch masters by name, and no name is given", "set sentinel.master to the name in the sentinels' configuration, often mymaster")
	}},
	{[]string{"sentinel.master"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Sentinel.Master, isForeignToHosts),
			"names of masters are made of ASCII letters, digits, dots, hyphens and underscores", "look for it in the sentinels' configuration: sentinel monitor <name> …")
	}},
	{[]string{"connection.addrs", "mode", "sentinel.master"}, func(raw, full *Config) (string, string) {
		return when(full.asksSentinels() && slices.ContainsFunc(full.Connection.Addrs, isSocket),
			"sentinels are reached over TCP, as the master that they name is", "write host:port of each sentinel")
	}},
	{[]string{"sentinel.username"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Sentinel.Username, isControlOrSpace),
			"names of ACL users have no spaces or control characters", "look for a line break at its end")
	}},
	{[]string{"sentinel.password"}, func(raw, full *Config) (string, string) {
		return when(strings.ContainsFunc(raw.Sentinel.Password.Reveal(), unicode.IsControl),
			"it holds a line break or another control character", "look for a line break at its end, as echo and editors add it")
	}},
	{[]string{"sentinel.password", "sentinel.password_file"}, func(raw, full *Config) (string, string) {
		return when(raw.Sentinel.Password != "" && raw.Sentinel.PasswordFile != "",
			"both a password and a file that holds one are given", "keep one of the two")
	}},
	contradicts("sentinel.ca_file", "sentinel.ca"),
	contradicts("sentinel.cert_file", "sentinel.cert"),
	contradicts("sentinel.key_file", "sentinel.key"),
	{[]string{"sentinel.cert", "sentinel.key"}, func(raw, full *Config) (string, string) {
		return when((raw.Sentinel.Cert == "") != (raw.Sentinel.Key == ""),
			"a client's certificate needs its key and the key its certificate", "give both cert and key, or neither")
	}},
	{[]string{"sentinel.cert_file", "sentinel.key_file"}, func(raw, full *Config) (string, string) {
		return when((raw.Sentinel.CertFile == "") != (raw.Sentinel.KeyFile == ""),
			"a client's certificate needs its key and the key its certificate", "give both cert_file and key_file, or neither")
	}},
	{[]string{"sentinel.server_name"}, func(raw, full *Config) (string, string) {
		return when(raw.Sentinel.ServerName != "" && hostFault(raw.Sentinel.ServerName) != "",
			"this is no host name or IP address", "write the name from the sentinels' certificates, without a port")
	}},
},
	rulesFor(onlyWithSentinels, "sentinel.master", "sentinel.username", "sentinel.password", "sentinel.password_file", "sentinel.tls", "sentinel.write_gate"),
	rulesFor(onlyWithSentinelTLS, "sentinel.ca_file", "sentinel.cert_file", "sentinel.key_file", "sentinel.ca", "sentinel.cert", "sentinel.key", "sentinel.server_name"),
)

func onlyWithSentinels(f field) rule {
	return rule{[]string{f.path, "mode", "sentinel.master"}, func(raw, full *Config) (string, string) {
		return when(f.isSet(raw) && !raw.asksSentinels(),
			"this is about sentinels, but nothing says that the addresses are theirs", "set sentinel.master, or leave this out")
	}}
}

// onlyWithSentinelTLS keeps settings from going unheard: with follow those of
// the data nodes hold.
func onlyWithSentinelTLS(f field) rule {
	return rule{[]string{f.path, "sentinel.tls"}, func(raw, full *Config) (string, string) {
		return when(f.isSet(raw) && raw.Sentinel.TLS != SentinelTLSOn,
			"this is about TLS to the sentinels, which has no settings of its own unless sentinel.tls is on", "set sentinel.tls to on, or leave this out")
	}}
}
