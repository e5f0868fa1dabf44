package redisconn_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// history connects, whatever comes of it, and returns the events of a kind.
func history(t *testing.T, cfg redisconn.Config, kind redisconn.EventKind, opts ...redisconn.Option) []redisconn.Event {
	t.Helper()
	client, err := redisconn.New(cfg, append(opts, redisconn.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Connect(t.Context()); err != nil {
		t.Log(err)
	}
	var events []redisconn.Event
	for _, e := range client.History() {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// An attempt used to carry the time since Connect was called, pauses and earlier
// attempts included, so that nothing told how long the failed stage had taken.
func TestAnAttemptTellsItsOwnTime(t *testing.T) {
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{redisconntest.ReserveAddr(t)}}}
	cfg.Timeouts.Connect, cfg.Timeouts.Dial = time.Second, time.Second
	attempts := history(t, cfg, redisconn.EventAttempt)
	if len(attempts) < 2 {
		t.Fatalf("%d attempts", len(attempts))
	}
	last := attempts[len(attempts)-1]
	if last.Took <= 0 || last.Took >= 500*time.Millisecond || last.Attempt < 2 {
		t.Errorf("the last attempt is %+v", last)
	}
}

// The stage used to claim a verified certificate where nothing had verified it.
func TestTheStageTLSSaysWhetherTheCertificateWasVerified(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	cfg := redisconn.Config{
		Connection: redisconn.ConnectionConfig{Addrs: []string{server.Addr()}},
		TLS:        redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()},
	}
	if said := stageOf(t, redisconn.StageTLS, cfg); !strings.Contains(said, "with a verified certificate") {
		t.Errorf("verified, the stage says %q", said)
	}
	cfg.TLS = redisconn.TLSConfig{Enabled: true, InsecureSkipVerify: true}
	if said := stageOf(t, redisconn.StageTLS, cfg); !strings.Contains(said, "with an UNVERIFIED certificate") {
		t.Errorf("not verified, the stage says %q", said)
	}
	warnings := history(t, cfg, redisconn.EventWarning)
	if len(warnings) == 0 || warnings[0].Warning.Code != "RC-C001" || !strings.Contains(warnings[0].Detail, warnings[0].Warning.Fix) {
		t.Errorf("warnings: %+v", warnings)
	}
}

// The stage used to claim a TCP connection to whatever a dialer of the program's own had opened.
func TestTheStageDialNamesTheNetworkWhereItIsKnown(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{server.Addr()}}}
	if said := stageOf(t, redisconn.StageDial, cfg); said != "tcp connection to "+server.Addr() {
		t.Errorf("the stage says %q", said)
	}
	own := redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	})
	if said := stageOf(t, redisconn.StageDial, cfg, own); said != "connection to "+server.Addr() {
		t.Errorf("with a dialer of its own the stage says %q", said)
	}
}

// stageOf is what a stage proved.
func stageOf(t *testing.T, stage redisconn.Stage, cfg redisconn.Config, opts ...redisconn.Option) string {
	t.Helper()
	for _, e := range history(t, cfg, redisconn.EventStage, opts...) {
		if e.Stage == stage {
			return e.Detail
		}
	}
	return ""
}
