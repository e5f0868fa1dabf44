package redisconn_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateGolden = flag.Bool("update", false, "rewrite golden files and generated pages")

// checkGolden compares text with testdata/name.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		writeFile(t, path, got)
	}
	if want := readFile(t, path); got != want {
		t.Errorf("%s differs (go test -update rewrites it)\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// checkGeneratedPart compares text with what a page holds between its markers.
func checkGeneratedPart(t *testing.T, path, want string) {
	t.Helper()
	const beginMark, endMark = "<!-- begin generated", "<!-- end generated -->"
	page := readFile(t, path)
	begin := strings.Index(page, beginMark)
	begin += strings.Index(page[begin:], "\n") + 1
	end := strings.Index(page, endMark)
	if *updateGolden {
		writeFile(t, path, page[:begin]+want+page[end:])
		return
	}
	if page[begin:end] != want {
		t.Errorf("%s is out of date: run go test -run %s -update .", path, t.Name())
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
