package golden_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/redisconntest"
)

const page = "above\n<!-- begin generated: a -->\nof a\n<!-- end generated -->\n<!-- begin generated: b -->\nof b\n<!-- end generated -->\nbelow\n"

// chdir goes to a directory with the page and a golden file.
func chdir(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"page.md": page, "testdata/whole": "as it was"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// wants runs a comparison and looks for a text in what it reports; none for a comparison that holds.
func wants(t *testing.T, text string, comparison func(t testing.TB)) {
	t.Helper()
	err := redisconntest.Run(comparison)
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("reports %v, want %q", err, text)
	}
}

func TestWhatDiffersIsReported(t *testing.T) {
	chdir(t)
	wants(t, "", func(t testing.TB) { golden.Check(t, "whole", "as it was") })
	wants(t, "testdata/whole differs", func(t testing.TB) { golden.Check(t, "whole", "another") })
	wants(t, "no such file", func(t testing.TB) { golden.Check(t, "nothing", "") })
	wants(t, "", func(t testing.TB) { golden.CheckPart(t, "page.md", golden.Begin, "of a\n") })
	wants(t, "", func(t testing.TB) { golden.CheckPart(t, "page.md", golden.Begin+": b", "of b\n") })
	wants(t, "page.md is out of date", func(t testing.TB) { golden.CheckPart(t, "page.md", golden.Begin+": b", "of a\n") })
	wants(t, `page.md has no "<!-- begin generated: c"`, func(t testing.TB) { golden.CheckPart(t, "page.md", golden.Begin+": c", "") })
	wants(t, `has no "<!-- end generated -->" after "below"`, func(t testing.TB) { golden.CheckPart(t, "page.md", "below", "") })
}

func TestAnUpdateWritesAndReportsNothing(t *testing.T) {
	chdir(t)
	was := flag.Lookup("update").Value.String()
	if err := flag.Set("update", "true"); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("update", was)
	if !golden.Updating() {
		t.Error("it does not say so")
	}
	wants(t, "", func(t testing.TB) { golden.Check(t, "whole", "another") })
	wants(t, "", func(t testing.TB) { golden.CheckPart(t, "page.md", golden.Begin+": b", "new\n") })
	for name, want := range map[string]string{"testdata/whole": "another", "page.md": strings.Replace(page, "of b", "new", 1)} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
