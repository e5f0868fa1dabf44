package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/golden"
)

func TestColoursAreForTerminals(t *testing.T) {
	var plain, coloured bytes.Buffer
	for _, c := range []*console{{w: &plain}, {w: &coloured, terminal: true, colour: true}} {
		c.row(0, passed, "proved", "1ms")
		c.row(2, failed, "broken", "")
		c.row(0, skipped, "not tried", "")
		c.row(0, warned, "odd", "RC-C001")
		c.label(2, "next", "do this")
	}
	golden.Check(t, "console.golden", plain.String())
	golden.Check(t, "console-coloured.golden", coloured.String())
	bare := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "").Replace(coloured.String())
	if bare != plain.String() {
		t.Errorf("colours move text:\n%q\n%q", bare, plain.String())
	}
}

func TestWhatIsNoTerminalGetsNoColours(t *testing.T) {
	if c := newConsole(new(bytes.Buffer), nil); c.terminal || c.colour {
		t.Errorf("%+v", c)
	}
}

func TestALiveLineChangesInPlaceOnATerminalOnly(t *testing.T) {
	var terminal, file bytes.Buffer
	for _, c := range []*console{{w: &terminal, terminal: true}, {w: &file}} {
		line := &live{c: c}
		line.clear() // nothing is there yet
		line.show("waiting", " (1s)")
		line.show("waiting", " (2s)")
		line.show("still waiting", "")
		line.show(strings.Repeat("long ", 40), "")
		line.clear()
	}
	long := strings.Repeat("long ", 40)
	if want := "\r\x1b[Kwaiting (1s)\r\x1b[Kwaiting (2s)\r\x1b[Kstill waiting\r\x1b[K" + long[:lineWidth-2] + "…\r\x1b[K"; terminal.String() != want {
		t.Errorf("%q", terminal.String())
	}
	if want := "waiting\nstill waiting\n" + long + "\n"; file.String() != want {
		t.Errorf("%q", file.String())
	}
}

func TestDurationsHaveThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "<1µs", 1234: "1.23µs", 421300: "421µs", 12345678: "12.3ms", 1234567890: "1.23s", 100*time.Second + 1: "1m40s",
	} {
		if got := duration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestTextIsWrappedBetweenWords(t *testing.T) {
	got := wrap("√ four words, a-word-that-is-too-long and more", 12)
	want := []string{"√ four", "words,", "a-word-that-is-too-long", "and more"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// brokenWriter takes some writes and no more.
type brokenWriter struct{ good int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.good--; w.good < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestAResultThatCannotBeWrittenIsAnError(t *testing.T) {
	for _, command := range []string{"config", "check", "demo", "ping -n 1", "watch --once --interval 100ms"} {
		full := call{setup: func(a *app) { a.stdout = newConsole(&brokenWriter{good: 1}, nil) }}
		if command == "config" {
			full.setup = func(a *app) { a.stdout = newConsole(&brokenWriter{}, nil) }
		}
		o := full.run(t, append(strings.Fields(command), "--url", "embedded://")...).expect(t, exitFailed)
		if !strings.Contains(o.stderr, "no space left") {
			t.Errorf("%s: %s", command, o.stderr)
		}
	}
}
