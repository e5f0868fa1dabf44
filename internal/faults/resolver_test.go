package faults_test

import (
	"context"
	"net"
)

// answerNoName makes this process ask a name server of its own, on the loopback,
// that knows no name at all: what these tests ask for must not leave the machine.
func answerNoName() (stop func() error, err error) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return // stopped
			}
			if n < 12 {
				continue
			}
			// The question comes back with the response bit set and RCODE 3, NXDOMAIN:
			// https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1. Additional records are left out.
			answer := query[:n]
			answer[2], answer[3] = 0x81, 0x83
			answer[10], answer[11] = 0, 0
			if _, err := server.WriteTo(answer[:questionEnd(answer)], from); err != nil {
				return
			}
		}
	}()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	return server.Close, nil
}

// questionEnd is where the one question of a message ends: labels up to an empty one, a type and a class.
func questionEnd(message []byte) int {
	at := 12
	for at < len(message) && message[at] != 0 {
		at += int(message[at]) + 1
	}
	return min(at+5, len(message))
}
