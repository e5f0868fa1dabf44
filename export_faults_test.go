package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"net"
)

// HangupOf is hangupOf.
var HangupOf = hangupOf

// LimitUnacknowledged is limitUnacknowledged.
var LimitUnacknowledged = limitUnacknowledged

// CertificatesOf are those of a dialer that met servers with the given leaf.
func CertificatesOf(leaf *x509.Certificate, nodes ...string) []CertificateHealth {
	d := &dialer{tls: &tls.Config{}}
	for _, node := range nodes {
		d.shown.met(node, leaf)
	}
	return d.certificates()
}

// MaskEcho is maskEcho, on a copy.
func MaskEcho(reply string, secret Secret) string {
	masked := []byte(reply)
	maskEcho(masked, secret)
	return string(masked)
}

// DialBreaker is a dialBreaker whose dials are told by what they return.
type DialBreaker struct{ breaker dialBreaker }

// DialPause is dialPause.
const DialPause = dialPause

// Dial dials with open, or not, and returns the error.
func (b *DialBreaker) Dial(open func() error) error {
	_, failed := b.breaker.dial(func() (net.Conn, *linkError) {
		if err := open(); err != nil {
			return nil, &linkError{phase: phaseDial, err: err}
		}
		return brokenLink{}, nil
	})
	if failed == nil {
		return nil
	}
	return failed
}

// Reset is reset.
func (b *DialBreaker) Reset() { b.breaker.reset() }
