package redisconn

import (
	"net"
	"sync"
)

// links knows the open connections by the address that they were dialled for.
// When a node is found dead while its connections are not, because its process
// hangs or its packets are lost, the calls that wait for its replies would wait
// until their time is up: cut is what brings them back.
type links struct {
	mu     sync.Mutex
	byAddr map[string]map[net.Conn]struct{}
}

func (l *links) add(addr string, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byAddr == nil {
		l.byAddr = map[string]map[net.Conn]struct{}{}
	}
	if l.byAddr[addr] == nil {
		l.byAddr[addr] = map[net.Conn]struct{}{}
	}
	l.byAddr[addr][conn] = struct{}{}
}

func (l *links) remove(addr string, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byAddr[addr], conn)
	if len(l.byAddr[addr]) == 0 {
		delete(l.byAddr, addr)
	}
}

// cut closes the connections to an address and returns how many there were.
// Their holders meet the end of a connection, and say so by removing it.
func (l *links) cut(addr string) int {
	l.mu.Lock()
	conns := make([]net.Conn, 0, len(l.byAddr[addr]))
	for conn := range l.byAddr[addr] {
		conns = append(conns, conn)
	}
	l.mu.Unlock()
	for _, conn := range conns {
		closeQuietly(conn)
	}
	return len(conns)
}
