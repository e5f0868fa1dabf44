package redisconn

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

const (
	defaultHost  = "localhost"
	defaultPort  = "6379"
	sentinelPort = "26379"
)

// maxSocketPath is what sun_path holds on Linux besides its final NUL, see unix(7).
const maxSocketPath = 107

// isSocket reports whether an address is the path of a unix socket.
func isSocket(addr string) bool { return strings.HasPrefix(addr, "/") }

// addressNetwork is the network that net.Dial needs for an address.
func addressNetwork(addr string) string {
	if isSocket(addr) {
		return "unix"
	}
	return "tcp"
}

// defaultPort is the port of an address without one.
func (c *Config) defaultPort() string {
	if c.asksSentinels() {
		return sentinelPort
	}
	return defaultPort
}

// normalizeAddress completes an address to what net.Dial takes: host:port with an
// IPv6 host in brackets, or the path of a socket. It judges nothing; that is what
// addressFault is for.
func normalizeAddress(addr, otherwise string) string {
	if isSocket(addr) {
		return addr
	}
	return net.JoinHostPort(splitAddress(addr, otherwise))
}

// splitAddress takes an address apart and fills in the port that it leaves out. A colon
// alone cannot tell a port: ::1 is a host, cache:6379 is not.
func splitAddress(addr, otherwise string) (host, port string) {
	if _, err := netip.ParseAddr(addr); err == nil {
		return addr, otherwise
	}
	if strings.HasPrefix(addr, "[") && strings.HasSuffix(addr, "]") {
		return addr[1 : len(addr)-1], otherwise
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, otherwise
	}
	if host == "" {
		host = defaultHost
	}
	return host, port
}

// addressHost is the host that a server's certificate is expected to name:
// without port, brackets and IPv6 zone. A socket has none.
func addressHost(addr string) string {
	if isSocket(addr) {
		return ""
	}
	host, _ := splitAddress(addr, defaultPort)
	host, _, _ = strings.Cut(host, "%")
	return host
}

// isLoopback reports whether what is sent to an address stays on this machine.
// It resolves nothing: a name other than localhost may be anywhere.
func isLoopback(addr string) bool {
	if isSocket(addr) {
		return true
	}
	host := addressHost(addr)
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == defaultHost || strings.HasSuffix(host, "."+defaultHost)
}

// addressFault says what is wrong with an address and how to put it right; an
// empty reason means nothing is.
func addressFault(addr string) (reason, fix string) {
	const shape = "write host:port, [IPv6]:port, or the absolute path of a unix socket"
	switch {
	case addr == "":
		return "an address is empty", shape
	case strings.Contains(addr, "://"):
		return "this is a URL, not an address", "give it as the URL, or " + shape
	case strings.Contains(addr, "@"):
		return "an address carries no credentials", "set username and password in their own fields"
	case strings.ContainsFunc(addr, isControlOrSpace):
		return "an address has no spaces, line breaks or control characters", shape
	case isSocket(addr) && len(addr) > maxSocketPath:
		return "the path of a unix socket has at most 107 bytes (unix(7))", "move the socket to a shorter path"
	case isSocket(addr):
		return "", ""
	case strings.Contains(addr, "/"):
		return "the path of a unix socket must be absolute", shape
	}
	host, port := splitAddress(addr, defaultPort)
	if reason := hostFault(host); reason != "" {
		return reason, shape
	}
	if !isPort(port) {
		return "the port is not a number from 1 to 65535", shape
	}
	return "", ""
}

// hostFault says why a host is neither a name nor an IP address. Underscores are
// no part of a DNS name but are of the names that Docker Compose gives.
func hostFault(host string) string {
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return "this has more than one colon and is no IPv6 address"
		}
		return ""
	}
	if host == "" || strings.ContainsFunc(host, isForeignToHosts) {
		return "a host is made of ASCII letters, digits, dots, hyphens and underscores"
	}
	return ""
}

func isForeignToHosts(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", r)
}

func isControlOrSpace(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }

// isPort accepts plain digits only: strconv would take a sign as well.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
