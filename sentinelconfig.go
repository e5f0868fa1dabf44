package redisconn

import "cmp"

// SentinelConfig is which master is meant and how to ask the sentinels for it.
// Connection.Addrs are the sentinels; Connection and TLS say everything else
// about the data nodes, whose credentials are never sent to a sentinel.
type SentinelConfig struct {
	// Master is the name under which the sentinels watch the master, as in
	// "sentinel monitor mymaster …". With ModeAuto it makes this a Sentinel deployment.
	Master string

	// Username and Password are those of the sentinels themselves; empty means
	// that they ask for none.
	Username string
	Password Secret

	// PasswordFile holds the sentinels' password, see [ConnectionConfig.PasswordFile].
	PasswordFile string

	// TLS is how the link to the sentinels is encrypted; default follow.
	TLS SentinelTLS

	CAFile     string // with TLS on: PEM bundle that signs the sentinels; default the system's roots
	CertFile   string // with TLS on: PEM certificate of this client; needs KeyFile
	KeyFile    string // with TLS on: PEM private key of this client; needs CertFile
	CA         string // with TLS on: what CAFile would hold, for secrets that come in variables
	Cert       string // with TLS on: what CertFile would hold; needs Key
	Key        Secret // with TLS on: what KeyFile would hold; needs Cert
	ServerName string // with TLS on: name the sentinels' certificates must carry; default the host of each address

	// WriteGate holds writes, inside their own time budget, from the sentinels'
	// announcement of a failover until the switch. Then a planned failover loses
	// none; without it the old master goes on acknowledging writes that nobody
	// will ever read. Reads are not held. Default off.
	WriteGate bool
}

// SentinelTLS is how the link to the sentinels is encrypted.
type SentinelTLS string

// The ways to speak to sentinels.
const (
	SentinelTLSFollow SentinelTLS = "follow" // as to the data nodes, by the settings of Config.TLS; the default
	SentinelTLSOn     SentinelTLS = "on"     // TLS by the settings of Config.Sentinel, whatever the data nodes speak
	SentinelTLSOff    SentinelTLS = "off"    // plaintext, whatever the data nodes speak
)

// asksSentinels reports whether the addresses are those of sentinels.
func (c *Config) asksSentinels() bool {
	return c.Mode == ModeSentinel || c.Sentinel.Master != "" && (c.Mode == "" || c.Mode == ModeAuto)
}

// tls is the TLS configuration for the link to the sentinels. Versions below
// TLS.MinVersion are accepted nowhere; that anything is accepted can be said
// only of both links together.
func (c *Config) sentinelTLS() TLSConfig {
	switch s := c.Sentinel; s.TLS {
	case SentinelTLSOff:
		return TLSConfig{}
	case SentinelTLSOn:
		return TLSConfig{
			Enabled: true, CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile, CA: s.CA, Cert: s.Cert, Key: s.Key,
			ServerName: s.ServerName, MinVersion: c.TLS.MinVersion, ExpiryWarning: cmp.Or(c.TLS.ExpiryWarning, defaultExpiryWarning),
		}
	}
	return c.TLS
}
