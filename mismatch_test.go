package redisconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// tlsAgainst connects with TLS through a dialer whose first connection is
// silent; next opens the one on which the peer is asked what it speaks.
func tlsAgainst(t *testing.T, next redisconn.DialFunc) error {
	t.Helper()
	var dials atomic.Int64
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) > 1 {
			return next(ctx, network, addr)
		}
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }() // reads and never answers
		return near, nil
	}
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{"redis.test:6379"}}, TLS: redisconn.TLSConfig{Enabled: true}}
	cfg.Timeouts.Dial, cfg.Timeouts.Connect = 600*time.Millisecond, 600*time.Millisecond
	client, err := redisconn.New(cfg, redisconn.WithDialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.Connect(t.Context())
	if dials.Load() < 2 {
		t.Fatal("the peer was never asked what it speaks")
	}
	return err
}

func TestAPeerThatCannotBeAskedIsNotAccusedOfPlaintext(t *testing.T) {
	for name, next := range map[string]redisconn.DialFunc{
		"a second connection is refused": func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("one connection is enough")
		},
		"a second connection is dead": func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			return near, errors.Join(near.Close(), far.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := tlsAgainst(t, next)
			if class := redisconn.ClassOf(err); class == redisconn.ClassTLSMismatch || class == "" {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestACertificateForAnAddressIsNamedByIt(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertHosts("127.0.0.1")))
	client, err := redisconn.Open(t.Context(), server.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, e := range client.History() {
		if e.Stage == redisconn.StageTLS && strings.HasSuffix(e.Detail, "a verified certificate for 127.0.0.1") {
			return
		}
	}
	t.Errorf("the stage is not told: %v", client.History())
}

// faultyEmbedded cannot start.
type faultyEmbedded struct{}

func (faultyEmbedded) Start() error                           { return errors.New("no room in this process") }
func (faultyEmbedded) Dial(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
func (faultyEmbedded) Close()                                 {}

func TestAnEmbeddedServerThatCannotStartFailsConnect(t *testing.T) {
	client, err := redisconn.New(redisconn.Config{Mode: redisconn.ModeEmbedded}, redisconn.WithEmbedded(faultyEmbedded{}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.Connect(t.Context())
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Stage != redisconn.StageConfig || !strings.Contains(err.Error(), "no room in this process") {
		t.Errorf("%v", err)
	}
}
