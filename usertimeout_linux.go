package redisconn

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does not name.
const tcpUserTimeout = 0x12

// limitUnacknowledged makes the kernel give up a connection on which sent data
// stays unacknowledged for so long, instead of sending it again for a quarter of
// an hour (tcp(7), TCP_USER_TIMEOUT). What is no TCP connection of the system's
// has no such limit. It reports whether there is one now.
func limitUnacknowledged(conn net.Conn, limit time.Duration) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds()))
	})
	return err == nil && set == nil
}
