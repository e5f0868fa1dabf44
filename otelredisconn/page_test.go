package otelredisconn_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated pages")

// checkGeneratedPart compares text with what a page holds behind a mark.
func checkGeneratedPart(t *testing.T, path, mark, want string) {
	t.Helper()
	page := string(readFile(t, path))
	begin := strings.Index(page, mark)
	if begin < 0 {
		t.Fatalf("%s has no %q", path, mark)
	}
	begin += strings.Index(page[begin:], "\n") + 1
	end := begin + strings.Index(page[begin:], "<!-- end generated -->")
	if *update {
		if err := os.WriteFile(path, []byte(page[:begin]+want+page[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page[begin:end] != want {
		t.Errorf("%s is out of date: run go test -run %s -update .", path, t.Name())
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
