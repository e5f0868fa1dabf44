package redisconntest

import (
	"net"
	"syscall"
	"unsafe"
)

// unsent returns how many bytes written to the connection the peer's kernel has not acknowledged yet (SIOCOUTQ,
// tcp(7), whose value TIOCOUTQ shares). On the loopback, acknowledged is as good as received.
func unsent(conn *net.TCPConn) int {
	var bytes int32
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // fails when the connection is closed: then nothing is to be sent
			_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&bytes)))
		})
	}
	return int(bytes)
}
