package main

import (
	"strings"
	"testing"
)

// writes keeps each write apart.
type writes []string

func (w *writes) Write(p []byte) (int, error) { *w = append(*w, string(p)); return len(p), nil }

func TestAFrameIsOneWriteOfTheLinesThatChanged(t *testing.T) {
	var out writes
	s := &screen{c: &console{w: &out, terminal: true}}
	s.resize(5, 3)
	a, b, full := line{{"", "a"}}, line{{"", "b"}}, line{{"", "abcdefgh"}}
	s.show([]line{a, b, full})
	s.show([]line{a, b, full})
	s.show([]line{a, nil})
	s.show([]line{a, b, a, a, a})
	s.resize(5, 3)
	s.show([]line{a, b, a})
	s.resize(4, 1)
	s.show([]line{full, b})
	want := writes{
		beginFrame + clearScreen + "\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K\x1b[3;1Habcd…" + endFrame,
		beginFrame + "\x1b[2;1H\x1b[K\x1b[3;1H\x1b[K" + endFrame,
		beginFrame + "\x1b[2;1Hb\x1b[K\x1b[3;1Ha\x1b[K" + endFrame,
		beginFrame + clearScreen + "\x1b[1;1Habc…" + endFrame,
	}
	if strings.Join(out, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nwant\n%q", out, want)
	}
}

func TestAScreenIsColouredOnlyWhereColoursAreWanted(t *testing.T) {
	frame := anOutage().frame(80, 24)
	for _, colour := range []bool{true, false} {
		var out writes
		s := &screen{c: &console{w: &out, terminal: true, colour: colour}}
		s.resize(80, 24)
		s.show(frame)
		if strings.Contains(out[0], "\x1b[31m") != colour {
			t.Errorf("colour %t: %q", colour, out)
		}
	}
}
