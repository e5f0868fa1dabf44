package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// allowList decides to which addresses that Redis names this client lets itself
// be sent. A redirection, a table of slots or a sentinel's answer may name any
// address, and whoever listens there is given the password in the handshake. So
// each is judged before it is dialled, and what a name stands for is judged
// rather than the name.
type allowList struct {
	configured []string            // by the program, so that nobody needs to judge them
	places     []allowedPlace      // instead of the kind of the configured addresses
	byName     bool                // the program's own dialer is given names as they are
	tell       func(*addressError) // of what was refused

	learning sync.Mutex // held while kinds are looked up
	kinds    []string   // of the configured addresses; nil while not known
}

// newAllowList makes the list of a configuration that is valid.
func newAllowList(conn ConnectionConfig, tell func(*addressError)) *allowList {
	places, _, _ := parseAllowed(conn.AllowAddrs) // valid
	return &allowList{configured: conn.Addrs, places: places, tell: tell}
}

// vet returns where to dial to reach an address: itself, or what its name stands
// for, so that nobody can answer a second look-up differently. An address that is
// not allowed is an [*addressError], and one that does not resolve the resolver's error.
func (a *allowList) vet(ctx context.Context, addr string) ([]string, error) {
	to, err := a.judge(ctx, addr)
	var refused *addressError
	if errors.As(err, &refused) {
		a.tell(refused)
	}
	return to, err
}

func (a *allowList) judge(ctx context.Context, addr string) ([]string, error) {
	if slices.Contains(a.configured, addr) {
		return []string{addr}, nil
	}
	if isSocket(addr) {
		return nil, &addressError{addr, "it is a unix socket, which Redis never has a reason to name"}
	}
	host, port, err := net.SplitHostPort(addr)
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if err != nil || host == "" || hostFault(withoutZone(host)) != "" || !isPort(port) {
		return nil, &addressError{addr, "it is no host:port"}
	}
	ips, byName, err := a.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	named := byName && slices.ContainsFunc(a.places, func(p allowedPlace) bool { return p.hasName(host, port) })
	for _, ip := range ips {
		if reason := a.fault(ctx, ip, port, named); reason != "" {
			if byName {
				reason = host + " stands for " + ip.String() + ", and " + reason
			}
			return nil, &addressError{addr, reason}
		}
	}
	if !byName || a.byName {
		return []string{addr}, nil
	}
	to := make([]string, len(ips))
	for i, ip := range ips {
		to[i] = net.JoinHostPort(ip.String(), port)
	}
	return to, nil
}

// lookup returns the IP addresses that a host stands for.
func (a *allowList) lookup(ctx context.Context, host string) (ips []netip.Addr, byName bool, err error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, false, nil
	}
	ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i, ip := range ips {
		ips[i] = ip.Unmap()
	}
	return ips, true, err
}

// fault says why an IP address is not allowed; named tells that its name is.
func (a *allowList) fault(ctx context.Context, ip netip.Addr, port string, named bool) string {
	ip = ip.Unmap().WithZone("")
	if reason := neverAllowed(ip); reason != "" {
		return reason
	}
	if named {
		return ""
	}
	if a.places != nil {
		if slices.ContainsFunc(a.places, func(p allowedPlace) bool { return p.hasIP(ip, port) }) {
			return ""
		}
		return "nothing in connection.allow_addrs covers it"
	}
	kinds := a.knownKinds(ctx)
	if kind := kindOf(ip); !slices.Contains(kinds, kind) {
		return fmt.Sprintf("it is %s, and the configured addresses are %s", kind, strings.Join(kinds, " and "))
	}
	return ""
}

