package redisconntest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Kill ends the server with SIGKILL, as a crash does, and returns when it is gone. Data that is only in memory is
// lost. The port stays reserved: a dial is refused. Killing a server that does not run does nothing.
func (s *Server) Kill() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.end(syscall.SIGKILL); err != nil {
		s.t.Errorf("Server.Kill: %v", err)
	}
}

// Stop ends the server with SIGTERM, as an operator does: it finishes writing its files, closes its connections and
// exits. A paused server is resumed for it. Stopping a server that does not run does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.resume(); err != nil {
		s.t.Errorf("Server.Stop: %v", err)
	}
	if err := s.end(syscall.SIGTERM); err != nil {
		s.t.Errorf("Server.Stop: %v", err)
	}
}

// Start starts a server that was killed or stopped: same address, same credentials, same data directory, and the same
// configuration file with what the server itself has written into it (CONFIG REWRITE). It returns when the server
// answers and has loaded its data.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	err := s.start()
	s.mu.Unlock()
	if err == nil {
		err = s.dropStaleConnections()
	}
	if err != nil {
		s.t.Errorf("Server.Start: %v", err)
	}
}

// Restart is [Server.Kill], then [Server.Start].
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.Start()
}

// Pause freezes the server with SIGSTOP: its kernel still accepts connections and data, nobody answers. It returns
// when the process is stopped. Pausing twice is the same as once.
func (s *Server) Pause() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() || !s.process.signal(stopSignal) {
		s.t.Errorf("Server.Pause: the server does not run")
		return
	}
	s.paused = true
	pid := s.process.handle.Pid
	if !poll(exitLimit, pollInterval, func() bool { return isStopped(pid) }) {
		s.t.Errorf("Server.Pause: process %d is still not stopped after %v", pid, exitLimit)
	}
}

// Resume thaws a paused server, which then executes everything that clients sent meanwhile.
func (s *Server) Resume() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.resume(); err != nil {
		s.t.Errorf("Server.Resume: %v", err)
	}
}

// running reports whether there is a process. Callers hold s.mu.
func (s *Server) running() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.exited: // by itself: SHUTDOWN, a crash, a signal from elsewhere
		return false
	default:
		return true
	}
}

// answers reports whether the process runs and is not paused.
func (s *Server) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running() && !s.paused
}

// resume is Resume without the lock.
func (s *Server) resume() error {
	if !s.paused || !s.running() {
		return nil
	}
	if !s.process.signal(continueSignal) {
		return fmt.Errorf("process %d takes no signal", s.process.handle.Pid)
	}
	s.paused = false
	return nil
}

// end sends the signal and waits until the process is gone. Callers hold s.mu.
func (s *Server) end(signal syscall.Signal) error {
	if !s.running() {
		return nil
	}
	s.process.signal(signal) // a process that is already gone passes the wait below
	if !s.process.waitExit(exitLimit) {
		return fmt.Errorf("process %d is still there %v after %v", s.process.handle.Pid, exitLimit, signal)
	}
	s.process, s.paused = nil, false
	return nil
}

// close is the cleanup.
func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.audit != nil {
		if err := s.audit.Close(); err != nil {
			s.t.Errorf("closing the audit client of the server: %v", err)
		}
	}
	if err := s.end(syscall.SIGKILL); err != nil {
		s.t.Errorf("cleanup of the server: %v", err)
	}
	for _, port := range []*heldPort{s.port, s.peerPort} {
		if port != nil {
			port.release()
		}
	}
	if s.socket != "" {
		_ = os.RemoveAll(filepath.Dir(s.socket)) // a leftover empty directory is no reason to fail a test
	}
}

// start starts the process and waits until it is ready. An error contains what this run has logged. Callers hold
// s.mu.
func (s *Server) start() error {
	if s.closed {
		return errors.New("the test is over and the server gone for good")
	}
	if s.running() {
		return errors.New("the server runs already")
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before := s.Log()
	args := []string{s.configPath()}
	if s.cfg.sentinel {
		args = append(args, "--sentinel")
	}
	if s.process, err = startProcess(log, s.program, args...); err != nil {
		s.process = nil
		return fmt.Errorf("cannot start %s: %w", s.program, err)
	}
	if err = s.awaitReady(); err != nil {
		err = errors.Join(err, s.end(syscall.SIGKILL))
		return fmt.Errorf("%w\nserver log:\n%s", err, strings.TrimPrefix(s.Log(), before))
	}
	return nil
}

// awaitReady waits until the server answers a PING with anything but LOADING.
func (s *Server) awaitReady() error {
	last := errors.New("no attempt was made")
	ready := poll(s.cfg.patience, pollInterval, func() bool {
		if !s.running() {
			return true
		}
		last = s.ping()
		return last == nil
	})
	switch {
	case !s.running():
		return errors.New("redis-server exited instead of answering")
	case !ready:
		return fmt.Errorf("redis-server does not answer within %v: %w", s.cfg.patience, last)
	}
	return nil
}

// awaitReplication waits until the replica has its first copy of the data.
func (s *Server) awaitReplication() error {
	var link string
	synced := poll(s.cfg.patience, pollInterval, func() bool {
		link = s.replicationField("master_link_status")
		return link == "up"
	})
	if !synced {
		return fmt.Errorf("the replica's link to its master is %q after %v; server log:\n%s", link, s.cfg.patience, s.Log())
	}
	return nil
}

// ping authenticates as the kit's own user and sends PING.
func (s *Server) ping() error {
	conn, err := net.DialTimeout(s.Network(), s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if config := s.kitTLSConfig(); config != nil {
		conn = tls.Client(conn, config)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	request := append(encodeRequest("AUTH", auditUser, s.auditPassword), encodeRequest("PING")...)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	replies := bufio.NewReader(conn)
	if reply, err := readReply(replies); err != nil || !bytes.HasPrefix(reply, []byte("+OK")) {
		return fmt.Errorf("the kit's own user is not let in: %q (%v)", reply, err)
	}
	reply, err := readReply(replies)
	if err != nil || bytes.HasPrefix(reply, []byte("-LOADING")) {
		return fmt.Errorf("PING is answered with %q (%v)", reply, err)
	}
	return nil
}

// kitTLSConfig returns the configuration of the kit's own connections, nil without TLS. They do not verify the
// certificate: the peer is a process we started, and the test may have asked for an invalid certificate on purpose.
// They present the certificate that is current when they are made.
func (s *Server) kitTLSConfig() *tls.Config {
	config := s.TLSConfig()
	if config == nil {
		return nil
	}
	config.InsecureSkipVerify = true
	if s.cfg.clientAuth {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &s.kitCert.Load().TLS, nil
		}
	}
	return config
}
