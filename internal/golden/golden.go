// Package golden compares what a test made with what the repository holds: a
// whole file, or the generated part of a page. With -update the test writes it
// instead.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files and generated pages")

// Updating reports whether the tests run to write what they compare otherwise.
func Updating() bool { return *update }

// Check compares text with testdata/name.
func Check[Text ~string | ~[]byte](t testing.TB, name string, text Text) {
	t.Helper()
	got := string(text)
	path := filepath.Join("testdata", name)
	if *update {
		write(t, path, got)
	}
	if want := read(t, path); got != want {
		t.Errorf("%s differs (go test -update rewrites it)\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

const (
	// Begin is how the line before the generated part of a page begins; where a
	// page has several, what follows tells them apart.
	Begin = "<!-- begin generated"
	end   = "<!-- end generated -->"
)

// CheckPart compares text with the part of a page after the line that begins with mark.
func CheckPart(t testing.TB, path, mark, got string) {
	t.Helper()
	page := read(t, path)
	before, rest, found := strings.Cut(page, mark)
	if !found {
		t.Fatalf("%s has no %q", path, mark)
	}
	line, rest, _ := strings.Cut(rest, "\n")
	part, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no %q after %q", path, end, mark)
	}
	if *update {
		write(t, path, before+mark+line+"\n"+got+end+after)
		return
	}
	if part != got {
		t.Errorf("%s is out of date: run go test -run %s -update .", path, t.Name())
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
