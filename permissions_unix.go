//go:build unix

package redisconn

import (
	"io/fs"
	"os"
	"syscall"
)

// restrictions returns a file's permissions and whether it belongs to this process's user.
func restrictions(info fs.FileInfo) (mode fs.FileMode, own bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode(), ok && int(stat.Uid) == os.Geteuid()
}
