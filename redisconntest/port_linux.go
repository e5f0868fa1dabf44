package redisconntest

import (
	"fmt"
	"os"
	"syscall"
)

// holdPort binds a socket to the loopback port (0: any free one) and never listens on it. The kernel gives a bound
// port to nobody who asks for any port, and refuses connections to it. SO_REUSEADDR, which redis-server and Go's
// listeners set as well, lets a listener that asks for exactly this port have it meanwhile.
func holdPort(port int) (*heldPort, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// The file owns the descriptor from here on: Close is idempotent and cannot hit a reused number.
	socket := os.NewFile(uintptr(fd), "held port")
	release := func() { _ = socket.Close() } // closing a socket that never connected has nothing to report
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		release()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		release()
		return nil, fmt.Errorf("bind 127.0.0.1:%d: %w", port, err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		release()
		return nil, os.NewSyscallError("getsockname", err)
	}
	return &heldPort{port: name.(*syscall.SockaddrInet4).Port, release: release}, nil
}
