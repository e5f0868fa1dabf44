package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

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
	if roots := (pemSource{"tls.ca", c.CA, "tls.ca_file", c.CAFile}); roots.given() {
		config.RootCAs, rootsErr = loadRoots(roots)
	}
	if cert := (pemSource{"tls.cert", c.Cert, "tls.cert_file", c.CertFile}); cert.given() {
		var pair tls.Certificate
		key := pemSource{"tls.key", c.Key.Reveal(), "tls.key_file", c.KeyFile}
		pair, warnings, certErr = loadCertificate(cert, key, c.ExpiryWarning)
		config.Certificates = []tls.Certificate{pair}
	}
	if err := errors.Join(rootsErr, certErr); err != nil {
		return nil, nil, err
	}
	return config, warnings, nil
}

// pemSource is where something in PEM form is: in a field itself, or in a file.
type pemSource struct {
	textField, text string
	fileField, path string
}

func (s pemSource) given() bool { return s.text != "" || s.path != "" }

// field is the field that gives it.
func (s pemSource) field() string {
	if s.text != "" {
		return s.textField
	}
	return s.fileField
}

// name is how a sentence calls it.
func (s pemSource) name() string {
	if s.text != "" {
		return s.textField
	}
	return s.fileField + " " + s.path
}

// read returns the PEM and, of a file, what the system says of it. Where a
// variable cannot hold line breaks, \n stands for them.
func (s pemSource) read() ([]byte, fs.FileInfo, error) {
	if s.text != "" {
		return []byte(strings.ReplaceAll(s.text, `\n`, "\n")), nil, nil
	}
	return readConfigFile(s.path, s.fileField, maxPEMFile)
}

// fault is an error about it, which never repeats what it holds.
func (s pemSource) fault(cause error, reason, fix string) *FieldError {
	return &FieldError{Field: s.field(), Value: s.path, Reason: reason, Fix: fix, cause: cause}
}

// loadRoots reads a bundle of authorities. Every certificate in it must be
// readable, since one that is skipped is missed on the day it matters, and one
// at least must be valid now.
func loadRoots(source pemSource) (*x509.CertPool, error) {
	content, _, err := source.read()
	if err != nil {
		return nil, err
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
			return nil, source.fault(err, fmt.Sprintf("certificate %d of the bundle cannot be read: %v", count, err), "export it again as PEM")
		}
		if cert.NotAfter.After(lastEnd) {
			lastEnd = cert.NotAfter
		}
		pool.AddCert(cert)
	}
	switch {
	case count == 0:
		return nil, source.fault(nil, "it holds no certificate in PEM form", "give the authority's certificate, which begins with -----BEGIN CERTIFICATE-----")
	case time.Now().After(lastEnd):
		return nil, source.fault(nil, "every certificate in it has expired, the last one at "+instant(lastEnd), "get the authority's current certificate")
	}
	return pool, nil
}

// loadCertificate reads this client's certificate and key, and warns when the
// certificate ends before notice has passed.
func loadCertificate(certSource, keySource pemSource, notice time.Duration) (tls.Certificate, []Warning, error) {
	certPEM, _, certErr := certSource.read()
	keyPEM, keyInfo, keyErr := keySource.read()
	if err := errors.Join(certErr, keyErr); err != nil {
		return tls.Certificate{}, nil, err
	}
	var warnings []Warning
	if keyInfo != nil {
		var err error
		if warnings, err = judgeExposure(keySource.path, keySource.fileField, lintKeyFile, keyInfo); err != nil {
			return tls.Certificate{}, nil, err
		}
	}
	if block, _ := pem.Decode(keyPEM); block != nil && isEncrypted(block) {
		return tls.Certificate{}, nil, keySource.fault(nil, "the key is encrypted, and nobody can type its passphrase",
			"decrypt it with openssl pkey, and protect it by other means")
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, nil, certSource.fault(err,
			"it does not make a pair with "+keySource.name()+": "+strings.TrimPrefix(err.Error(), "tls: "),
			"check that both are PEM, not swapped, and were issued together")
	}
	expiry, err := judgeValidity(certSource, cert.Leaf, time.Now(), notice)
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
func judgeValidity(source pemSource, cert *x509.Certificate, now time.Time, notice time.Duration) ([]Warning, error) {
	switch {
	case now.After(cert.NotAfter):
		return nil, source.fault(nil, "the certificate expired at "+instant(cert.NotAfter)+", it is now "+instant(now), "renew it")
	case now.Before(cert.NotBefore):
		return nil, source.fault(nil, "the certificate is not valid before "+instant(cert.NotBefore)+", it is now "+instant(now), "check this machine's clock, or wait")
	case now.Add(notice).After(cert.NotAfter):
		return []Warning{lintWarning(lintCertExpiry, source.name()+" expires at "+instant(cert.NotAfter))}, nil
	}
	return nil, nil
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
