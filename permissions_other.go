//go:build !unix

package redisconn

import (
	"io/fs"
	"os"
)

// restrictions reports nothing to object to: the mode bits that Go makes up for
// systems with access lists say nothing about who may read a file.
func restrictions(fs.FileInfo) (mode fs.FileMode, owner int) { return 0o400, os.Geteuid() }
