package redisconn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// Health read the certificates of the links to the data nodes only. One of a
// sentinel's, or of the client's own for them, ended unannounced, and with it the
// knowledge of the next failover.
func TestACertificateOfALinkToASentinelThatIsAboutToEndIsAWarning(t *testing.T) {
	soon := redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(30*time.Minute))
	for name, c := range map[string]struct {
		server, own []redisconntest.CertOption
		whose       string
	}{
		"the sentinel's": {server: []redisconntest.CertOption{soon}, whose: "the certificate of 127.0.0.1:"},
		"the client's":   {own: []redisconntest.CertOption{soon}, whose: "this client's certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			ca := redisconntest.NewCA(t)
			kit := redisconntest.NewSentinel(t, redisconntest.WithReplicas(0),
				redisconntest.WithSentinels(1, redisconntest.WithTLS(ca, c.server...), redisconntest.WithTLSClientAuth()))
			own := ca.ClientCert(c.own...)
			cfg := sentinelConfigFor(kit)
			cfg.Sentinel.TLS, cfg.Sentinel.CAFile = redisconn.SentinelTLSOn, ca.CAFile()
			cfg.Sentinel.CertFile, cfg.Sentinel.KeyFile = own.CertFile, own.KeyFile
			client := openClient(t, cfg)
			h := client.LastHealth()
			if h.Status != redisconn.StatusWarn || h.Class != redisconn.ClassTLS || !strings.Contains(h.Reason, c.whose) {
				t.Errorf("%s: %s", h.Status, h.Reason)
			}
			if len(h.Certificates) != 2 || h.Certificates[0].Of != "client" || h.Certificates[1].Node != kit.SentinelAddrs()[0] {
				t.Errorf("certificates %+v", h.Certificates)
			}
		})
	}
}

func TestThisClientsOwnCertificateIsWarnedOfAsWell(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	own := ca.ClientCert(redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(30*time.Minute)))
	cfg := configFor(server.Addr())
	cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), CertFile: own.CertFile, KeyFile: own.KeyFile, ExpiryWarning: time.Hour}
	client := openClient(t, cfg)
	h := client.LastHealth()
	if h.Status != redisconn.StatusWarn || h.Class != redisconn.ClassTLS || !strings.HasPrefix(h.Reason, "this client's certificate (") || !strings.Contains(h.Reason, "expires at") {
		t.Errorf("%s: %s", h.Status, h.Reason)
	}
	if len(h.Certificates) != 2 || h.Certificates[0].Of != "client" || h.Certificates[0].Node != "" || h.Certificates[0].NotAfter.After(time.Now().Add(time.Hour)) {
		t.Errorf("certificates %+v", h.Certificates)
	}
}
