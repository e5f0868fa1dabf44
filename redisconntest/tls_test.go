package redisconntest_test

import (
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestClientThatTrustsTheAuthorityConnectsByTLSAndNoOther(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithPassword("pw"))
	if server.CA() != ca {
		t.Error("CA() is not the authority of the server")
	}
	with := func(config *tls.Config) *redis.Client {
		return plain(t, server.Addr(), once, func(o *redis.Options) { o.Password, o.TLSConfig = "pw", config })
	}
	if err := with(server.TLSConfig()).Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("right authority: %v", err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		config := ca.ClientConfig()
		config.ServerName = name
		if err := with(config).Ping(within(t, 5*time.Second)).Err(); err != nil {
			t.Errorf("server name %s: %v", name, err)
		}
	}
	wrong := redisconntest.NewCA(t).ClientConfig()
	wantError(t, with(wrong).Ping(within(t, 5*time.Second)).Err(), "certificate signed by unknown authority")
	name := ca.ClientConfig()
	name.ServerName = "elsewhere.example"
	wantError(t, with(name).Ping(within(t, 5*time.Second)).Err(), "not elsewhere.example")
	if err := with(nil).Ping(within(t, 5*time.Second)).Err(); err == nil {
		t.Error("a client without TLS was let in")
	}
}

func TestServerCertificatesCanBeWrongOnPurpose(t *testing.T) {
	ca := redisconntest.NewCA(t)
	cases := map[string]struct {
		opt  redisconntest.CertOption
		says string
	}{
		"expired":       {redisconntest.CertExpired(), "expired"},
		"not yet valid": {redisconntest.CertValid(time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)), "not yet valid"},
		"other host":    {redisconntest.CertHosts("redis.example", "10.1.2.3"), "10.1.2.3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, c.opt))
			options := server.Options()
			once(options)
			client := redis.NewClient(options)
			defer client.Close()
			wantError(t, client.Ping(within(t, 5*time.Second)).Err(), c.says)
			if err := server.Client().Ping(t.Context()).Err(); err != nil {
				t.Errorf("the kit itself is locked out: %v", err)
			}
		})
	}
}

func TestServerWithClientAuthenticationWantsACertificateOfItsAuthority(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	ping := func(certificates ...tls.Certificate) error {
		config := ca.ClientConfig()
		config.Certificates = certificates
		client := plain(t, server.Addr(), once, func(o *redis.Options) { o.TLSConfig = config })
		return client.Ping(within(t, 5*time.Second)).Err()
	}
	if err := ping(ca.ClientCert().TLS); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	wantError(t, ping(), "certificate required")
	if err := ping(redisconntest.NewCA(t).ClientCert().TLS); err == nil {
		t.Error("a certificate of another authority was accepted")
	}
	client := redis.NewClient(server.Options())
	defer client.Close()
	if err := client.Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("with the server's own options: %v", err)
	}
}

func TestPrivateKeysAreReadableByTheirOwnerAlone(t *testing.T) {
	ca := redisconntest.NewCA(t)
	cert := ca.ServerCert()
	for file, want := range map[string]os.FileMode{cert.KeyFile: 0o600, cert.CertFile: 0o644, ca.CAFile(): 0o644} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", file, info.Mode().Perm(), want)
		}
	}
	if _, err := tls.LoadX509KeyPair(cert.CertFile, cert.KeyFile); err != nil {
		t.Errorf("certificate and key on disk do not fit: %v", err)
	}
}

func TestAuthorityWithoutADiskFailsTheTest(t *testing.T) {
	err := redisconntest.Run(func(t testing.TB) {
		ca := redisconntest.NewCA(t)
		dir := ca.CAFile()[:len(ca.CAFile())-len("/ca.crt")]
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		ca.ServerCert()
	})
	wantError(t, err, "cannot write")
}
