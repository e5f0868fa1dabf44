package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redisconn/redisconn"
)

const (
	idDiscover  = "RC-N000"
	idResolve   = "RC-N001"
	idDial      = "RC-N010"
	idAddresses = "RC-N011"
)

var networkChecks = []Check{
	{
		ID: idDiscover, Layer: LayerDNS, Title: "the sentinels name the master", Needs: []string{idConfig, idPasswordFile, idAuthorities, idCertificate},
		About: "Behind sentinels their word stands where otherwise a name does: one at least can be reached, lets the client in, and knows a master of the name in sentinel.master.",
		Fix: []Remedy{
			{"ask a sentinel which masters it watches", "{sentinel} SENTINEL MASTERS"},
			{"see what is configured for the sentinels", "redisconn config"},
		},
		Run: checkDiscover,
	},
	{
		ID: idResolve, Layer: LayerDNS, Title: "the host's name resolves", Needs: []string{idDiscover},
		About: "The name in the address is looked up with this machine's resolver, as every new connection does it.",
		Fix: []Remedy{
			{"resolve the name on this machine", "getent hosts {host}"},
			{"in Kubernetes, see which search domains complete it", "cat /etc/resolv.conf"},
		},
		Run: checkResolve,
	},
	{
		ID: idDial, Layer: LayerTCP, Title: "the address takes connections", Needs: []string{idResolve},
		About: "One connection to the address, TCP or a unix socket. Refused means that a machine answered and nothing listens; no answer means that packets are dropped.",
		Fix: []Remedy{
			{"open a connection from this machine, without Redis", "nc -vz {host} {port}"},
			{"on the server, see what listens and where", "ss -ltnp"},
		},
		Run: checkDial,
	},
	{
		ID: idAddresses, Layer: LayerTCP, Title: "every address behind the name takes connections", Needs: []string{idDial}, Quiet: true,
		About: "A name may stand for several addresses, and a connection takes the first that answers. One that is dead costs time at random.",
		Cause: "a DNS record of a server that is gone, a firewall that knows one address only",
		Fix:   []Remedy{{"remove the address from DNS, or bring its server back", "getent ahosts {host}"}},
		Run:   checkAddresses,
	},
}

func checkDiscover(_ context.Context, p *Patient) Finding {
	if !hasSentinels(p.config) {
		return NotNeeded("there are no sentinels")
	}
	return p.own(idDiscover, redisconn.StageDiscover, p.proof.Step(redisconn.StageDiscover).Said)
}

func checkResolve(_ context.Context, p *Patient) Finding {
	step := p.proof.Step(redisconn.StageResolve)
	if p.options.Dial != nil {
		return NotNeeded("the program dials by itself")
	}
	if reason, ok := strings.CutPrefix(step.Said, "not needed"); ok {
		return NotNeeded(cmp.Or(strings.TrimPrefix(reason, ", "), "the server is known by its address"))
	}
	return p.own(idResolve, redisconn.StageResolve, step.Said)
}

func checkDial(_ context.Context, p *Patient) Finding {
	finding := p.own(idDial, redisconn.StageDial, p.proof.Step(redisconn.StageDial).Said)
	if finding.Outcome == OutcomeFail && p.network() == "unix" {
		finding = finding.mend("see whether the socket is there, and who may use it", "ls -l "+shell(p.addr()))
	}
	return finding
}

func checkAddresses(ctx context.Context, p *Patient) Finding {
	if p.proof.Step(redisconn.StageResolve).Outcome != OutcomePass {
		return NotNeeded("there is no name")
	}
	host, port, _ := net.SplitHostPort(p.config.Connection.Addrs[0]) // validated
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return Fail(redisconn.ClassDNS, err.Error(), Fact{"name", host})
	}
	for i, addr := range addrs {
		addrs[i] = net.JoinHostPort(addr, port)
	}
	return judgeAddresses(p.reach(ctx, addrs))
}

// judgeAddresses says what came of dialling every address behind a name. One of
// this machine that refuses is dialled past in no time.
func judgeAddresses(met []reached) Finding {
	finding := Pass("")
	var dead []string
	for _, r := range met {
		finding.Evidence = append(finding.Evidence, r.fact())
		ip, err := netip.ParseAddrPort(r.addr)
		if r.err != nil && (err != nil || !ip.Addr().IsLoopback()) {
			dead = append(dead, r.addr)
		}
	}
	if len(dead) > 0 {
		finding.Outcome = OutcomeWarn
		finding.Detail = fmt.Sprintf("%d of %d addresses cannot be reached: %s", len(dead), len(met), strings.Join(dead, ", "))
		return finding
	}
	finding.Detail = plural(len(met), "address") + " behind the name"
	if len(met) > 1 {
		finding.Detail = fmt.Sprintf("all %d addresses behind the name", len(met))
	}
	return finding
}

// reached is what came of dialling an address.
type reached struct {
	addr string
	took time.Duration
	err  error
}

// fact is that as evidence.
func (r reached) fact() Fact {
	if r.err != nil {
		return Fact{r.addr, r.err.Error()}
	}
	return Fact{r.addr, r.took}
}

// dialsAtOnce is how many addresses are dialled at the same time: enough for a
// large cluster, too few to look like an attack.
const dialsAtOnce = 16

// reach dials addresses and hangs up: nothing is sent to them. They were named by
// somebody else, who could name anything.
func (p *Patient) reach(ctx context.Context, addrs []string) []reached {
	met := make([]reached, len(addrs))
	places := make(chan struct{}, dialsAtOnce)
	var dials sync.WaitGroup
	for i, addr := range addrs {
		dials.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			began := time.Now()
			conn, err := p.dial(ctx, "tcp", addr)
			met[i] = reached{addr, time.Since(began), err}
			if err == nil {
				_ = conn.Close() // it was opened to see that it opens
			}
		})
	}
	dials.Wait()
	return met
}

// unreachable are the addresses that could not be dialled, and the evidence of all.
func unreachable(met []reached) (dead []string, evidence []Fact) {
	for _, r := range met {
		evidence = append(evidence, r.fact())
		if r.err != nil {
			dead = append(dead, r.addr)
		}
	}
	slices.Sort(dead)
	return dead, evidence
}
