package faults_test

import (
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/faults"
)

func TestPageKeepsTheOrderOfDeclaration(t *testing.T) {
	var page faults.Page
	first := page.Row("reply lost", "never twice")
	second := page.Row("server | stopped", "back in time")
	second.Plain("5 s")
	second.Here("%d ms\nworst", 251)
	first.Here("1")
	first.Plain("2")

	var text strings.Builder
	machine := faults.Machine{Cores: 2, Go: "go1.26", Redis: "7.0.15", GoRedis: "9.23.0", Command: "make faults"}
	if err := page.Write(&text, machine); err != nil {
		t.Fatal(err)
	}
	const want = "| reply lost | 2 | 1 | never twice |\n" +
		`| server \| stopped | 5 s | 251 ms<br>worst | back in time |` + "\n"
	if !strings.HasSuffix(text.String(), want) {
		t.Errorf("page ends differently:\n%s\nwant\n%s", text.String(), want)
	}
	if !strings.Contains(text.String(), "2 cores, go1.26, Redis 7.0.15, go-redis 9.23.0.") {
		t.Errorf("page does not describe the machine:\n%s", text.String())
	}
}

func TestPageWithAFigureMissingIsNotWritten(t *testing.T) {
	var page faults.Page
	page.Row("reply lost", "never twice").Here("1")
	var text strings.Builder
	err := page.Write(&text, faults.Machine{})
	if err == nil || !strings.Contains(err.Error(), "reply lost") || text.Len() > 0 {
		t.Errorf("Write = %v after %d bytes, want an error that names the row and nothing written", err, text.Len())
	}
}
