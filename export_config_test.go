package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"slices"
	"time"
)

// Seams for the black-box tests of configuration.

// WithDefaults resolves every zero field.
func WithDefaults(c Config) Config { return c.withDefaults() }

// DefaultPoolSize is the pool's default size for a number of processors.
func DefaultPoolSize(processors int) int { return defaultPoolSize(processors) }

// ReadPasswordFile reads a mounted secret.
func ReadPasswordFile(path string) (Secret, []Warning, error) { return readPasswordFile(path) }

// LoadTLS reads the files of a TLS configuration, for connections to a host.
func LoadTLS(c TLSConfig, host string) (*tls.Config, []Warning, error) {
	config, warnings, err := c.load()
	if config == nil {
		return nil, warnings, err
	}
	return (&dialer{tls: config}).tlsFor(host), warnings, err
}

// JudgeValidity judges a certificate's dates at a time.
func JudgeValidity(cert *x509.Certificate, now time.Time) ([]Warning, error) {
	return judgeValidity(pemSource{fileField: "tls.cert_file", path: "client.pem"}, cert, now, 14*24*time.Hour)
}

// OpenDirectory describes a directory in which everybody may replace files.
func OpenDirectory(dir string) string { return openDirectory(dir) }

// StrangerOwns judges a file's owner.
func StrangerOwns(owner, self int) string { return strangerOwns(owner, self) }

// Exposure judges a file's mode.
func Exposure(mode fs.FileMode, own bool) (readable string, writable bool) {
	return exposure(mode, own)
}

// The pieces of addresses.
var (
	AddressNetwork = addressNetwork
	AddressHost    = addressHost
	AddressFault   = addressFault
	IsLoopback     = isLoopback
)

// NormalizeAddress completes an address of a standalone server.
func NormalizeAddress(addr string) string { return normalizeAddress(addr, defaultPort) }

// Names and texts.
var (
	Suggest       = suggest
	EditDistance  = editDistance
	ParseDuration = parseDuration
	DurationText  = durationText
)

// ZeroRefused reports whether the text 0 is refused for a field.
func ZeroRefused(path string) bool { return fieldAt(path).zero != "" }

// AddressOfField is a pointer to the field's value inside c.
func AddressOfField(path string, c *Config) any { return fieldAt(path).at(c) }

// BoundedFields are the paths in the table of bounds.
func BoundedFields() []string {
	paths := make([]string, len(configBounds))
	for i, b := range configBounds {
		paths[i] = b.path
	}
	return paths
}

// RuleFields are the paths that every rule names.
func RuleFields() [][]string {
	fields := make([][]string, len(configRules))
	for i, r := range configRules {
		fields[i] = r.fields
	}
	return fields
}

// IsConfigLint reports whether [Config.Lint] finds the code, rather than a
// [Builder] or whoever reads a file.
func IsConfigLint(code string) bool {
	return slices.ContainsFunc(configLints, func(l lint) bool { return l.code == code && l.find != nil })
}

// EnvOnly returns the variables that stand for no field, with what they mean.
func EnvOnly() [][2]string {
	var rows [][2]string
	for _, v := range envOnly {
		rows = append(rows, [2]string{v.env, v.doc})
	}
	return rows
}
