package redisconn_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

const canary = "canarypassword"

func TestASecretShowsItselfInNoFormat(t *testing.T) {
	s := redisconn.Secret(canary)
	var shown []string
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "%10s", "%T %[1]v"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, struct{ Password redisconn.Secret }{s}))
	}
	text, err := json.Marshal(map[string]any{"password": s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("connected", "password", s)
	shown = append(shown, s.String(), string(text), log.String())
	for _, got := range shown {
		if strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
			t.Errorf("shown: %s", got)
		}
	}
	if !strings.Contains(log.String(), "password=[redacted]") || string(text) != `{"password":"[redacted]"}` {
		t.Errorf("masked as %s and %s", log.String(), text)
	}
	if s.Reveal() != canary {
		t.Errorf("revealed %q", s.Reveal())
	}
}

func TestAnEmptySecretShowsThatItIsEmpty(t *testing.T) {
	if got := fmt.Sprint(redisconn.Secret("")); got != "" {
		t.Errorf("shown as %q", got)
	}
}
