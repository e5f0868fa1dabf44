//go:build unix

package redisconn_test

import (
	"os"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestAPrivateKeyThatOthersCanTouch(t *testing.T) {
	id := lasting(t, "service")
	c := redisconn.TLSConfig{Enabled: true, CertFile: pemFile(t, id.cert), KeyFile: pemFile(t, id.key)}
	if err := os.Chmod(c.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	config, warnings, err := redisconn.LoadTLS(c, "cache")
	if err != nil || len(config.Certificates) != 1 || len(warnings) != 1 || warnings[0].Code != "RC-C104" {
		t.Errorf("readable: %v, %v", warnings, err)
	}
	if err := os.Chmod(c.KeyFile, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := redisconn.LoadTLS(c, "cache"); err == nil || !strings.Contains(err.Error(), "tls.key_file") {
		t.Errorf("writable: %v", err)
	}
}
