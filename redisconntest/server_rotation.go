package redisconntest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// defaultUser is who a client without a user name is (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl).
const defaultUser = "default"

// AddPassword gives an ACL user one more password, next to those it has: the first step of a rotation. The user of
// [WithPassword] is "default". The change is also written to the server's configuration, so it survives
// [Server.Restart]. It may be called from any goroutine, as all methods here.
//
//	server.AddPassword("default", "second") // both are valid
//	// ... the clients learn the second ...
//	server.RemovePassword("default", "first")
//	server.Disconnect("default") // a session that is authenticated stays so otherwise
func (s *Server) AddPassword(user, password string) {
	s.t.Helper()
	if err := s.changePassword(user, ">", password); err != nil {
		s.t.Errorf("Server.AddPassword(%q): %v", user, err)
		return
	}
	if user == defaultUser {
		s.mu.Lock()
		s.password = password
		s.mu.Unlock()
	}
}

// RemovePassword takes a password from an ACL user: new sessions are refused it, those that are authenticated stay. A
// user without any password is not let in at all.
func (s *Server) RemovePassword(user, password string) {
	s.t.Helper()
	if err := s.changePassword(user, "<", password); err != nil {
		s.t.Errorf("Server.RemovePassword(%q): %v", user, err)
	}
}

// changePassword applies one rule of ACL SETUSER to a user that exists.
func (s *Server) changePassword(user, rule, password string) error {
	err := s.ask(func(ctx context.Context, client *redis.Client) error {
		users, err := client.ACLUsers(ctx).Result()
		if err != nil {
			return err
		}
		if !slices.Contains(users, user) {
			return errors.New("the server has no such user") // SETUSER would make one
		}
		return client.ACLSetUser(ctx, user, rule+password).Err()
	})
	if err != nil {
		// The server repeats the rule that it refuses.
		return errors.New(strings.ReplaceAll(err.Error(), rule+password, rule+"[redacted]"))
	}
	return s.persist()
}

// persist makes the server write its running configuration to its file.
func (s *Server) persist() error {
	return s.ask(func(ctx context.Context, client *redis.Client) error {
		if s.cfg.sentinel {
			return client.Do(ctx, "sentinel", "flushconfig").Err()
		}
		return client.ConfigRewrite(ctx).Err()
	})
}

// Disconnect closes all connections that are authenticated as the user and returns how many those were (CLIENT KILL
// USER).
func (s *Server) Disconnect(user string) int {
	s.t.Helper()
	var killed int64
	err := s.ask(func(ctx context.Context, client *redis.Client) (err error) {
		killed, err = client.ClientKillByFilter(ctx, "user", user).Result()
		return err
	})
	if err != nil {
		s.t.Errorf("Server.Disconnect(%q): %v", user, err)
	}
	return int(killed)
}

// RotateCertificate gives the server a new certificate of its authority, for the names it had or those that options
// say, and makes it use that, and read the file of trusted authorities again, for connections made from now on. Those
// that exist stay. A sentinel cannot do that while it runs and is restarted.
func (s *Server) RotateCertificate(opts ...CertOption) {
	s.t.Helper()
	if s.cfg.ca == nil {
		s.t.Errorf("Server.RotateCertificate: the server has no certificate: it was started without WithTLS")
		return
	}
	cert := s.cfg.ca.Reissue(*s.cert.Load(), opts...)
	s.cert.Store(&cert)
	if err := s.reloadCertificate(); err != nil {
		s.t.Errorf("Server.RotateCertificate: %v", err)
		return
	}
	if s.cfg.clientAuth {
		own := s.cfg.ca.Reissue(*s.kitCert.Load())
		s.kitCert.Store(&own)
	}
}

// reloadCertificate makes the server read its files of certificates.
func (s *Server) reloadCertificate() error {
	if s.cfg.sentinel {
		if err := s.writeTrust(); err != nil {
			return err
		}
		s.Restart()
		return nil
	}
	return s.ask(func(ctx context.Context, client *redis.Client) error {
		// To set any of the directives, even to what it is, loads them all.
		return client.ConfigSet(ctx, "tls-cert-file", s.cert.Load().CertFile).Err()
	})
}
