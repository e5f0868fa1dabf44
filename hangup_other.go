//go:build !linux

package redisconn

import "net"

// hangupOf is for Linux: elsewhere it cannot be known before the write.
func hangupOf(net.Conn) func() bool { return nil }
