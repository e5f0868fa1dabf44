package redisconn_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

func TestStringShowsWhatIsSetAndMasksSecrets(t *testing.T) {
	var c redisconn.Config
	if got := c.String(); got != "{}" {
		t.Errorf("nothing set: %s", got)
	}
	c.Connection.Addrs = []string{"cache:6379"}
	c.Connection.Password = canary
	c.Timeouts.Operation = 5 * time.Minute
	c.TLS.CAFile = "/etc/my ca.pem"
	const want = `{connection.addrs=cache:6379 connection.password=[redacted] tls.ca_file="/etc/my ca.pem" timeouts.operation=5m}`
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(verb, c); got != want {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := fmt.Sprintf("%#v", c); got != "redisconn.Config"+want {
		t.Errorf("%%#v: %s", got)
	}
}

func TestLogValueIsAGroupOfWhatIsSet(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("open", "config", redisconn.Config{Connection: redisconn.ConnectionConfig{DB: 3, Password: canary}})
	if want := "config.connection.password=[redacted] config.connection.db=3"; !strings.Contains(log.String(), want) {
		t.Errorf("logged %s", log.String())
	}
}

func TestJSONHasEveryFieldAndNoSecret(t *testing.T) {
	c := everything(t)
	c.Connection.Password = canary
	for name, c := range map[string]redisconn.Config{"config.golden.json": c, "config-embedded.golden.json": {
		Mode: redisconn.ModeEmbedded, Pool: redisconn.PoolConfig{Size: 20},
	}} {
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, string(text)+"\n")
	}
}

// A URL pasted into the list of addresses is refused by Validate, but whoever
// logs the configuration first must not log the password with it.
func TestAnAddressThatMayHoldAPasswordIsMasked(t *testing.T) {
	c := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{"redis://:" + canary + "@cache"}}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %s %v", c, c, c, text, c.Explain(), c.Validate())
	if strings.Contains(shown, canary) {
		t.Errorf("shown: %s", shown)
	}
}
