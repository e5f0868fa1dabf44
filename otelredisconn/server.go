package otelredisconn

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/redisconn/redisconn"
)

// redisPort needs no mention: server.port is for others.
const redisPort = 6379

// server is what the configuration says about where commands go.
type server struct {
	address   string // a host, the path of a socket, or several host:port; "" for the embedded server
	port      int    // 0 where the address has none, or has it in itself
	namespace string // the database
}

// serverOf reads a resolved configuration. Several addresses stand together in
// server.address, with their ports: which one serves a call is not the caller's choice.
func serverOf(cfg redisconn.Config) server {
	s := server{namespace: strconv.Itoa(cfg.Connection.DB)}
	switch addrs := cfg.Connection.Addrs; {
	case len(addrs) == 1 && !strings.HasPrefix(addrs[0], "/"):
		s.address = addrs[0]
		if host, port, err := net.SplitHostPort(addrs[0]); err == nil {
			s.address = host
			s.port, _ = strconv.Atoi(port) // validated: it is a number
		}
	default:
		s.address = strings.Join(addrs, ",")
	}
	return s
}

// attributes are those that every call has.
func (s server) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{semconv.DBSystemNameRedis, semconv.DBNamespace(s.namespace)}
	if s.address == "" {
		return attrs
	}
	attrs = append(attrs, semconv.ServerAddress(s.address))
	switch {
	case strings.HasPrefix(s.address, "/"):
		attrs = append(attrs, semconv.NetworkTransportUnix)
	case s.port != 0 && s.port != redisPort:
		attrs = append(attrs, semconv.ServerPort(s.port))
	}
	return attrs
}

// peerOf is the node that a call went to last, as the conventions want a peer: by its
// IP address or the path of its socket. What a host's name led to only the connection
// knows, and which of them a call had the driver does not tell.
func peerOf(node string) []attribute.KeyValue {
	if strings.HasPrefix(node, "/") {
		return []attribute.KeyValue{semconv.NetworkPeerAddress(node)}
	}
	addr, err := netip.ParseAddrPort(node)
	if err != nil {
		return nil
	}
	return []attribute.KeyValue{semconv.NetworkPeerAddress(addr.Addr().String()), semconv.NetworkPeerPort(int(addr.Port()))}
}

// poolName is the name that the conventions recommend where there is no other.
func (s server) poolName() string {
	name := s.address
	switch {
	case name == "":
		name = string(redisconn.ModeEmbedded)
	case s.port != 0:
		name = net.JoinHostPort(name, strconv.Itoa(s.port))
	}
	return name + "/" + s.namespace
}
