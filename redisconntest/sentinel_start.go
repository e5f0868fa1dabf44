package redisconntest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// start starts all processes, each when those are up that it will look for: one that is not found is looked for again
// a second later.
func (s *Sentinel) start() error {
	password := newAuditPassword()
	masters, err := newMembers(s.t, 1, serverConfig{auditPassword: password}, s.cfg.data)
	if err != nil {
		return err
	}
	replicas, err := newMembers(s.t, s.cfg.replicas, serverConfig{auditPassword: password, master: masters[0]}, s.cfg.data)
	if err != nil {
		return err
	}
	s.sentinels, err = newMembers(s.t, s.cfg.sentinels, serverConfig{auditPassword: password, sentinel: true}, s.cfg.watchers)
	if err != nil {
		return err
	}
	s.master, s.data = masters[0], slices.Concat(masters, replicas)
	if err := s.configure(); err != nil {
		return err
	}
	if err := startAll(masters); err != nil {
		return err
	}
	if err := startAll(replicas); err != nil {
		return err
	}
	if err := each(replicas, (*Server).awaitReplication); err != nil {
		return err
	}
	if err := masters[0].awaitStream(len(replicas)); err != nil {
		return err
	}
	if err := startAll(s.sentinels); err != nil {
		return err
	}
	if err := each(s.sentinels, s.introduce); err != nil {
		return err
	}
	return s.awaitReady()
}

// configure writes the sentinels' part of their configuration files
// (https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel).
func (s *Sentinel) configure() error {
	for _, sentinel := range s.sentinels {
		lines := s.transport(sentinel)
		line := func(args ...string) { lines = append(lines, append([]string{"sentinel"}, args...)) }
		line("monitor", s.cfg.name, loopback, strconv.Itoa(s.data[0].Port()), strconv.Itoa(s.cfg.quorum))
		line("auth-user", s.cfg.name, auditUser)
		line("auth-pass", s.cfg.name, sentinel.auditPassword)
		line("sentinel-user", auditUser)
		line("sentinel-pass", sentinel.auditPassword)
		line("down-after-milliseconds", s.cfg.name, milliseconds(s.cfg.downAfter))
		line("failover-timeout", s.cfg.name, milliseconds(s.cfg.failoverTimeout()))
		for _, replica := range s.data[1:] {
			line("known-replica", s.cfg.name, loopback, strconv.Itoa(replica.Port()))
		}
		sentinel.topology = lines
		if err := sentinel.writeTrust(); err != nil {
			return err
		}
	}
	return nil
}

// introduce tells all other sentinels of this one, by the message with which it would do so itself two seconds later,
// through the master (sentinel.c, sentinelSendHello and sentinelProcessHelloMessage).
func (s *Sentinel) introduce(sentinel *Server) error {
	var id string
	err := sentinel.ask(func(ctx context.Context, client *redis.Client) (err error) {
		id, err = client.Do(ctx, "sentinel", "myid").Text()
		return err
	})
	if err != nil {
		return err
	}
	hello := fmt.Sprintf("%s,%d,%s,0,%s,%s,%d,0",
		loopback, s.portForPeers(sentinel), id, s.cfg.name, loopback, s.data[0].Port())
	return each(s.sentinels, func(other *Server) error {
		if other == sentinel {
			return nil
		}
		return other.ask(func(ctx context.Context, client *redis.Client) error {
			return client.Publish(ctx, "__sentinel__:hello", hello).Err()
		})
	})
}

// portForPeers returns the port on which a sentinel is connected to by others. Sentinels have one setting,
// tls-replication, for whether they speak TLS to data nodes and to each other; where their clients do otherwise they
// need a second port.
func (s *Sentinel) portForPeers(sentinel *Server) int {
	if (s.data[0].cfg.ca == nil) == (sentinel.cfg.ca == nil) {
		return sentinel.Port()
	}
	return sentinel.peerPort.port
}

