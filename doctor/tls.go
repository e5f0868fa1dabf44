package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

const (
	idTLSSpoken = "RC-T001"
	idChain     = "RC-T002"
	idName      = "RC-T003"
	idDates     = "RC-T004"
	idTLSDone   = "RC-T005"
)

// showCertificate prints what a server presents.
const showCertificate = "openssl s_client -connect {addr} -showcerts </dev/null | openssl x509 -noout -text"

var tlsChecks = []Check{
	{
		ID: idTLSSpoken, Layer: LayerTLS, Title: "client and server agree on whether to speak TLS, and which", Needs: []string{idDial},
		About: "TLS to a plaintext port hangs, plaintext to a TLS port is hung up on, and neither says why. The port is asked what it speaks; a version that one side refuses belongs here too.",
		Fix: []Remedy{
			{"see what the port speaks", "openssl s_client -connect {addr} </dev/null"},
			{"use rediss:// for a TLS port, redis:// for a plaintext one; tls.min_version for the version", ""},
		},
		Run: checkTLSSpoken,
	},
	{
		ID: idChain, Layer: LayerTLS, Title: "the server's certificate leads to a trusted authority", Needs: []string{idTLSSpoken},
		About: "The certificates that the server presents are followed to one of tls.ca_file, or of the system when there is none. Dates and names have checks of their own.",
		Cause: "a private authority that tls.ca_file does not name, an authority that was replaced, a server that does not send its intermediate certificates",
		Fix: []Remedy{
			{"see who issued the server's certificate", showCertificate},
			{"give that authority's certificate in tls.ca_file", ""},
		},
		Run: checkChain,
	},
	{
		ID: idName, Layer: LayerTLS, Title: "the server's certificate carries the name that is asked for", Needs: []string{idTLSSpoken},
		About: "The certificate must carry the host of the address, or tls.server_name.",
		Cause: "an address in place of the name, a name that the certificate was not issued for, a load balancer in between",
		Fix: []Remedy{
			{"see the names in it", showCertificate},
			{"set tls.server_name to one of them, or have the certificate issued for this one", ""},
		},
		Run: checkName,
	},
	{
		ID: idDates, Layer: LayerTLS, Title: "the server's certificates are within their dates", Needs: []string{idTLSSpoken},
		About: "Each certificate of the chain has begun and has not ended, by this machine's clock.",
		Cause: "a renewal that did not happen, a server that was not told to read the renewed files, a clock that is wrong",
		Fix: []Remedy{
			{"renew the certificate, then make the server read it", "{cli} CONFIG SET tls-cert-file PATH tls-key-file PATH"},
			{"compare the clock", "date -u"},
		},
		Run: checkDates,
	},
	{
		ID: idTLSDone, Layer: LayerTLS, Title: "both sides accept each other", Needs: []string{idTLSSpoken, idChain, idName, idDates},
		About: "The handshake as a whole: a server may want a certificate of the client (tls-auth-clients), from an authority that it trusts.",
		Cause: "the server wants a certificate and tls.cert_file names none, or one of an authority that the server does not trust",
		Fix: []Remedy{
			{"give this client's certificate in tls.cert_file and its key in tls.key_file", ""},
			{"see which authorities the server accepts", "openssl s_client -connect {addr} </dev/null"},
		},
		Run: checkTLSDone,
	},
}

// look is a glance at the server's certificates that verifies nothing, so that
// what is wrong with them can be told apart.
type look struct {
	chain []*x509.Certificate
	asked bool // the server asked for a certificate of the client
	err   error
}

// glance does the part of a TLS handshake in which the server shows its
// certificates, on a connection of its own that carries nothing else.
func (p *Patient) glance(ctx context.Context) *look {
	seen := &look{}
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeouts.Dial)
	defer cancel()
	conn, err := p.dial(ctx, p.network(), p.addr())
	if err != nil {
		seen.err = err
		return seen
	}
	defer func() { _ = conn.Close() }() // it has shown what there was to see
	config := &tls.Config{
		ServerName:         p.serverName(),
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- the certificates are looked at, not trusted; nothing is sent
		VerifyConnection: func(state tls.ConnectionState) error {
			seen.chain = state.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			seen.asked = true
			return &tls.Certificate{}, nil
		},
	}
	if p.config.TLS.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	if err := tls.Client(conn, config).HandshakeContext(ctx); len(seen.chain) == 0 {
		seen.err = err // after the certificates came, what fails is the client's side, which showed none
	}
	return seen
}

// serverName is the name that the certificate must carry.
func (p *Patient) serverName() string {
	if name := p.config.TLS.ServerName; name != "" {
		return name
	}
	host, _, _ := strings.Cut(p.host(), "%")
	return host
}

