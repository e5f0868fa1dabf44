package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// certExpiryNotice is how long before its end a client's certificate is warned
// about: time to renew it twice by hand.
const certExpiryNotice = 14 * 24 * time.Hour

// load reads the files that c names and returns what a dialer needs, or nil when
// TLS is off. Where ServerName is not set the dialer puts in the host of each
// server's own address. Errors are *FieldError, joined, and never repeat what a
// file holds.
func (c TLSConfig) load() (*tls.Config, []Warning, error) {
	if !c.Enabled {
		return nil, nil, nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	var rootsErr, certErr error
	var warnings []Warning
	if c.CAFile != "" {
		config.RootCAs, rootsErr = loadRoots(c.CAFile)
	}
	if c.CertFile != "" {
		var cert tls.Certificate
		cert, warnings, certErr = loadCertificate(c.CertFile, c.KeyFile)
		config.Certificates = []tls.Certificate{cert}
	}
	if err := errors.Join(rootsErr, certErr); err != nil {
		return nil, nil, err
	}
	return config, warnings, nil
}

// loadRoots reads a bundle of authorities. Every certificate in it must be
// readable, since one that is skipped is missed on the day it matters, and one
// at least must be valid now.
func loadRoots(path string) (*x509.CertPool, error) {
	const field = "tls.ca_file"
	content, _, err := readConfigFile(path, field, maxPEMFile)
	if err != nil {
		return nil, err
	}
	fault := func(cause error, reason, fix string) (*x509.CertPool, error) {
		return nil, &FieldError{Field: field, Value: path, Reason: reason, Fix: fix, cause: cause}
	}
	pool, count := x509.NewCertPool(), 0
	var lastEnd time.Time
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		count++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fault(err, fmt.Sprintf("certificate %d of the bundle cannot be read: %v", count, err), "export it again as PEM")
		}
		if cert.NotAfter.After(lastEnd) {
			lastEnd = cert.NotAfter
		}
		pool.AddCert(cert)
	}
	switch {
	case count == 0:
		return fault(nil, "the file holds no certificate in PEM form", "give the authority's certificate, which begins with -----BEGIN CERTIFICATE-----")
	case time.Now().After(lastEnd):
		return fault(nil, "every certificate in it has expired, the last one at "+instant(lastEnd), "get the authority's current certificate")
	}
	return pool, nil
}

// loadCertificate reads this client's certificate and key.
func loadCertificate(certPath, keyPath string) (tls.Certificate, []Warning, error) {
	certPEM, _, certErr := readConfigFile(certPath, "tls.cert_file", maxPEMFile)
	keyPEM, keyInfo, keyErr := readConfigFile(keyPath, "tls.key_file", maxPEMFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return tls.Certificate{}, nil, err
	}
	warnings, err := judgeExposure(keyPath, "tls.key_file", lintKeyFile, keyInfo)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	if block, _ := pem.Decode(keyPEM); block != nil && isEncrypted(block) {
		return tls.Certificate{}, nil, &FieldError{
			Field: "tls.key_file", Value: keyPath,
			Reason: "the key is encrypted, and nobody can type its passphrase",
			Fix:    "decrypt it with openssl pkey, and protect the file by its mode",
		}
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, nil, &FieldError{
			Field: "tls.cert_file", Value: certPath,
			Reason: "it does not make a pair with tls.key_file " + keyPath + ": " + strings.TrimPrefix(err.Error(), "tls: "),
			Fix:    "check that both are PEM, not swapped, and were issued together",
			cause:  err,
		}
	}
	expiry, err := judgeValidity(certPath, cert.Leaf, time.Now())
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return cert, append(warnings, expiry...), nil
}

// isEncrypted recognises both forms of encrypted keys, RFC 7468 section 11 and
// the older headers of RFC 1421.
func isEncrypted(block *pem.Block) bool {
	return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
}

// judgeValidity refuses a certificate outside its dates: the server would refuse
// it as well, with far fewer words.
func judgeValidity(path string, cert *x509.Certificate, now time.Time) ([]Warning, error) {
	fault := func(reason, fix string) ([]Warning, error) {
		return nil, &FieldError{Field: "tls.cert_file", Value: path, Reason: reason, Fix: fix}
	}
	switch {
	case now.After(cert.NotAfter):
		return fault("the certificate expired at "+instant(cert.NotAfter)+", it is now "+instant(now), "renew it")
	case now.Before(cert.NotBefore):
		return fault("the certificate is not valid before "+instant(cert.NotBefore)+", it is now "+instant(now), "check this machine's clock, or wait")
	case now.Add(certExpiryNotice).After(cert.NotAfter):
		return []Warning{lintWarning(lintCertExpiry, path+" expires at "+instant(cert.NotAfter))}, nil
	}
	return nil, nil
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