// knownKinds returns the kinds of the configured addresses. What does not
// resolve has none, and is asked for again the next time.
func (a *allowList) knownKinds(ctx context.Context) []string {
	a.learning.Lock()
	defer a.learning.Unlock()
	if a.kinds != nil {
		return a.kinds
	}
	var kinds []string
	complete := true
	for _, addr := range a.configured {
		if isSocket(addr) {
			kinds = append(kinds, kindLoopback)
			continue
		}
		host, _ := splitAddress(addr, defaultPort)
		ips, _, err := a.lookup(ctx, host)
		complete = complete && err == nil
		for _, ip := range ips {
			kinds = append(kinds, kindOf(ip.Unmap()))
		}
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	if complete {
		a.kinds = kinds
	}
	return kinds
}

// The kinds of IP addresses.
const (
	kindLoopback = "loopback"
	kindPrivate  = "private"
	kindPublic   = "public"
)

// sharedNetwork is the carrier-grade NAT space of RFC 6598, which clouds use as private.
var sharedNetwork = netip.MustParsePrefix("100.64.0.0/10")

func kindOf(ip netip.Addr) string {
	switch {
	case ip.IsLoopback():
		return kindLoopback
	case ip.IsPrivate(), sharedNetwork.Contains(ip):
		return kindPrivate
	}
	return kindPublic
}

// neverAllowed says why an address is none that Redis can be at, whatever the
// configuration allows. Link-local addresses are where clouds keep the metadata
// and credentials of the machine: 169.254.169.254.
func neverAllowed(ip netip.Addr) string {
	switch {
	case ip.IsLinkLocalUnicast():
		return "link-local addresses are refused always: clouds keep credentials there"
	case ip.IsUnspecified():
		return "it is no address of a single host"
	case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is an address of many hosts"
	}
	return ""
}

// allowedPlace is an element of Connection.AllowAddrs.
type allowedPlace struct {
	network netip.Prefix // of IP addresses
	name    string       // of a host in lower case, or the end of one with its dot
	port    string       // "" for any
}

func (p allowedPlace) hasPort(port string) bool { return p.port == "" || p.port == port }

func (p allowedPlace) hasIP(ip netip.Addr, port string) bool {
	return p.name == "" && p.network.Contains(ip) && p.hasPort(port)
}

func (p allowedPlace) hasName(host, port string) bool {
	if p.name == "" || !p.hasPort(port) {
		return false
	}
	return host == p.name || strings.HasPrefix(p.name, ".") && strings.HasSuffix(host, p.name)
}

// parseAllowed reads Connection.AllowAddrs; an empty reason means that all of it is fine.
func parseAllowed(entries []string) (places []allowedPlace, reason, fix string) {
	for _, entry := range entries {
		place, reason := parsePlace(entry)
		if reason != "" {
			return nil, reason, "write a network such as 10.0.0.0/8, a name such as cache.internal or the end of one such as .internal, each with :port if need be"
		}
		places = append(places, place)
	}
	return places, "", ""
}

func parsePlace(entry string) (place allowedPlace, reason string) {
	host := entry
	if h, port, err := net.SplitHostPort(entry); err == nil {
		if !isPort(port) {
			return place, "the port of an element is no number from 1 to 65535"
		}
		host, place.port = h, port
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if network, err := netip.ParsePrefix(host); err == nil {
		place.network = network.Masked()
	} else if ip, err := netip.ParseAddr(host); err == nil {
		place.network = netip.PrefixFrom(ip.Unmap().WithZone(""), ip.Unmap().BitLen())
	} else if hostFault(host) != "" || strings.Trim(host, ".") == "" {
		return place, "an element is neither a network, an address nor a name"
	} else {
		place.name = host
	}
	if place.name == "" && neverAllowed(place.network.Addr()) != "" && place.network.Bits() > 0 {
		return place, "link-local addresses, and those that are not of a single host, are refused always"
	}
	return place, ""
}

// withoutZone cuts the zone off an IPv6 address.
func withoutZone(host string) string {
	host, _, _ = strings.Cut(host, "%")
	return host
}

// addressError is an address that Redis named and this client does not connect to.
type addressError struct{ addr, reason string }

func (e *addressError) Error() string {
	return "Redis named " + peerText(errors.New(e.addr)) + ", and it was not connected to: " + e.reason
}

// addressTeller returns what to do with an address that was refused: tell of each
// once.
func (c *Client) addressTeller() func(*addressError) {
	return func(refused *addressError) {
		if _, told := c.refusedAddrs.LoadOrStore(refused.addr, struct{}{}); told {
			return
		}
		addr := peerText(errors.New(refused.addr))
		c.recorder.record(Event{Kind: EventAddressRefused, Node: addr, Class: ClassAddress, Detail: refused.reason})
		c.log.Warn("redis named an address that is not allowed, and it was not connected to", "node", addr, "reason", refused.reason)
	}
}

// AddressMap returns where an address that the configuration or Redis names is
// reached from here, such as through NAT or a port forward; the address itself
// where nothing differs.
type AddressMap func(addr string) string

// WithAddressMap connects to what m returns for an address, as host:port. It is
// asked before every dial, for the configured addresses as well as for those that
// Redis names; what it returns is held against connection.allow_addrs, and with
// TLS it is the host that the certificate must name. It must be safe for
// concurrent use.
func WithAddressMap(m AddressMap) Option { return func(o *options) { o.place = m } }
