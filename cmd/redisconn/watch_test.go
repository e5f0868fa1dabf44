package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// stage is a watch on a screen whose size, keys and clock are the test's.
type stage struct {
	watch             *watch
	screen            *screen
	out               *lockedBuffer
	size              atomic.Pointer[[2]int]
	keys              chan byte
	frames, intervals chan time.Time
	ended             chan error
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
	err error // of the next writes
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	return b.buf.Write(p)
}

func (b *lockedBuffer) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// take returns what was written since the last call.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buf.Reset()
	return b.buf.String()
}

// onStage watches addr.
func onStage(t *testing.T, ctx context.Context, addr string, config ...func(*redisconn.Config)) *stage {
	t.Helper()
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{addr}}}
	for _, change := range config {
		change(&cfg)
	}
	client, err := redisconn.Open(t.Context(), cfg, redisconn.WithLogger(quiet), redisconn.WithBackgroundConnect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	out := &lockedBuffer{}
	a := newApp(nil, strings.NewReader(""), out, io.Discard)
	s := &stage{
		watch: &watch{app: a, client: client, meter: newMeter(client, a.took)}, screen: &screen{c: a.stdout}, out: out,
		keys: make(chan byte), frames: make(chan time.Time), intervals: make(chan time.Time), ended: make(chan error, 1),
	}
	s.size.Store(&[2]int{80, 24})
	size := func() (int, int) { now := s.size.Load(); return now[0], now[1] }
	go func() { s.ended <- s.watch.show(ctx, s.screen, size, s.keys, s.frames, s.intervals) }()
	return s
}

// eventually sends frames until the screen shows all of it, in frames of one size.
func (s *stage) eventually(t *testing.T, all ...string) {
	t.Helper()
	shown := ""
	redisconntest.Eventually(t, 20*time.Second, "a frame with "+strings.Join(all, " and "), func() bool {
		s.frames <- time.Now()
		s.frames <- time.Now() // taken after the first one was drawn
		shown += s.out.take()
		for _, text := range all {
			if !strings.Contains(shown, text) {
				return false
			}
		}
		return true
	})
}

func (s *stage) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("watch goes on")
		return nil
	}
}

func TestWatchShowsAnOutageAndItsEnd(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	s := onStage(t, t.Context(), server.Addr())
	s.eventually(t, "● ready", "connecting → ready")
	server.Kill()
	s.eventually(t, "● down", "outage-began", "check that redis-server runs")
	server.Restart()
	s.eventually(t, "● ready", "outage-ended")
	s.keys <- 'x' // means nothing
	s.keys <- 'q'
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestWatchBeginsBeforeRedisDoes(t *testing.T) {
	redisconntest.NoLeaks(t)
	s := onStage(t, t.Context(), redisconntest.ReserveAddr(t))
	s.eventually(t, "● connecting", "nothing listens at the address")
	s.keys <- ctrlC
	if err := s.end(t); err != exitCode(exitInterrupted) {
		t.Error(err)
	}
}

func TestAResizeIsDrawnAnew(t *testing.T) {
	server := redisconntest.NewServer(t)
	ctx, interrupt := context.WithCancel(t.Context())
	s := onStage(t, ctx, server.Addr())
	s.eventually(t, "q quits")
	s.size.Store(&[2]int{40, 12})
	s.eventually(t, clearScreen, "…")
	close(s.keys) // the terminal's input ended; the signals are left
	s.eventually(t)
	interrupt()
	if err := s.end(t); err != exitCode(exitInterrupted) {
		t.Error(err)
	}
}

func TestAnIntervalIsAColumn(t *testing.T) {
	server := redisconntest.NewServer(t)
	s := onStage(t, t.Context(), server.Addr())
	s.eventually(t, "● ready")
	ctx, stop := context.WithCancel(t.Context())
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		s.watch.meter.run(ctx, 100*time.Millisecond)
	}()
	for i := range 3 {
		before := server.CommandCalls("ping")
		redisconntest.Eventually(t, 10*time.Second, "pings", func() bool { return server.CommandCalls("ping") > before+5 })
		s.intervals <- time.Now()
		s.eventually(t)
		if got := len(s.watch.trend); got != i+1 {
			t.Errorf("%d columns, want %d", got, i+1)
		}
	}
	stop()
	<-measured
	for _, p := range s.watch.trend {
		if p.answered < 2 || p.failed > 0 || p.down || p.p50 <= 0 || p.p99 < p.p50 || p.commands <= 0 {
			t.Errorf("%+v", p)
		}
	}
	if load := s.watch.trend[2].load; load == nil || load.clients < 1 || load.memory == 0 {
		t.Errorf("%+v", load)
	}
	s.keys <- 'q'
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestTheMeterCountsWhatFailsAndWhatIsDown(t *testing.T) {
	server := redisconntest.NewServer(t)
	s := onStage(t, t.Context(), server.Addr(), func(cfg *redisconn.Config) { cfg.WhenDown = redisconn.WhenDownFailFast })
	s.eventually(t, "● ready")
	m := s.watch.meter
	m.ask(t.Context())
	server.Kill()
	s.eventually(t, "● down")
	m.ping(t.Context())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	m.ping(over) // interrupted: no answer and no failure
	if p := m.point(); p.failed != 1 || p.answered != 0 || !p.down || p.load != nil {
		t.Errorf("%+v", p)
	}
	s.keys <- 'Q'
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestAScreenThatTakesNoMoreEndsWatch(t *testing.T) {
	s := onStage(t, t.Context(), redisconntest.ReserveAddr(t))
	s.eventually(t, "q quits")
	gone := errors.New("the terminal is gone")
	s.out.fail(gone)
	s.size.Store(&[2]int{40, 12}) // so that there is something to draw
	close(s.frames)               // one frame after the other
	if err := s.end(t); err != gone {
		t.Error(err)
	}
}

func TestWhereThereIsNoTerminalWatchPrintsLines(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	out := &lockedBuffer{}
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	a := newApp(nil, strings.NewReader(""), out, io.Discard)
	go func() {
		code <- a.run(ctx, []string{"redisconn", "watch", "--addrs", server.Addr(), "--interval", "100ms"})
	}()
	printed := ""
	until := func(texts ...string) {
		t.Helper()
		redisconntest.Eventually(t, 20*time.Second, strings.Join(texts, " and "), func() bool {
			printed += out.take()
			for _, text := range texts {
				if !strings.Contains(printed, text) {
					return false
				}
			}
			return true
		})
	}
	until("connecting → ready  verified", "ready, pass  p50 ", "/s on the server  pool ")
	server.Kill()
	until("outage-began  [refused]", "down, fail")
	printed = ""
	server.Restart()
	until("outage-ended", "ready, pass")
	interrupt()
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d", got)
	}
	printed += out.take()
	if strings.Contains(printed, "\x1b") || strings.Count(printed, "outage-ended") != 1 {
		t.Error(printed)
	}
}

func TestWatchOncePrintsThePanel(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	o := invoke(t, "watch", "--once", "--interval", "300ms", "--addrs", server.Addr()).expect(t, exitOK)
	for _, want := range []string{"● ready", "latency p50", "1.5ms", "traffic here", "pool ", "routes ", "connecting → ready  verified"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("no %q in\n%s", want, o.stdout)
		}
	}
	if strings.Contains(o.stdout, "\x1b") || strings.Contains(o.stdout, "q quits") {
		t.Errorf("%q", o.stdout)
	}
	o = invoke(t, "watch", "--once", "--addrs", redisconntest.ReserveAddr(t)).expect(t, exitFailed)
	if !strings.Contains(o.stderr, "× dial: nothing listens at the address") {
		t.Error(o.stderr)
	}
}