func checkTLSSpoken(ctx context.Context, p *Patient) Finding {
	switch {
	case p.proof.Class == redisconn.ClassTLSMismatch:
		return p.own(idTLSSpoken, redisconn.StageTLS, "")
	case !p.config.TLS.Enabled:
		return NotNeeded("not asked for, the link is in clear")
	}
	if p.look = p.glance(ctx); p.look.err != nil {
		finding := Fail(cmp.Or(p.proof.Class, redisconn.ClassTLS), p.look.err.Error(), Fact{"address", p.addr()}, Fact{"least_version", p.config.TLS.MinVersion})
		if finding.Class == redisconn.ClassTLS {
			finding = finding.because("a tls.min_version above what the server speaks, or something else than Redis at the address")
		}
		return finding
	}
	return Pass("the port speaks TLS")
}

// shown is a check of the certificates that the server showed. Where verification
// is off, what is wrong with them keeps nobody from connecting.
func (p *Patient) shown(judge func(leaf *x509.Certificate) Finding) Finding {
	if !p.config.TLS.Enabled {
		return NotNeeded("not asked for, the link is in clear")
	}
	finding := judge(p.look.chain[0])
	if finding.Outcome == OutcomeFail && p.config.TLS.InsecureSkipVerify {
		finding.Outcome = OutcomeWarn
		finding.Detail += "; accepted, since tls.insecure_skip_verify is on"
	}
	return finding
}

func checkChain(_ context.Context, p *Patient) Finding {
	return p.shown(func(leaf *x509.Certificate) Finding {
		evidence := Fact{"issuer", leaf.Issuer.String()}
		roots, err := p.roots()
		if err != nil {
			return Fail(redisconn.ClassConfig, err.Error(), evidence)
		}
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: within(leaf)}
		for _, cert := range p.look.chain[1:] {
			options.Intermediates.AddCert(cert)
		}
		if _, err := leaf.Verify(options); err != nil {
			return Fail(redisconn.ClassTLS, err.Error(), evidence)
		}
		return Pass("the certificate leads to a trusted authority", evidence)
	})
}

// roots are the authorities that the client trusts; nil stands for the system's.
// The file was read when the client connected, and found good.
func (p *Patient) roots() (*x509.CertPool, error) {
	var content []byte
	switch t := p.config.TLS; {
	case t.CA != "":
		content = []byte(strings.ReplaceAll(t.CA, `\n`, "\n")) // as variables have it
	case t.CAFile != "":
		var err error
		if content, err = os.ReadFile(t.CAFile); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, errors.New("tls.ca_file holds no certificate any more")
	}
	return pool, nil
}

// within is a time at which the certificate was valid: now, where it is.
func within(cert *x509.Certificate) time.Time {
	now := time.Now()
	switch {
	case now.After(cert.NotAfter):
		return cert.NotAfter
	case now.Before(cert.NotBefore):
		return cert.NotBefore
	}
	return now
}

func checkName(_ context.Context, p *Patient) Finding {
	return p.shown(func(leaf *x509.Certificate) Finding {
		names := leaf.DNSNames
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		evidence := []Fact{{"asked", p.serverName()}, {"carries", strings.Join(names, ", ")}}
		if err := leaf.VerifyHostname(p.serverName()); err != nil {
			return Fail(redisconn.ClassTLS, err.Error(), evidence...)
		}
		return Pass("the certificate carries "+p.serverName(), evidence...)
	})
}

func checkDates(_ context.Context, p *Patient) Finding {
	return p.shown(func(leaf *x509.Certificate) Finding {
		now := time.Now()
		for _, cert := range p.look.chain {
			evidence := []Fact{{"subject", cert.Subject.String()}, {"not_before", cert.NotBefore}, {"not_after", cert.NotAfter}}
			switch {
			case now.After(cert.NotAfter):
				return Fail(redisconn.ClassTLS, "a certificate has expired", evidence...)
			case now.Before(cert.NotBefore):
				return Fail(redisconn.ClassTLS, "a certificate is not valid yet", evidence...)
			}
		}
		return Pass("the certificate is valid until "+Fact{Value: leaf.NotAfter}.String(), Fact{"not_after", leaf.NotAfter})
	})
}

func checkTLSDone(_ context.Context, p *Patient) Finding {
	if !p.config.TLS.Enabled {
		return NotNeeded("not asked for, the link is in clear")
	}
	finding := p.own(idTLSDone, redisconn.StageTLS, p.proof.Step(redisconn.StageTLS).Said)
	if finding.Outcome == OutcomeFail {
		finding.Evidence = append(finding.Evidence, Fact{"server_asks_for_certificate", p.look.asked}, Fact{"client_has_certificate", p.config.TLS.CertFile+p.config.TLS.Cert != ""})
	}
	return finding
}
