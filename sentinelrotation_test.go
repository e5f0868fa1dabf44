package redisconn_test

import (
	"net"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// What leads to the sentinels ends as well. A client that went on with the old
// password would notice at the next failover.
func TestTheSentinelsPasswordAndCertificatesAreTakenOver(t *testing.T) {
	ca := redisconntest.NewCA(t)
	s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(1,
		redisconntest.WithPassword("first"), redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth()))
	sentinel := s.Sentinels()[0]
	own := ca.ClientCert()
	volume := redisconntest.NewSecretVolume(t, ca.TLSSecret(own))
	cfg := sentinelConfigFor(s)
	cfg.Sentinel.PasswordFile = replaceableFile(t, "first")
	cfg.Sentinel.TLS = redisconn.SentinelTLSOn
	cfg.Sentinel.CAFile, cfg.Sentinel.CertFile, cfg.Sentinel.KeyFile = volume.Path("ca.crt"), volume.Path("tls.crt"), volume.Path("tls.key")
	cfg.Reload.Interval = 10 * time.Millisecond
	client := openClient(t, cfg)
	takesOver := func(what string, change func()) {
		t.Helper()
		before := client.Stats().Generation
		change()
		eventually(t, what, func() bool { return client.Stats().Generation > before })
	}

	sentinel.AddPassword("default", "second")
	takesOver("the second password", func() { redisconntest.ReplaceFile(t, cfg.Sentinel.PasswordFile, []byte("second")) })
	sentinel.RemovePassword("default", "first")

	ca.Rotate()
	takesOver("the next authority", func() { volume.Update(ca.TLSSecret(own)) })
	sentinel.RotateCertificate() // which restarts it
	takesOver("a certificate of that authority", func() { volume.Update(ca.TLSSecret(ca.Reissue(own))) })
	ca.Retire()
	sentinel.RotateCertificate()

	moved(t, client, s.Failover())
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}

// The kit's certificates are for every name of this machine, so a client that held
// the nodes against the name of the sentinel it was given passed as well.
func TestTheMastersThatSentinelsNameAreHeldAgainstTheirOwnNames(t *testing.T) {
	ca := redisconntest.NewCA(t)
	s := redisconntest.NewSentinel(t,
		redisconntest.WithSentinels(1, redisconntest.WithTLS(ca, redisconntest.CertHosts("localhost"))),
		redisconntest.WithData(redisconntest.WithTLS(ca, redisconntest.CertHosts("127.0.0.1")))) // as the sentinels call them
	cfg := sentinelConfigFor(s)
	_, port, err := net.SplitHostPort(s.SentinelAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg.Connection.Addrs = []string{"localhost:" + port}
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), ExpiryWarning: time.Hour}
	client := openClient(t, cfg)
	moved(t, client, s.Failover())
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}
