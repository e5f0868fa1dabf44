package redisconntest

import (
	"crypto/x509"
	"crypto/x509/pkix"
)

// Reissue makes a new certificate with a new private key in place of one that this authority issued: same subject,
// names and purpose, same two files, valid for a day. Options make it a bad one on purpose, for example
// [CertExpired]. It returns the new certificate; the old one stays valid until it ends.
//
// Each file is replaced by a rename, so nobody reads half of one. Two files cannot be replaced as one, though: for a
// moment the new key is beside the old certificate, as it is with every tool that renews certificates in place. Where
// both change in the same instant is a [SecretVolume].
func (ca *CA) Reissue(cert Cert, opts ...CertOption) Cert {
	ca.t.Helper()
	old := cert.TLS.Leaf
	renewed := ca.sign(&x509.Certificate{
		Subject:     old.Subject,
		ExtKeyUsage: old.ExtKeyUsage,
		DNSNames:    old.DNSNames,
		IPAddresses: old.IPAddresses,
	}, opts)
	renewed.CertFile, renewed.KeyFile = cert.CertFile, cert.KeyFile
	ca.write(renewed)
	return renewed
}

// Rotate gives the authority itself a new key and certificate, with which it issues from now on. Its predecessor stays
// trusted, and [CA.CAFile] holds both, until [CA.Retire]: the order in which an authority is rotated without anybody
// being locked out is Rotate, new certificates for all ([CA.Reissue], [Server.RotateCertificate]), Retire, and servers
// made to read the file again ([Server.RotateCertificate] once more). Options make it a bad authority on purpose.
func (ca *CA) Rotate(opts ...CertOption) {
	ca.t.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "redisconntest CA"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	setDefaults(template, opts)
	key := newKey(ca.t)
	cert := sign(ca.t, template, template, key, key)
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.key = key
	ca.trusted = append([]*x509.Certificate{cert}, ca.trusted...)
	ca.publish()
}

// Retire ends the trust in all authorities that [CA.Rotate] has replaced: [CA.CAFile] holds the current one alone.
func (ca *CA) Retire() {
	ca.t.Helper()
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.trusted = ca.trusted[:1]
	ca.publish()
}

// publish writes the file of trusted authorities. Callers hold ca.mu.
func (ca *CA) publish() {
	ca.t.Helper()
	if err := replaceFile(ca.file, bundle(ca.trusted), 0o644); err != nil {
		ca.t.Fatalf("cannot write the authority's certificate: %v", err)
	}
}
