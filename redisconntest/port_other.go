//go:build !linux

package redisconntest

import "net"

// holdPort finds a free loopback port (0: any). Only Linux lets a bound socket and a listener share a port safely,
// so here the port is free, not held; NewServer tries again when it loses the race.
func holdPort(port int) (*heldPort, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	held := &heldPort{port: listener.Addr().(*net.TCPAddr).Port, release: func() {}}
	return held, listener.Close()
}