func TestWatchRefusesWhatItCannotDo(t *testing.T) {
	for args, code := range map[string]int{"--interval 1ms": exitUsage, "--interval 2h": exitUsage, "--pool-size 0": exitUsage, "--url nowhere": exitUsage,
		"--password a --password-file b": exitUsage} {
		o := invoke(t, append([]string{"watch"}, strings.Fields(args)...)...).expect(t, code)
		if o.stderr == "" || o.stdout != "" {
			t.Errorf("%s: %s%s", args, o.stdout, o.stderr)
		}
	}
}

func TestKeysEndWithTheInput(t *testing.T) {
	redisconntest.NoLeaks(t)
	keys := readKeys(strings.NewReader("q\x03"))
	if a, b := <-keys, <-keys; a != 'q' || b != ctrlC {
		t.Errorf("%q %q", a, b)
	}
	if _, more := <-keys; more {
		t.Error("there is another key")
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if keys, release, err := (&app{stdin: file}).takeKeys(); keys != nil || err != nil {
		t.Errorf("keys of what is no terminal: %v, %v", keys, err)
	} else {
		release()
	}
}

func TestAServerThatDoesNotTellItsLoadHasNone(t *testing.T) {
	mute := redisconntest.NewServer(t, redisconntest.WithUser("mute", "pw", "~*", "+@all", "-info"))
	client := redis.NewClient(&redis.Options{Addr: mute.Addr(), Username: "mute", Password: "pw"})
	defer client.Close()
	if load := askLoad(t.Context(), client); load != nil {
		t.Errorf("%+v", load)
	}
	var load serverLoad
	if load.add("# Stats\r\nused_memory:12\r\nredis_version:7.0.15\r\n") {
		t.Error("there is no number of operations in it")
	}
}

func TestTheLoadOfAClusterIsThatOfAllItsMasters(t *testing.T) {
	if testing.Short() {
		t.Skip("starts six servers")
	}
	cluster := redisconntest.NewCluster(t, 3, 0)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs()})
	defer client.Close()
	load := askLoad(t.Context(), client)
	one := askLoad(t.Context(), cluster.Masters()[0].Client())
	if load == nil || one == nil || load.memory < 2*one.memory || load.clients < 3 {
		t.Errorf("%+v, of one node %+v", load, one)
	}
}
