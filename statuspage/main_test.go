package statuspage

import (
	"log/slog"
	"os"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }

var quiet = redisconn.WithLogger(slog.New(slog.DiscardHandler))

// open connects a client that is closed when the test ends.
func open(t *testing.T, cfg redisconn.Config) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// memory connects a client to a Redis in this process.
func memory(t *testing.T) *redisconn.Client {
	t.Helper()
	return open(t, redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{redisconntest.NewEmbedded(t).Addr()}}})
}

// unconnected makes a client that was never connected.
func unconnected(t *testing.T) *redisconn.Client {
	t.Helper()
	client, err := redisconn.New(redisconn.Config{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
