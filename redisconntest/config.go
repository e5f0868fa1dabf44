package redisconntest

import "github.com/redisconn/redisconn"

// Config is a configuration that leads to the server: its address, its
// password, and its authority where it speaks TLS. A test changes what it needs.
func (s *Server) Config() redisconn.Config {
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{
		Addrs:    []string{s.Addr()},
		Password: redisconn.Secret(s.Password()),
	}}
	if ca := s.CA(); ca != nil {
		cfg.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile()}
	}
	return cfg
}
