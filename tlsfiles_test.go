package redisconn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// identity is a certificate that signs itself, with its key.
type identity struct {
	cert, key []byte // PEM
	parsed    *x509.Certificate
}

func newIdentity(t *testing.T, name string, from, to time.Time) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		cert:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		parsed: parsed,
	}
}

// lasting is an identity that is valid for a year.
func lasting(t *testing.T, name string) identity {
	t.Helper()
	return newIdentity(t, name, time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
}

func pemFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNothingIsLoadedWhileTLSIsOff(t *testing.T) {
	config, warnings, err := redisconn.LoadTLS(redisconn.TLSConfig{CAFile: "/nowhere"}, "cache")
	if config != nil || warnings != nil || err != nil {
		t.Errorf("%v, %v, %v", config, warnings, err)
	}
}

func TestTLSVerifiesTheHostOfTheAddressUnlessToldOtherwise(t *testing.T) {
	config, warnings, err := redisconn.LoadTLS(redisconn.TLSConfig{Enabled: true}, "cache")
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	if config.ServerName != "cache" || config.MinVersion != tls.VersionTLS12 || config.RootCAs != nil || config.InsecureSkipVerify {
		t.Errorf("by default: %+v", config)
	}
	config, _, err = redisconn.LoadTLS(redisconn.TLSConfig{Enabled: true, ServerName: "other", MinVersion: "1.3", InsecureSkipVerify: true}, "cache")
	if err != nil || config.ServerName != "other" || config.MinVersion != tls.VersionTLS13 || !config.InsecureSkipVerify {
		t.Errorf("told otherwise: %+v, %v", config, err)
	}
}

// The files are judged by a handshake in which both sides verify each other.
func TestLoadedFilesMakeAMutualHandshake(t *testing.T) {
	server, client := lasting(t, "cache"), lasting(t, "service")
	noise := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("ignored")})
	config, warnings, err := redisconn.LoadTLS(redisconn.TLSConfig{
		Enabled:  true,
		CAFile:   pemFile(t, append(append([]byte("# our authority\n"), noise...), server.cert...)),
		CertFile: pemFile(t, client.cert),
		KeyFile:  pemFile(t, client.key),
	}, "cache")
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	serverCert, err := tls.X509KeyPair(server.cert, server.key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(client.parsed)
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	serverSide := tls.Server(there, &tls.Config{Certificates: []tls.Certificate{serverCert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	served := make(chan error, 1)
	go func() { served <- serverSide.Handshake() }()
	clientSide := tls.Client(here, config)
	if err := errors.Join(clientSide.Handshake(), <-served); err != nil {
		t.Fatal(err)
	}
	if got := serverSide.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "service" {
		t.Errorf("the server sees %s", got)
	}
}

func TestBrokenTLSFilesAreExplained(t *testing.T) {
	now := time.Now()
	good, other := lasting(t, "service"), lasting(t, "other")
	expired := newIdentity(t, "expired", now.AddDate(-1, 0, 0), now.Add(-time.Hour))
	future := newIdentity(t, "future", now.Add(time.Hour), now.AddDate(1, 0, 0))
	garbage := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("garbage")})
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(canary)})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte(canary)})
	goodCert, goodKey := pemFile(t, good.cert), pemFile(t, good.key)
	missing := filepath.Join(t.TempDir(), "none.pem")

	for name, c := range map[string]struct {
		files       redisconn.TLSConfig
		field, want string
	}{
		"no CA file":         {redisconn.TLSConfig{CAFile: missing}, "tls.ca_file", "there is no such file"},
		"no certificate":     {redisconn.TLSConfig{CAFile: goodKey}, "tls.ca_file", "no certificate in PEM form"},
		"garbage CA":         {redisconn.TLSConfig{CAFile: pemFile(t, append(good.cert, garbage...))}, "tls.ca_file", "certificate 2 of the bundle"},
		"expired CA":         {redisconn.TLSConfig{CAFile: pemFile(t, expired.cert)}, "tls.ca_file", "has expired, the last one at " + expired.parsed.NotAfter.UTC().Format(time.RFC3339)},
		"no cert file":       {redisconn.TLSConfig{CertFile: missing, KeyFile: goodKey}, "tls.cert_file", "there is no such file"},
		"no key file":        {redisconn.TLSConfig{CertFile: goodCert, KeyFile: missing}, "tls.key_file", "there is no such file"},
		"somebody's key":     {redisconn.TLSConfig{CertFile: goodCert, KeyFile: pemFile(t, other.key)}, "tls.cert_file", "does not match"},
		"swapped":            {redisconn.TLSConfig{CertFile: goodKey, KeyFile: goodCert}, "tls.cert_file", "swapped"},
		"encrypted key":      {redisconn.TLSConfig{CertFile: goodCert, KeyFile: pemFile(t, encrypted)}, "tls.key_file", "encrypted"},
		"old encrypted key":  {redisconn.TLSConfig{CertFile: goodCert, KeyFile: pemFile(t, legacy)}, "tls.key_file", "openssl pkey"},
		"text for a key":     {redisconn.TLSConfig{CertFile: goodCert, KeyFile: pemFile(t, []byte(canary))}, "tls.cert_file", "PEM"},
		"expired":            {redisconn.TLSConfig{CertFile: pemFile(t, expired.cert), KeyFile: pemFile(t, expired.key)}, "tls.cert_file", "expired at " + expired.parsed.NotAfter.UTC().Format(time.RFC3339)},
		"not yet valid":      {redisconn.TLSConfig{CertFile: pemFile(t, future.cert), KeyFile: pemFile(t, future.key)}, "tls.cert_file", "clock"},
		"CA text":            {redisconn.TLSConfig{CA: "nothing"}, "tls.ca", "no certificate"},
		"pair of texts":      {redisconn.TLSConfig{Cert: "nothing", Key: "nothing"}, "tls.cert", "tls.key"},
		"directory for a CA": {redisconn.TLSConfig{CAFile: t.TempDir()}, "tls.ca_file", "a directory"},
	} {
		c.files.Enabled = true
		config, _, err := redisconn.LoadTLS(c.files, "cache")
		got := redisconn.FieldErrors(err)
		if config != nil || len(got) != 1 || got[0].Field != c.field || !strings.Contains(err.Error(), c.want) || got[0].Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: shows the key: %v", name, err)
		}
	}
}

func TestEveryBrokenTLSFileIsReportedAtOnce(t *testing.T) {
	_, _, err := redisconn.LoadTLS(redisconn.TLSConfig{Enabled: true, CAFile: "/no/ca", CertFile: "/no/cert", KeyFile: "/no/key"}, "cache")
	if got := redisconn.FieldErrors(err); len(got) != 3 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestACertificateAboutToExpireIsWarnedAbout(t *testing.T) {
	cert := lasting(t, "service").parsed
	for before, want := range map[time.Duration]int{13 * 24 * time.Hour: 1, 15 * 24 * time.Hour: 0} {
		warnings, err := redisconn.JudgeValidity(cert, cert.NotAfter.Add(-before))
		if err != nil || len(warnings) != want {
			t.Errorf("%v before its end: %v, %v", before, warnings, err)
		}
		if want == 1 && (warnings[0].Code != "RC-C105" || !strings.Contains(warnings[0].Text, cert.NotAfter.UTC().Format(time.RFC3339))) {
			t.Errorf("warning %v", warnings[0])
		}
	}
}
