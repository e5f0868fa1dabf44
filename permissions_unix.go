//go:build unix

package redisconn

import (
	"io/fs"
	"syscall"
)

// restrictions returns a file's or a directory's permissions and the user whom it belongs to.
func restrictions(info fs.FileInfo) (mode fs.FileMode, owner int) {
	return info.Mode(), int(info.Sys().(*syscall.Stat_t).Uid) // what os.Stat returns has always one
}
