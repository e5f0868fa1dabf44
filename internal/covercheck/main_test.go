package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `package demo

func Demo(fail bool) error {
	if fail {
		// The comment is no statement.
		return errDemo
	}
	return nil
}
`

// profileOf has one covered block and one that is not, counted by two test
// binaries of which only one ran the first.
const profile = `mode: atomic
github.com/redisconn/redisconn/demo.go:3.28,4.10 1 0
github.com/redisconn/redisconn/demo.go:3.28,4.10 1 7
github.com/redisconn/redisconn/demo.go:4.10,7.3 1 0
`

// check runs the command over a source file, a profile and a page.
func check(t *testing.T, page string) (ok bool, out string, err error) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod": "module github.com/redisconn/redisconn\n", "demo.go": source, "coverage.out": profile, "coverage.md": page,
	} {
		if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	ok, err = run(&b, "coverage.out", "coverage.md")
	return ok, b.String(), err
}

func TestAStatementThatIsNeitherCoveredNorListedFails(t *testing.T) {
	ok, out, err := check(t, "| file | first line | why |\n")
	if err != nil || ok || !strings.Contains(out, "demo.go:4: not covered: return errDemo") {
		t.Errorf("ok %v, err %v, output:\n%s", ok, err, out)
	}
}

func TestAListedStatementPassesWithItsReason(t *testing.T) {
	ok, out, err := check(t, "| `demo.go` | `return errDemo` | a test cannot make the disk fail |\n")
	if err != nil || !ok || !strings.Contains(out, "1 of 2 statements, 1 excluded") {
		t.Errorf("ok %v, err %v, output:\n%s", ok, err, out)
	}
}

func TestARowThatExcludesNothingAnyMoreFails(t *testing.T) {
	ok, out, err := check(t, "| `demo.go` | `return errDemo` | reason |\n| `gone.go` | `return nil` | reason |\n")
	if err != nil || ok || !strings.Contains(out, "gone.go: this row excludes nothing") {
		t.Errorf("ok %v, err %v, output:\n%s", ok, err, out)
	}
}

func TestARowForARaceMayExcludeNothing(t *testing.T) {
	ok, out, err := check(t, "| `demo.go` | `return errDemo` | reason |\n| `demo.go` | `if fail {` | by chance: two callers at once |\n")
	if err != nil || !ok {
		t.Errorf("ok %v, err %v, output:\n%s", ok, err, out)
	}
}

func TestARowWithoutAReasonIsAnError(t *testing.T) {
	if _, _, err := check(t, "| `demo.go` | `return errDemo` | |\n"); err == nil {
		t.Error("accepted")
	}
}
