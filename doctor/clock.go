package doctor

import (
	"context"
	"fmt"
	"time"
)

const (
	idClock   = "RC-K001"
	idRenewal = "RC-K002"
)

var clockChecks = []Check{
	{
		ID: idClock, Layer: LayerClock, Title: "this machine and the server agree on the time", Needs: []string{idAnswer},
		About: "TIME of the server against this machine's clock, half of the round trip taken off. Expiry times, locks and the dates of certificates suppose that both agree.",
		Cause: "a clock that no time server corrects, here or there",
		Fix: []Remedy{
			{"see whether this machine's clock is synchronized", "timedatectl status"},
			{"see the server's, in seconds", "{cli} TIME"},
		},
		Run: everywhere(checkClock),
	},
	{
		ID: idRenewal, Layer: LayerClock, Title: "the server's certificates last for a while", Needs: []string{idDates}, Quiet: true,
		About: "The first certificate of the server's chain to end, of each node of a cluster, against tls.expiry_warning: by default two weeks, time to renew it twice by hand. (This client's own certificate has the warning RC-C105.)",
		Cause: "a renewal that is due, or that does not happen by itself as it should",
		Fix:   []Remedy{{"renew it, then make the server read it", "{cli} CONFIG SET tls-cert-file PATH tls-key-file PATH"}},
		Run:   everywhere(checkRenewal),
	},
}

// skewLimit is the difference of two clocks from which on something is wrong with
// one of them: synchronized ones are milliseconds apart.
const skewLimit = time.Second

func checkClock(ctx context.Context, p *Patient) Finding {
	sent := time.Now()
	server, err := p.at.asks.Time(ctx).Result()
	if err != nil {
		return unanswered("TIME", err)
	}
	trip := time.Since(sent)
	skew := server.Sub(sent.Add(trip / 2))
	evidence := []Fact{{"skew", skew}, {"round_trip", trip}}
	switch {
	case skew.Abs() <= skewLimit+trip/2: // what the round trip leaves open counts for neither
		return Pass("the two clocks agree", evidence...)
	case skew > 0:
		return Warn(fmt.Sprintf("the server's clock is %s ahead of this machine's", Fact{Value: skew}), evidence...)
	}
	return Warn(fmt.Sprintf("the server's clock is %s behind this machine's", Fact{Value: -skew}), evidence...)
}

func checkRenewal(ctx context.Context, p *Patient) Finding {
	if !p.config.TLS.Enabled {
		return NotNeeded("there is no certificate, the link is in clear")
	}
	seen := p.look
	if len(p.nodes) > 0 { // it was one node's
		seen = p.glance(ctx)
	}
	if len(seen.chain) == 0 {
		return Skip("the node showed no certificate")
	}
	first := seen.chain[0]
	for _, cert := range seen.chain[1:] {
		if cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	left := time.Until(first.NotAfter)
	evidence := []Fact{{"subject", first.Subject.String()}, {"not_after", first.NotAfter}, {"days_left", int(left.Hours() / 24)}}
	if left < p.config.TLS.ExpiryWarning {
		return Warn("a certificate ends at "+Fact{Value: first.NotAfter}.String(), evidence...)
	}
	return Pass(fmt.Sprintf("the first certificate to end has %d days left", int(left.Hours()/24)), evidence...)
}
