package redisconn_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestAnUnreadableFileSaysWhoMustRead(t *testing.T) {
	path := passwordFile(t, "pw")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		becomeNobody(t, path)
	}
	_, _, err := redisconn.ReadPasswordFile(path)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "fsGroup") {
		t.Errorf("got %v", err)
	}
}

// becomeNobody takes root's access to files from the thread of this test, which
// ends with it because the goroutine never unlocks it; see setfsuid(2).
func becomeNobody(t *testing.T, path string) {
	t.Helper()
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	const nobody = 65534
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil { // so that the directory can be removed
			t.Error(err)
		}
	})
}

// /proc/self/mem is a regular file that opens and whose first byte cannot be read.
func TestAFileThatFailsWhileItIsReadIsExplained(t *testing.T) {
	const path = "/proc/self/mem"
	_, _, err := redisconn.ReadPasswordFile(path)
	if !errors.Is(err, syscall.EIO) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("got %v", err)
	}
}
