package redisconn

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does not name.
const tcpUserTimeout = 0x12

// hasUserTimeout says that this system can give up unacknowledged data by time.
const hasUserTimeout = true

// limitUnacknowledged makes the kernel give up a connection on which sent data
// stays unacknowledged for so long, instead of sending it again for a quarter of
// an hour (tcp(7), TCP_USER_TIMEOUT). What is no TCP connection of the system's
// has no such limit.
func limitUnacknowledged(conn net.Conn, limit time.Duration) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds()))
	})
	return errors.Join(err, refused)
}