// transport returns the lines that say how a sentinel speaks to data nodes and other sentinels.
func (s *Sentinel) transport(sentinel *Server) [][]string {
	data, own := s.data[0].cfg.ca, sentinel.cfg.ca
	lines := [][]string{{"tls-replication", yesNo(data != nil)}}
	peers := strconv.Itoa(sentinel.peerPort.port)
	switch {
	case data == own:
	case data == nil:
		lines = append(lines, []string{"port", peers})
	case own == nil:
		cert := data.ServerCert()
		lines = append(lines,
			[]string{"tls-port", peers},
			[]string{"tls-cert-file", cert.CertFile},
			[]string{"tls-key-file", cert.KeyFile},
			[]string{"tls-ca-cert-file", data.CAFile()},
			[]string{"tls-auth-clients", "no"})
	default:
		cert := data.ClientCert()
		sentinel.trust = []*CA{own, data}
		lines = append(lines,
			[]string{"tls-client-cert-file", cert.CertFile},
			[]string{"tls-client-key-file", cert.KeyFile},
			[]string{"tls-ca-cert-file", sentinel.trustFile()})
	}
	return lines
}

func (s *Server) trustFile() string { return filepath.Join(s.dir, "trusted.crt") }

// writeTrust writes the file of authorities for a sentinel that trusts more than its own.
func (s *Server) writeTrust() error {
	var text []byte
	for _, ca := range s.trust {
		text = append(text, ca.PEM()...)
	}
	if text == nil {
		return nil
	}
	return os.WriteFile(s.trustFile(), text, 0o644)
}

// awaitReady waits until the replicas are synchronized and every sentinel is connected to everybody.
func (s *Sentinel) awaitReady() error {
	var missing string
	if poll(s.limit, topologyInterval, func() bool { missing = s.missing(); return missing == "" }) {
		return nil
	}
	return fmt.Errorf("not ready after %v: %s; log of the first sentinel:\n%s", s.limit, missing, s.sentinels[0].Log())
}

// missing says what a sentinel lacks before it could fail over, nothing if none lacks anything.
func (s *Sentinel) missing() string {
	for _, sentinel := range s.sentinels {
		var master map[string]string
		var replicas, others []map[string]string
		err := sentinel.ask(func(ctx context.Context, client *redis.Client) error {
			masterCmd := redis.NewMapStringStringCmd(ctx, "sentinel", "master", s.cfg.name)
			replicasCmd := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "replicas", s.cfg.name)
			othersCmd := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "sentinels", s.cfg.name)
			for _, cmd := range []redis.Cmder{masterCmd, replicasCmd, othersCmd} {
				if err := client.Process(ctx, cmd); err != nil {
					return err
				}
			}
			master, replicas, others = masterCmd.Val(), replicasCmd.Val(), othersCmd.Val()
			return nil
		})
		switch {
		case err != nil:
			return err.Error()
		case master["flags"] != "master" || master["role-reported"] != "master":
			return fmt.Sprintf("sentinel %s sees the master as %q", sentinel.Addr(), master["flags"])
		case len(replicas) != s.cfg.replicas || len(others) != s.cfg.sentinels-1:
			return fmt.Sprintf("sentinel %s knows %d replicas and %d other sentinels", sentinel.Addr(), len(replicas), len(others))
		}
		for _, replica := range replicas {
			// The link's state is the replica's own word: the sentinel has heard from it.
			if replica["flags"] != "slave" || replica["master-link-status"] != "ok" {
				return fmt.Sprintf("sentinel %s sees replica %s as %q, its link to the master as %q",
					sentinel.Addr(), replica["name"], replica["flags"], replica["master-link-status"])
			}
		}
		for _, other := range others {
			if other["flags"] != "sentinel" {
				return fmt.Sprintf("sentinel %s sees sentinel %s as %q", sentinel.Addr(), other["name"], other["flags"])
			}
		}
	}
	return ""
}
