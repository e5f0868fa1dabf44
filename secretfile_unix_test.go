//go:build unix

package redisconn_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redisconn/redisconn"
)

// passwordFile writes a file that only its owner can read.
func passwordFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(content), 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOneNewlineAtTheEndIsNotPartOfThePassword(t *testing.T) {
	for content, want := range map[string]string{
		"pw": "pw", "pw\n": "pw", "pw\r\n": "pw", " pw ": " pw ", "p%/=+w\n": "p%/=+w", "pässwort": "pässwort",
	} {
		got, warnings, err := redisconn.ReadPasswordFile(passwordFile(t, content))
		if err != nil || got.Reveal() != want || warnings != nil {
			t.Errorf("%q: %q, %v, %v", content, got.Reveal(), warnings, err)
		}
	}
}

func TestBrokenPasswordFilesAreExplainedWithoutTheirContent(t *testing.T) {
	for content, want := range map[string]string{
		"":                             "the file is empty",
		"\n":                           "nothing but a line break",
		"\r\n":                         "nothing but a line break",
		canary + "\n\n":                "more than one line",
		canary + "\nsecond":            "more than one line",
		canary + "\x00":                "control character",
		canary + "\r":                  "control character",
		"\uFEFF" + canary:              "byte order mark",
		strings.Repeat(canary, 64<<10): "more than 64 KiB",
		strings.Repeat("x", 64<<10):    "",
	} {
		path := passwordFile(t, content)
		_, _, err := redisconn.ReadPasswordFile(path)
		if want == "" {
			if err != nil {
				t.Errorf("64 KiB: %v", err)
			}
			continue
		}
		got := redisconn.FieldErrors(err)
		if len(got) != 1 || !strings.Contains(got[0].Reason, want) || strings.Contains(err.Error(), canary) || got[0].Fix == "" {
			t.Errorf("%.20q: %v", content, err)
		} else if got[0].Field != "connection.password_file" || got[0].Value != path {
			t.Errorf("%.20q: %+v", content, got[0])
		}
	}
}

func TestAMissingFileIsRecognisable(t *testing.T) {
	_, _, err := redisconn.ReadPasswordFile(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "volume is mounted") {
		t.Errorf("got %v", err)
	}
}

// Kubernetes mounts a secret as password -> ..data/password, ..data -> ..2026_….
func TestLinksAsKubernetesMakesThemAreFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(
		os.Mkdir(filepath.Join(dir, "..2026_01_01"), 0o755),
		os.WriteFile(filepath.Join(dir, "..2026_01_01", "password"), []byte("pw"), 0o400),
		os.Symlink("..2026_01_01", filepath.Join(dir, "..data")),
		os.Symlink(filepath.Join("..data", "password"), filepath.Join(dir, "password")),
	); err != nil {
		t.Fatal(err)
	}
	got, _, err := redisconn.ReadPasswordFile(filepath.Join(dir, "password"))
	if err != nil || got.Reveal() != "pw" {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
}

// Opening a named pipe to read blocks until somebody writes to it.
func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "a device, pipe or socket", t.TempDir(): "a directory"} {
		if _, _, err := redisconn.ReadPasswordFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAFileThatOthersCanReadIsWarnedAbout(t *testing.T) {
	path := passwordFile(t, "pw")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	got, warnings, err := redisconn.ReadPasswordFile(path)
	if err != nil || got.Reveal() != "pw" || len(warnings) != 1 || warnings[0].Code != "RC-C103" || !strings.Contains(warnings[0].Text, "0644") {
		t.Errorf("%q, %v, %v", got.Reveal(), warnings, err)
	}
}

// Whoever can change the file decides what is sent as the password.
func TestAFileThatEverybodyCanChangeIsRefused(t *testing.T) {
	path := passwordFile(t, canary)
	if err := os.Chmod(path, 0o606); err != nil {
		t.Fatal(err)
	}
	if _, _, err := redisconn.ReadPasswordFile(path); err == nil || !strings.Contains(err.Error(), "can change the file (mode 0606)") {
		t.Errorf("got %v", err)
	}
}

// A file that nobody else may touch was replaced in a directory that everybody may.
func TestAFileInADirectoryThatIsOpenToAllIsRefused(t *testing.T) {
	path := passwordFile(t, canary)
	dir := filepath.Dir(path)
	for mode, want := range map[fs.FileMode]string{
		0o777:                 dir + " is open to all (mode 0777)",
		0o777 | fs.ModeSticky: "",
		0o770:                 "",
		0o755:                 "",
	} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, warnings, err := redisconn.ReadPasswordFile(path)
		if want == "" {
			if err != nil || warnings != nil {
				t.Errorf("%v: %v, %v", mode, warnings, err)
			}
			continue
		}
		got := redisconn.FieldErrors(err)
		if len(got) != 1 || !strings.HasSuffix(got[0].Reason, want) || got[0].Value != path || !strings.Contains(got[0].Fix, "o-w") {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if got := redisconn.OpenDirectory(filepath.Join(dir, "none")); got != "" {
		t.Errorf("a directory that is not there is %q", got)
	}
}

func TestAFileOfAStrangerIsWarnedAbout(t *testing.T) {
	const stranger = 4711
	for owner, want := range map[int]string{0: "", 1000: "", stranger: "it belongs to user 4711, who can change it"} {
		if got := redisconn.StrangerOwns(owner, 1000); got != want {
			t.Errorf("user %d: %q, want %q", owner, got, want)
		}
	}
	path := passwordFile(t, "pw")
	if err := os.Chown(path, stranger, -1); err != nil {
		if os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
			return // only root can give a file away, and try the rest
		}
		t.Fatal(err)
	}
	got, warnings, err := redisconn.ReadPasswordFile(path)
	if err != nil || got.Reveal() != "pw" || len(warnings) != 1 || warnings[0].Code != "RC-C103" || !strings.Contains(warnings[0].Text, "user 4711") {
		t.Errorf("%q, %v, %v", got.Reveal(), warnings, err)
	}
}

func TestTheGroupMayReadWhatBelongsToSomebodyElse(t *testing.T) {
	for _, c := range []struct {
		mode     fs.FileMode
		own      bool
		readable bool
		writable bool
	}{
		{0o400, true, false, false}, {0o600, true, false, false},
		{0o440, true, true, false}, {0o440, false, false, false}, {0o460, true, true, false},
		{0o444, false, true, false}, {0o602, true, false, true}, {0o666, false, false, true},
	} {
		readable, writable := redisconn.Exposure(c.mode, c.own)
		if (readable != "") != c.readable || writable != c.writable {
			t.Errorf("%04o, own %v: %q, %v", c.mode, c.own, readable, writable)
		}
	}
}
