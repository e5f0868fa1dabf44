package redisconntest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// CA is a certificate authority made for one test. No key material is kept in a repository and none outlives the
// test: all files are in its temporary directory, private keys with mode 0600.
//
// A CA is safe for concurrent use.
type CA struct {
	t    testing.TB
	dir  string
	file string

	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	trusted []*x509.Certificate // the current certificate first, then those it replaced and that are not retired
}

// NewCA makes a certificate authority. Two of them are how to test that a client refuses a server it should not
// trust.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, dir: t.TempDir()}
	ca.file = filepath.Join(ca.dir, "ca.crt")
	ca.Rotate()
	return ca
}

// CAFile returns the path of the authority's certificate in PEM form, what a client trusts.
func (ca *CA) CAFile() string { return ca.file }

// PEM returns what is in [CA.CAFile].
func (ca *CA) PEM() []byte { return bundle(ca.certificates()) }

func bundle(certs []*x509.Certificate) []byte {
	var text []byte
	for _, cert := range certs {
		text = append(text, encodePEM("CERTIFICATE", cert.Raw)...)
	}
	return text
}

// CertPool returns a new pool that holds this authority alone.
func (ca *CA) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, cert := range ca.certificates() {
		pool.AddCert(cert)
	}
	return pool
}

// certificates returns the certificates of the authority that are trusted now.
func (ca *CA) certificates() []*x509.Certificate {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return slices.Clone(ca.trusted)
}

// ClientConfig returns a new configuration that trusts this authority alone and verifies the server's name.
func (ca *CA) ClientConfig() *tls.Config {
	return &tls.Config{RootCAs: ca.CertPool(), MinVersion: tls.VersionTLS12}
}

// Cert is a certificate with its private key, in memory and on disk.
type Cert struct {
	CertFile string          // PEM
	KeyFile  string          // PEM, mode 0600
	TLS      tls.Certificate // the same, for a tls.Config
}

// PEM returns the certificate and the private key as they are in its files when they were issued, for a variable or
// a [SecretVolume].
func (c Cert) PEM() (cert, key []byte) {
	der, err := x509.MarshalPKCS8PrivateKey(c.TLS.PrivateKey)
	if err != nil {
		panic(fmt.Sprintf("bug: the kit made a key that cannot be encoded: %v", err)) // it makes P-256 keys only
	}
	return encodePEM("CERTIFICATE", c.TLS.Certificate[0]), encodePEM("PRIVATE KEY", der)
}

// CertOption changes the certificate that is made.
type CertOption func(*x509.Certificate)

// CertHosts makes the certificate valid for these names and addresses instead of 127.0.0.1, ::1 and localhost.
func CertHosts(hosts ...string) CertOption {
	return func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = nil, nil
		for _, host := range hosts {
			if ip := net.ParseIP(host); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, host)
			}
		}
	}
}

// CertValid makes the certificate valid between the two times instead of from an hour ago for a day.
func CertValid(from, until time.Time) CertOption {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
}

// CertExpired makes the certificate one that ended an hour ago.
func CertExpired() CertOption {
	return func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	}
}

// ServerCert makes a certificate for a server on this machine: valid for 127.0.0.1, ::1 and localhost. It is good
// for client authentication as well, because a Redis server is the client of the master it replicates.
func (ca *CA) ServerCert(opts ...CertOption) Cert {
	ca.t.Helper()
	return ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "redisconntest server"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, opts)
}

// ClientCert makes a certificate for a client, what a server with [WithTLSClientAuth] asks for.
func (ca *CA) ClientCert(opts ...CertOption) Cert {
	ca.t.Helper()
	return ca.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "redisconntest client"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, opts)
}

// issue makes a certificate and writes it to files of its own.
func (ca *CA) issue(template *x509.Certificate, opts []CertOption) Cert {
	ca.t.Helper()
	cert := ca.sign(template, opts)
	name := filepath.Join(ca.dir, fmt.Sprintf("%x", cert.TLS.Leaf.SerialNumber))
	cert.CertFile, cert.KeyFile = name+".crt", name+".key"
	ca.write(cert)
	return cert
}

// sign makes a certificate with a key of its own, which is in no file yet.
func (ca *CA) sign(template *x509.Certificate, opts []CertOption) Cert {
	ca.t.Helper()
	setDefaults(template, opts)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	key := newKey(ca.t)
	ca.mu.Lock()
	defer ca.mu.Unlock()
	cert := sign(ca.t, template, ca.trusted[0], key, ca.key)
	return Cert{TLS: tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}}
}

// write puts the key and the certificate into their files, replacing each as one.
func (ca *CA) write(cert Cert) {
	ca.t.Helper()
	certPEM, keyPEM := cert.PEM()
	err := replaceFile(cert.KeyFile, keyPEM, 0o600)
	if err == nil {
		err = replaceFile(cert.CertFile, certPEM, 0o644)
	}
	if err != nil {
		ca.t.Fatalf("cannot write a certificate: %v", err)
	}
}

// setDefaults gives the certificate a number and a validity, then applies the options.
func setDefaults(template *x509.Certificate, opts []CertOption) {
	template.SerialNumber = serialNumber()
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(24 * time.Hour)
	for _, opt := range opts {
		opt(template)
	}
}

// newKey makes a P-256 key: every TLS stack has the curve, and a test waits microseconds for it where RSA takes
// hundreds of milliseconds.
func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("cannot make a private key: %v", err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatalf("cannot make a certificate for %q: %v", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("cannot read back the certificate for %q: %v", template.Subject.CommonName, err)
	}
	return cert
}

func serialNumber() *big.Int {
	var serial [8]byte
	_, _ = rand.Read(serial[:]) // never fails: crypto/rand ends the program instead
	serial[0] &= 0x7f           // RFC 5280, 4.1.2.2: a positive integer
	return new(big.Int).SetBytes(serial[:])
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
