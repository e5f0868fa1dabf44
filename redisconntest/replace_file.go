package redisconntest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// ReplaceFile writes a file so that a reader finds the old content or the new, never a part: it writes another file
// beside it and renames that. An existing file keeps its mode; a new one has 0600, as a password's should. It may be
// called from any goroutine.
//
//	file := filepath.Join(t.TempDir(), "password")
//	redisconntest.ReplaceFile(t, file, []byte("first"))
//	...
//	server.AddPassword("default", "second")
//	redisconntest.ReplaceFile(t, file, []byte("second"))
func ReplaceFile(t testing.TB, path string, content []byte) {
	t.Helper()
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := replaceFile(path, content, mode); err != nil {
		t.Errorf("redisconntest.ReplaceFile: %v", err)
	}
}

func replaceFile(path string, content []byte, mode os.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(mode), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}
