package redisconntest

import (
	"bytes"
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
	"os"
	"path/filepath"
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
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

// NewCA makes a certificate authority. Two of them are how to test that a client refuses a server it should not
// trust.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca := &CA{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: "redisconntest CA"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	ca.key = newKey(t)
	ca.cert = sign(t, template, template, ca.key, ca.key)
	ca.file = filepath.Join(ca.dir, "ca.crt")
	writePEM(t, ca.file, 0o644, "CERTIFICATE", ca.cert.Raw)
	return ca
}

// CAFile returns the path of the authority's certificate in PEM form, what a client trusts.
func (ca *CA) CAFile() string { return ca.file }

// CertPool returns a new pool that holds this authority alone.
func (ca *CA) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
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

func (ca *CA) issue(template *x509.Certificate, opts []CertOption) Cert {
	ca.t.Helper()
	template.SerialNumber = serialNumber()
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(24 * time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	for _, opt := range opts {
		opt(template)
	}
	key := newKey(ca.t)
	cert := sign(ca.t, template, ca.cert, key, ca.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatalf("cannot encode a private key: %v", err)
	}
	name := fmt.Sprintf("%x", cert.SerialNumber)
	issued := Cert{
		CertFile: filepath.Join(ca.dir, name+".crt"),
		KeyFile:  filepath.Join(ca.dir, name+".key"),
		TLS:      tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert},
	}
	writePEM(ca.t, issued.CertFile, 0o644, "CERTIFICATE", cert.Raw)
	writePEM(ca.t, issued.KeyFile, 0o600, "PRIVATE KEY", der)
	return issued
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

func writePEM(t testing.TB, file string, mode os.FileMode, kind string, der []byte) {
	t.Helper()
	var text bytes.Buffer
	err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der})
	if err == nil {
		err = os.WriteFile(file, text.Bytes(), mode)
	}
	if err != nil {
		t.Fatalf("cannot write %s: %v", file, err)
	}
}
