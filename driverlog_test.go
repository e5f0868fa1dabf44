package redisconn_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestTheDriversLinesGoToTheClientTheyName(t *testing.T) {
	one, two := redisconntest.NewServer(t), redisconntest.NewServer(t)
	redisconn.ForgetDriverLines()
	ones, twos := &logLines{}, &logLines{}
	first := openClient(t, configFor(one.Addr()), ones.option())
	openClient(t, configFor(two.Addr()), twos.option())

	redisconn.DriverLogf("dial %s took a while", one.Addr())
	if got := ones.containing("redis driver"); len(got) != 1 || !strings.HasPrefix(got[0], "WARN redis driver") || !strings.Contains(got[0], "took a while") {
		t.Errorf("the first client logged %q", got)
	}
	if got := twos.containing("redis driver"); len(got) != 0 {
		t.Errorf("the second client logged %q", got)
	}
	redisconn.DriverLogf("something about nobody")
	if got := twos.containing("about nobody"); len(got) != 1 {
		t.Errorf("the client that connected last logged %q", got)
	}
	if _, err := first.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	redisconn.DriverLogf("late news of %s", one.Addr())
	if got := twos.containing("late news"); len(got) != 1 {
		t.Errorf("a line about a closed client: %q", got)
	}
}

func TestTheDriversLinesWithoutAClientGoToTheDefaultLogger(t *testing.T) {
	lines := &logLines{}
	was := slog.Default()
	slog.SetDefault(slog.New(lineHandler{lines: lines}))
	defer slog.SetDefault(was)
	log := redisconn.NewDriverLog()
	log(context.Background(), "nobody is connected")
	if got := lines.containing("nobody is connected"); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
}

func TestTheDriverIsHeardOncePerTenSecondsOfTheSame(t *testing.T) {
	lines := &logLines{}
	was := slog.Default()
	slog.SetDefault(slog.New(lineHandler{lines: lines}))
	defer slog.SetDefault(was)
	synctest.Test(t, func(t *testing.T) {
		log := redisconn.NewDriverLog()
		for n := range 1000 {
			log(context.Background(), "connection %d was closed after %d ms", n, 3*n)
		}
		log(context.Background(), "something else")
		if got := lines.all(); len(got) != 2 || !strings.Contains(got[0], "connection 0") {
			t.Errorf("logged %q", got)
		}
		time.Sleep(10 * time.Second)
		log(context.Background(), "connection %d was closed after %d ms", 1000, 3000)
		if got := lines.containing("connection 1000"); len(got) != 1 || !strings.Contains(got[0], "skipped=999") {
			t.Errorf("logged %q", got)
		}
	})
}

func TestTheDriverLogRemembersABoundedNumberOfLines(t *testing.T) {
	lines := &logLines{}
	was := slog.Default()
	slog.SetDefault(slog.New(lineHandler{lines: lines}))
	defer slog.SetDefault(was)
	log := redisconn.NewDriverLog()
	for n := range 300 {
		log(context.Background(), "line %s", strings.Repeat("x", n))
	}
	log(context.Background(), "line %s", "xxx") // forgotten by now
	if got := len(lines.all()); got != 301 {
		t.Errorf("%d lines, want 301", got)
	}
}

func TestTheDriversLinesHoldNoPasswordAndFitOnOneLine(t *testing.T) {
	redisconn.ForgetDriverLines()
	server := redisconntest.NewServer(t, redisconntest.WithPassword("correct horse"))
	cfg := configFor(server.Addr())
	cfg.Connection.Password = "correct horse"
	lines := &logLines{}
	openClient(t, cfg, lines.option())
	redisconn.DriverLogf("auth %s with correct horse failed\r\nfake: line", server.Addr())
	got := lines.containing("redis driver")
	if len(got) != 1 || strings.Contains(got[0], "correct horse") || strings.ContainsAny(got[0], "\r\n") || !strings.Contains(got[0], "[redacted]") {
		t.Errorf("logged %q", got)
	}
}

func TestWhatTheDriverReallyLogsArrives(t *testing.T) {
	redisconn.ForgetDriverLines()
	server := redisconntest.NewServer(t)
	lines := &logLines{}
	client := openClient(t, configFor(server.Addr()), lines.option())
	subscription := client.Subscribe(t.Context(), "news")
	if _, err := subscription.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = subscription.Channel(redis.WithChannelSize(1), redis.WithChannelSendTimeout(time.Millisecond)) // which nobody reads
	for n := range 5 {
		server.Client().Publish(t.Context(), "news", fmt.Sprint(n))
	}
	eventually(t, "the driver's complaint", func() bool { return len(lines.containing("redis driver")) > 0 })
}
