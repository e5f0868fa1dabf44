package redisconn_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// stageDetail is what the flight recorder has of a stage.
func stageDetail(client *redisconn.Client, stage redisconn.Stage) string {
	for _, e := range client.History() {
		if e.Kind == redisconn.EventStage && e.Stage == stage {
			return e.Detail
		}
	}
	return ""
}

func TestANameIsResolvedAsAStageOfItsOwn(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := openClient(t, configFor("localhost:"+strings.TrimPrefix(server.Addr(), "127.0.0.1:")))
	if got := stageDetail(client, redisconn.StageResolve); !strings.HasPrefix(got, "localhost resolves to ") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("resolve says %q", got)
	}
	client = openClient(t, configFor(server.Addr()))
	if got := stageDetail(client, redisconn.StageResolve); got != "" {
		t.Errorf("an address was resolved: %q", got)
	}
}

// A label of 64 characters is no name, which a resolver finds without asking anyone.
var noName = strings.Repeat("x", 64) + ".test"

func TestANameThatDoesNotResolveSaysSo(t *testing.T) {
	cfg := configFor(noName + ":6379")
	cfg.Timeouts.Connect = 50 * time.Millisecond
	client := newClient(t, cfg)
	err := client.Connect(t.Context())
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Stage != redisconn.StageResolve || failed.Class != redisconn.ClassDNS {
		t.Errorf("got %v", err)
	}
}

// After Connect nobody listens to stages, so a name is looked up once per dial,
// by the dial; a failure is still one of the name.
func TestANameThatStopsResolvingIsNoRefusedDial(t *testing.T) {
	server := redisconntest.NewServer(t)
	var gone atomic.Bool
	client := openClient(t, configFor(server.Addr()), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if gone.Load() {
			addr = noName + ":6379"
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}))
	gone.Store(true)
	server.Kill()
	eventually(t, "down", func() bool { return client.State() == redisconn.StateDown })
	err := client.Get(t.Context(), "k").Err()
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Stage != redisconn.StageResolve || failed.Class != redisconn.ClassDNS {
		t.Errorf("got %+v", failed)
	}
}

func TestAnOwnDialersNamesAreItsOwn(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := openClient(t, configFor("redis.behind.a.tunnel:6379"), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "redis.behind.a.tunnel:6379" {
			t.Errorf("asked for %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, server.Addr())
	}))
	if got := stageDetail(client, redisconn.StageResolve); got != "" {
		t.Errorf("it was resolved: %q", got)
	}
	if got := stageDetail(client, redisconn.StageDial); got != "connection to redis.behind.a.tunnel:6379" {
		t.Errorf("dial says %q", got)
	}
}

func TestTheTLSStageSaysWhomTheCertificateNames(t *testing.T) {
	ca := redisconntest.NewCA(t)
	for name, row := range map[string]struct {
		hosts []string
		tls   redisconn.TLSConfig
		want  string
	}{
		"a name":     {[]string{"cache.test", "127.0.0.1"}, redisconn.TLSConfig{CAFile: ca.CAFile()}, "TLS 1.3 with a verified certificate for cache.test"},
		"an address": {[]string{"127.0.0.1"}, redisconn.TLSConfig{CAFile: ca.CAFile()}, "TLS 1.3 with a verified certificate for 127.0.0.1"},
		"unverified": {[]string{"elsewhere.test"}, redisconn.TLSConfig{InsecureSkipVerify: true}, "TLS 1.3 with an UNVERIFIED certificate for elsewhere.test"},
		"nobody":     {nil, redisconn.TLSConfig{InsecureSkipVerify: true}, "TLS 1.3 with an UNVERIFIED certificate for CN="},
	} {
		t.Run(name, func(t *testing.T) {
			server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertHosts(row.hosts...)))
			cfg := configFor(server.Addr())
			cfg.TLS = row.tls
			cfg.TLS.Enabled = true
			client := openClient(t, cfg)
			if got := stageDetail(client, redisconn.StageTLS); !strings.HasPrefix(got, row.want) {
				t.Errorf("the stage says %q, want %q", got, row.want)
			}
		})
	}
}

func TestAPeerThatIsSilentUnderTLSIsAskedAndThenGivenUp(t *testing.T) {
	for name, second := range map[string]redisconn.DialFunc{
		"no second connection": func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("one is enough") },
		"a second that breaks": func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			return near, far.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor("127.0.0.1:1")
			cfg.TLS = redisconn.TLSConfig{Enabled: true, InsecureSkipVerify: true}
			cfg.Timeouts.Connect = cfg.Timeouts.Dial
			peer := redisconntest.NewScripted(t, redisconntest.Silence)
			dials := 0
			client := newClient(t, cfg, redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dials++; dials%2 == 0 {
					return second(ctx, network, addr)
				}
				return new(net.Dialer).DialContext(ctx, network, peer.Addr())
			}))
			if err := client.Connect(t.Context()); redisconn.ClassOf(err) != redisconn.ClassUnreachable {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAPeerThatHangsUpAndSpeaksNoTLSJustHungUp(t *testing.T) {
	dials := 0
	cfg := configFor("127.0.0.1:1")
	cfg.Timeouts.Connect = 20 * time.Millisecond
	client := newClient(t, cfg, redisconn.WithDialer(func(context.Context, string, string) (net.Conn, error) {
		if dials++; dials%2 == 0 {
			return nil, errors.New("one is enough")
		}
		near, far := net.Pipe()
		return near, far.Close()
	}))
	if err := client.Connect(t.Context()); redisconn.ClassOf(err) != redisconn.ClassLost {
		t.Errorf("got %v", err)
	}
}

// unclosable is a connection that cannot be closed without a complaint.
type unclosable struct{ net.Conn }

var errClose = errors.New("close: disk full")

func (c unclosable) Close() error { return errors.Join(errClose, c.Conn.Close()) }

func TestAConnectionThatDoesNotCloseIsReportedByDrain(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := openClient(t, configFor(server.Addr()), redisconn.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return unclosable{conn}, err
	}))
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Drain(t.Context()); !errors.Is(err, errClose) {
		t.Errorf("got %v", err)
	}
}

// closedTwice complains of its first close, and of the second like a socket.
type closedTwice struct {
	net.Conn
	closes chan struct{}
	count  *atomic.Int32
}

func (c closedTwice) Close() error {
	defer func() { c.closes <- struct{}{} }()
	if c.count.Add(1) > 1 {
		return net.ErrClosed
	}
	return errClose
}

// The end of a generation cuts its connections while the driver closes them. When
// it came first the driver's close met a closed socket, which is no failure, and
// the complaint of the first one was lost.
func TestWhatTheFirstCloseOfAConnectionSaidIsToldToTheSecond(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	conn := closedTwice{near, make(chan struct{}, 2), new(atomic.Int32)}
	link := redisconn.CutLink(conn)
	<-conn.closes // by the end of its generation
	if err := link.Close(); !errors.Is(err, errClose) {
		t.Errorf("got %v", err)
	}
	if n := conn.count.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}
