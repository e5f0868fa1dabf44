package redisconn

import (
	"encoding/binary"
	"net"
	"syscall"
)

// tcpEstablished is the state of a TCP connection that both sides keep open,
// TCP_ESTABLISHED of netinet/tcp.h.
const tcpEstablished = 1

// hangupOf returns what tells whether the peer has ended a connection, by FIN
// or RST, or nil where that cannot be known. It costs one getsockopt and no
// allocation. See tcp(7), TCP_INFO, whose first byte is the state.
func hangupOf(conn net.Conn) func() bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	socket, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	var info int
	var failed error
	ask := func(fd uintptr) { info, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO) }
	return func() bool {
		if socket.Control(ask) != nil || failed != nil {
			return false // the write will tell
		}
		var raw [4]byte
		binary.NativeEndian.PutUint32(raw[:], uint32(info))
		return raw[0] != tcpEstablished
	}
}
