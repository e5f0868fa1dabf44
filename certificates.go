package redisconn

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"
)

// certificates remembers whom a dialer met: the certificate that each server
// showed last.
type certificates struct {
	byNode sync.Map // address to CertificateHealth
}

func (m *certificates) met(node string, leaf *x509.Certificate) {
	m.byNode.Store(node, CertificateHealth{Of: "server", Node: node, Subject: subjectOf(leaf), NotAfter: leaf.NotAfter})
}

// certificates are those that the connections depend on: this client's first,
// then the servers' by address.
func (d *dialer) certificates() []CertificateHealth {
	if d.tls == nil {
		return nil
	}
	var all []CertificateHealth
	d.shown.byNode.Range(func(_, cert any) bool {
		all = append(all, cert.(CertificateHealth))
		return true
	})
	slices.SortFunc(all, func(a, b CertificateHealth) int { return cmp.Compare(a.Node, b.Node) })
	for _, own := range d.tls.Certificates {
		all = slices.Insert(all, 0, CertificateHealth{Of: "client", Subject: subjectOf(own.Leaf), NotAfter: own.Leaf.NotAfter})
	}
	return all
}

// certificates are those of the connections for commands, then those of the links
// to the sentinels that are known, which have TLS of their own.
func (t *target) certificates() []CertificateHealth {
	all := t.dialer.certificates()
	if t.sentinels == nil {
		return all
	}
	watching := map[string]bool{"": true} // the client's own
	for _, one := range t.sentinels.all() {
		watching[one.addr] = true
	}
	for _, cert := range t.sentinels.dialer.certificates() {
		if watching[cert.Node] && !slices.Contains(all, cert) { // both links may show the client's own
			all = append(all, cert)
		}
	}
	return all
}

// subjectOf is whom a certificate names, as people would call it.
func subjectOf(leaf *x509.Certificate) string {
	switch {
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return leaf.Subject.String()
}

// expiring says which of the certificates ends first, when one does within notice.
func expiring(all []CertificateHealth, now time.Time, notice time.Duration) (text string) {
	if len(all) == 0 {
		return ""
	}
	first := slices.MinFunc(all, func(a, b CertificateHealth) int { return a.NotAfter.Compare(b.NotAfter) })
	left := first.NotAfter.Sub(now)
	if left > notice {
		return ""
	}
	whose := "this client's certificate"
	if first.Node != "" {
		whose = "the certificate of " + first.Node
	}
	return fmt.Sprintf("%s (%s) expires at %s, in %s", whose, first.Subject, instant(first.NotAfter), left.Round(time.Minute))
}
