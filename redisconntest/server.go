package redisconntest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// startLimit bounds the wait for a server to answer. It usually takes 20 ms; a loaded machine that reads back a
	// large append-only file takes longer.
	startLimit = 15 * time.Second

	// startAttempts bounds how often another port is tried when somebody took the chosen one.
	startAttempts = 5

	// pollInterval is the pause between two looks at something that is expected within milliseconds.
	pollInterval = 2 * time.Millisecond
)

// Server is a real redis-server process on this machine's loopback, with a data directory of its own. Address,
// credentials and data outlive [Server.Kill] and [Server.Restart]; everything ends with the test.
//
// The methods that change the process report trouble by t.Errorf and so may be called from any goroutine, all
// methods at the same time.
type Server struct {
	t             testing.TB
	cfg           serverConfig
	program       string
	dir           string
	socket        string     // path, or empty
	port          *heldPort  // nil for a unix socket
	peerPort      *heldPort  // where other members of a topology connect, or nil
	topology      [][]string // lines of the configuration file that a topology adds
	trust         []*CA      // the authorities a sentinel trusts, where those are more than its own
	auditPassword string

	// With TLS. The certificates are replaced while connections are made.
	cert    atomic.Pointer[Cert]
	kitCert atomic.Pointer[Cert] // the kit's own client certificate, with TLS client authentication

	mu       sync.Mutex
	password string   // the default user's newest
	process  *process // nil while not running
	paused   bool
	closed   bool
	audit    *redis.Client
}

// NewServer starts a redis-server on a free loopback port and returns when it answers. Nothing is saved to disk
// unless asked for ([WithAppendOnly]). Where redis-server is not installed the test is skipped or fails: see
// [RequireRedis]. A server that does not come up fails the test and prints its log.
//
// When the test ends the server is killed, by pid, paused or not. On Linux it is also killed when the test binary
// dies in any way that runs no cleanups.
func NewServer(t testing.TB, opts ...ServerOption) *Server {
	t.Helper()
	s, err := newServer(t, serverConfig{}, opts)
	if err == nil {
		err = s.launch()
	}
	if err == nil && s.cfg.master != nil {
		err = s.awaitReplication()
	}
	if err != nil {
		t.Fatalf("redisconntest.NewServer: %v", err)
	}
	return s
}

// newServer makes a server that is not started yet and has no address. The options change the configuration given.
func newServer(t testing.TB, cfg serverConfig, opts []ServerOption) (*Server, error) {
	t.Helper()
	s := &Server{t: t, cfg: cfg, program: RequireRedis(t), auditPassword: cfg.auditPassword}
	if s.auditPassword == "" {
		s.auditPassword = newAuditPassword()
	}
	s.cfg.hold, s.cfg.patience = holdPort, startLimit
	for _, opt := range opts {
		opt(&s.cfg)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.password = s.cfg.password
	s.dir = t.TempDir()
	t.Cleanup(s.close)
	if s.cfg.ca != nil {
		cert := s.cfg.ca.ServerCert(s.cfg.certOpts...)
		s.cert.Store(&cert)
	}
	if s.cfg.clientAuth {
		cert := s.cfg.ca.ClientCert()
		s.kitCert.Store(&cert)
	}
	return s, nil
}

// check refuses options that contradict each other.
func (s *Server) check() error {
	if s.cfg.addr != "" {
		port, err := portOf(s.cfg.addr)
		if err != nil {
			return fmt.Errorf("WithAddr: %w", err)
		}
		s.cfg.port = port
	}
	master := s.cfg.master
	switch {
	case s.cfg.unixSocket && s.cfg.port != 0:
		return errors.New("WithUnixSocket and WithPort exclude each other: a server with a unix socket has no port")
	case s.cfg.unixSocket && s.cfg.ca != nil:
		return errors.New("WithUnixSocket and WithTLS exclude each other: Redis speaks TLS on TCP ports only")
	case s.cfg.clientAuth && s.cfg.ca == nil:
		return errors.New("WithTLSClientAuth needs WithTLS")
	case master != nil && master.socket != "":
		return errors.New("WithReplicaOf needs a master with a port: a replica cannot reach a unix socket")
	case master != nil && master.cfg.ca != nil && s.cfg.ca == nil:
		return errors.New("the replica of a TLS server needs WithTLS as well")
	}
	return nil
}

// launch finds a place to listen and starts the server there.
func (s *Server) launch() error {
	var err error
	for range startAttempts {
		if err = s.takeAddress(); err != nil {
			return err
		}
		err = s.firstStart()
		if err == nil || s.socket != "" || s.cfg.port != 0 || !strings.Contains(err.Error(), "Address already in use") {
			break
		}
		s.port.release()
	}
	return err
}

// takeAddress decides where the server will listen.
func (s *Server) takeAddress() error {
	if s.cfg.unixSocket {
		// Not in t.TempDir: that path contains the test's name, and a socket's path is limited to some 100 bytes.
		dir, err := os.MkdirTemp("", "redis")
		if err != nil {
			return err
		}
		s.socket = filepath.Join(dir, "s")
		return nil
	}
	port, err := s.cfg.hold(s.cfg.port)
	if err != nil {
		return fmt.Errorf("the port is not free: %w", err)
	}
	s.port = port
	return nil
}

// firstStart writes the configuration file and starts the server. The file is written this once: what a server or a
// sentinel writes into it later (CONFIG REWRITE: its role, users, what it has learnt) is there after a restart.
func (s *Server) firstStart() error {
	if err := os.WriteFile(s.configPath(), []byte(s.configFile()), 0o600); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start()
}

// Network returns "tcp" or "unix", as net.Dial and redis.Options want it.
func (s *Server) Network() string {
	if s.socket != "" {
		return "unix"
	}
	return "tcp"
}

// Addr returns the address to dial: "127.0.0.1:port", or the path of the unix socket.
func (s *Server) Addr() string {
	if s.socket != "" {
		return s.socket
	}
	return s.port.addr()
}

// Port returns the port number, 0 for a server with a unix socket.
func (s *Server) Port() int {
	if s.socket != "" {
		return 0
	}
	return s.port.port
}

// Socket returns the path of the unix socket, empty for a server with a port.
func (s *Server) Socket() string { return s.socket }

// Password returns the default user's newest password: the one given to [WithPassword], or the last one given to
// [Server.AddPassword] for that user.
func (s *Server) Password() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.password
}

// CA returns the authority given to [WithTLS], or nil.
func (s *Server) CA() *CA { return s.cfg.ca }

// TLSConfig returns a new configuration with which a client can connect: it trusts the server's authority, verifies
// the name and has a client certificate where the server wants one. It is nil for a server without TLS.
func (s *Server) TLSConfig() *tls.Config {
	if s.cfg.ca == nil {
		return nil
	}
	config := s.cfg.ca.ClientConfig()
	if s.cfg.clientAuth {
		config.Certificates = []tls.Certificate{s.kitCert.Load().TLS}
	}
	return config
}

// Options returns new driver options that connect to the server as its default user and leave everything else to
// the driver's defaults: plain go-redis, for comparison.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Network: s.Network(), Addr: s.Addr(), Password: s.Password(), TLSConfig: s.TLSConfig()}
}

// PID returns the process id, or 0 while the server does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return 0
	}
	return s.process.handle.Pid
}

// Log returns everything the server has logged since [NewServer], restarts included.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) configPath() string { return filepath.Join(s.dir, "redis.conf") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "redis.log") }
