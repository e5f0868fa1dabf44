package redisconntest

import (
	"slices"
	"time"
)

// ServerOption changes how [NewServer] starts the server.
type ServerOption func(*serverConfig)

// serverConfig is what the options ask for.
type serverConfig struct {
	port       int // 0: any free one
	addr       string
	unixSocket bool
	password   string
	users      []aclUser
	ca         *CA
	certOpts   []CertOption
	clientAuth bool
	appendOnly bool
	master     *Server
	directives [][]string
	hold       func(port int) (*heldPort, error)
	patience   time.Duration // until it must answer

	// What a topology sets.
	sentinel      bool
	auditPassword string // shared by its members, which authenticate to each other with it
}

type aclUser struct {
	name, password string
	rules          []string
}

// WithPort makes the server listen on this loopback port. A port that is taken fails the test at once.
func WithPort(port int) ServerOption {
	return func(c *serverConfig) { c.port = port }
}

// WithAddr is [WithPort] for an address as [ReserveAddr] returns it.
func WithAddr(addr string) ServerOption {
	return func(c *serverConfig) { c.addr = addr }
}

// WithUnixSocket makes the server listen on a unix socket and on no port at all, so that a client which dials TCP
// by mistake finds nothing. [Server.Addr] is then the path of the socket.
func WithUnixSocket() ServerOption {
	return func(c *serverConfig) { c.unixSocket = true }
}

// WithPassword sets the password of the default user (directive requirepass). Any bytes will do.
func WithPassword(password string) ServerOption {
	return func(c *serverConfig) { c.password = password }
}

// WithUser adds an ACL user. An empty password lets the user in without one (nopass). The rules are those of ACL
// SETUSER, one per argument, and default to "~*", "&*", "+@all": everything. A user called "default" replaces the
// default user's rules; to make it unusable say WithUser("default", "", "off").
func WithUser(name, password string, rules ...string) ServerOption {
	return func(c *serverConfig) {
		c.users = append(c.users, aclUser{name: name, password: password, rules: slices.Clone(rules)})
	}
}

// WithTLS makes the server speak TLS on its port and nothing else, with a certificate of this authority, by default
// a valid one for 127.0.0.1, ::1 and localhost. Options make it a wrong one: [CertExpired], [CertHosts].
func WithTLS(ca *CA, opts ...CertOption) ServerOption {
	return func(c *serverConfig) { c.ca, c.certOpts = ca, opts }
}

// WithTLSClientAuth makes the server accept only clients that present a certificate of the authority given to
// [WithTLS] (mutual TLS). Without this option the server asks for none.
func WithTLSClientAuth() ServerOption {
	return func(c *serverConfig) { c.clientAuth = true }
}

// WithAppendOnly turns the append-only file on, so that data survives [Server.Kill]. The server writes the file
// before it replies and leaves the syncing to the kernel; a killed process therefore loses nothing that it
// acknowledged.
func WithAppendOnly() ServerOption {
	return func(c *serverConfig) { c.appendOnly = true }
}

// WithReplicaOf makes the server a replica. [NewServer] then also waits until the first synchronization is done.
// The replica of a TLS server needs [WithTLS] as well.
func WithReplicaOf(master *Server) ServerOption {
	return func(c *serverConfig) { c.master = master }
}

// WithDirective adds a line to the server's configuration file: the name of a directive and its arguments, quoted
// as needed. It comes after the kit's own lines, so it wins over them. WithDirective("maxclients", "10").
func WithDirective(name string, args ...string) ServerOption {
	return func(c *serverConfig) {
		c.directives = append(c.directives, append([]string{name}, args...))
	}
}
