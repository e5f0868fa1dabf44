package redisconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"time"
)

// mismatchPatience is how long a TLS handshake may stay unanswered before the
// peer is suspected of speaking plaintext. A slow but honest peer loses nothing:
// the question goes over another connection.
const mismatchPatience = 300 * time.Millisecond

// mismatchError says that one side speaks TLS and the other does not, proved by asking the peer.
type mismatchError struct {
	wanted, found, fix string
}

func (e *mismatchError) Error() string {
	return "the client speaks " + e.wanted + ", the port answers " + e.found + ": " + e.fix
}

// speaksPlain asks the peer a PING without TLS. Redis answers it with PONG, or
// with an error when it wants a password first; either proves the protocol.
func (d *dialer) speaksPlain(ctx context.Context, addr string) bool {
	conn, err := d.connect(ctx, addr)
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { closeQuietly(conn) })()
	defer closeQuietly(conn)
	if _, err := conn.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 16)
	n, err := conn.Read(answer)
	return err == nil && (bytes.HasPrefix(answer[:n], []byte("+PONG")) || bytes.HasPrefix(answer[:n], []byte("-")))
}

// speaksTLS asks the peer for a TLS handshake. Whom the certificate names does
// not matter: nothing is sent over it. That a server asks for a client's
// certificate proves TLS as well.
func (d *dialer) speaksTLS(ctx context.Context, addr string) bool {
	conn, err := d.connect(ctx, addr)
	if err != nil {
		return false
	}
	defer closeQuietly(conn)
	met := false
	probe := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // #nosec G402 -- only whether TLS is spoken is asked; the connection carries nothing
		VerifyConnection:   func(tls.ConnectionState) error { met = true; return nil },
	})
	return probe.HandshakeContext(ctx) == nil || met
}

// explainSilence looks behind a plaintext handshake that got no sensible
// answer: a port that speaks TLS hangs up on plaintext without a word.
func (d *dialer) explainSilence(ctx context.Context, addr string, err error) error {
	if d.tls != nil || !d.speaksTLS(ctx, addr) {
		return err
	}
	return &linkError{phase: phaseHandshake, err: &mismatchError{
		wanted: "plaintext", found: "TLS", fix: "use rediss:// (tls.enabled=true) or the server's plaintext port",
	}}
}

// closeQuietly closes a connection whose purpose is served; what Close says of it changes nothing.
func closeQuietly(conn net.Conn) { _ = conn.Close() }
