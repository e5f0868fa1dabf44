package redisconn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

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
