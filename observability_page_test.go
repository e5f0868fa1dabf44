package redisconn_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The lines of the log are what people alert on where they have no metrics.
func TestThePageOfObservabilityHasEveryLogLineAndEvent(t *testing.T) {
	page := readFile(t, "docs/observability.md")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?:log|logger)\.(?:Log|Debug|Info|Warn|Error|WarnContext)\([^"\n]*"([a-z][^"]*?)[: ]*"`)
	event := regexp.MustCompile(`\bEvent\w+\s+EventKind = "([^"]+)"`)
	lines, events := 0, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source := readFile(t, file)
		for _, m := range line.FindAllStringSubmatch(source, -1) {
			lines++
			if !strings.Contains(page, "`"+m[1]) {
				t.Errorf("%s logs %q, which docs/observability.md does not explain", file, m[1])
			}
		}
		for _, m := range event.FindAllStringSubmatch(source, -1) {
			events++
			if !strings.Contains(page, "| `"+m[1]+"` |") {
				t.Errorf("%s records %q, which docs/observability.md does not explain", file, m[1])
			}
		}
	}
	if lines < 6 || events < 9 {
		t.Errorf("found %d lines of the log and %d kinds of events: this test looks for them in the wrong way", lines, events)
	}
}
