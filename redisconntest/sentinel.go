package redisconntest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinel is a Redis master with replicas, watched by sentinels, all of them real processes on this machine's
// loopback. Its members are servers like those of [NewServer]: each can be killed, paused and started again, also a
// sentinel, and each has a [Server.Client] and a [Server.Log].
//
// A master that was killed and is started again takes itself for a master, as in production, until the sentinels make
// it a replica some ten seconds later. Started again before it was failed over it is the master still, without data
// unless [WithAppendOnly] was given, and its replicas copy that.
//
// Trouble is reported by t.Errorf: methods may be called from any goroutine, all at the same time.
type Sentinel struct {
	t         testing.TB
	cfg       sentinelConfig
	data      []*Server // the first master first
	sentinels []*Server
	limit     time.Duration // for a change to be complete

	mu     sync.Mutex
	master *Server // as the sentinels last said
}

// NewSentinel starts a master, a replica and three sentinels, or what the options say, and returns when the sentinels
// know each other and the replicas and could fail over at once, usually after a quarter of a second. Where redis-server is not
// installed the test is skipped or fails: see [RequireRedis]. A topology that does not come up fails the test.
//
// The members of a topology authenticate to each other as a user of the kit's own, so passwords given to data nodes
// and sentinels are those of clients. Everything ends with the test, as with [NewServer].
func NewSentinel(t testing.TB, opts ...SentinelOption) *Sentinel {
	t.Helper()
	s := &Sentinel{t: t}
	var err error
	if s.cfg, err = newSentinelConfig(opts); err == nil {
		s.limit = topologyLimit + 2*s.cfg.downAfter
		err = s.start()
	}
	if err != nil {
		t.Fatalf("redisconntest.NewSentinel: %v", err)
	}
	return s
}

// MasterName returns the name by which the sentinels know the master.
func (s *Sentinel) MasterName() string { return s.cfg.name }

// Sentinels returns the sentinels, whether they run or not. Their [Server.Client] understands the commands of sentinels
// only, and they do not count commands for [Server.CommandCalls].
func (s *Sentinel) Sentinels() []*Server { return slices.Clone(s.sentinels) }

// SentinelAddrs returns the addresses of the sentinels.
func (s *Sentinel) SentinelAddrs() []string { return addrs(s.sentinels) }

// Nodes returns the data nodes, master and replicas, whether they run or not, always in the same order.
func (s *Sentinel) Nodes() []*Server { return slices.Clone(s.data) }

// Master returns the master as most of the sentinels see it now, which may be one that was killed. When no sentinel
// answers it is the one that they named last.
func (s *Sentinel) Master() *Server {
	votes := map[*Server]int{}
	for _, master := range s.announced() {
		votes[master]++
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	most := 0
	for master, n := range votes {
		if master != nil && (n > most || n == most && master == s.master) {
			s.master, most = master, n
		}
	}
	return s.master
}

// Replicas returns the data nodes that are not the master, whether they run or not.
func (s *Sentinel) Replicas() []*Server {
	master := s.Master()
	return slices.DeleteFunc(s.Nodes(), func(node *Server) bool { return node == master })
}

// FailoverOptions returns new driver options that connect by way of the sentinels and leave everything else to the
// driver's defaults: plain go-redis, for comparison. The driver has one TLS configuration for sentinels and data nodes,
// so where only one of both speaks TLS there are no such options and the test fails.
func (s *Sentinel) FailoverOptions() *redis.FailoverOptions {
	s.t.Helper()
	node, sentinel := s.data[0], s.sentinels[0]
	config := node.TLSConfig()
	switch own := sentinel.TLSConfig(); {
	case (own == nil) != (config == nil):
		s.t.Errorf("Sentinel.FailoverOptions: go-redis cannot speak TLS to the data nodes alone or to the sentinels alone")
	case own != nil && sentinel.cfg.ca != node.cfg.ca:
		for _, cert := range sentinel.cfg.ca.certificates() {
			config.RootCAs.AddCert(cert)
		}
		config.Certificates = append(config.Certificates, own.Certificates...)
	}
	return &redis.FailoverOptions{
		MasterName:       s.cfg.name,
		SentinelAddrs:    s.SentinelAddrs(),
		SentinelPassword: sentinel.Password(),
		Password:         node.Password(),
		TLSConfig:        config,
	}
}

// Failover makes the sentinels fail the master over to a replica while it is well (SENTINEL FAILOVER), waits for the
// switch and returns the new master. The old one is told to become a replica in its own time, and the writes that it
// accepts until then are lost.
func (s *Sentinel) Failover() *Server {
	s.t.Helper()
	from := s.Master()
	err := errors.New("none answers")
	accepted := poll(s.limit, topologyInterval, func() bool {
		for _, sentinel := range s.sentinels {
			if !sentinel.answers() {
				continue
			}
			// -NOGOODSLAVE until the last failover has settled, -INPROG during one.
			err = sentinel.ask(func(ctx context.Context, client *redis.Client) error {
				return client.Do(ctx, "sentinel", "failover", s.cfg.name).Err()
			})
			return err == nil
		}
		return false
	})
	if !accepted {
		s.t.Errorf("Sentinel.Failover: no sentinel agrees to fail over within %v: %v", s.limit, err)
		return from
	}
	return s.AwaitSwitch(from)
}

// KillMaster kills the master, see [Server.Kill], and returns it. [Sentinel.AwaitSwitch] waits for its successor.
func (s *Sentinel) KillMaster() *Server {
	s.t.Helper()
	master := s.Master()
	master.Kill()
	return master
}

// PauseMaster freezes the master, see [Server.Pause], and returns it. After [Server.Resume] it takes itself for the
// master until the sentinels make it a replica.
func (s *Sentinel) PauseMaster() *Server {
	s.t.Helper()
	master := s.Master()
	master.Pause()
	return master
}

// AwaitSwitch waits until all sentinels that answer name another master than this one, and that is a master indeed,
// and returns it:
//
//	master := sentinel.AwaitSwitch(sentinel.KillMaster())
//
// With the defaults it takes two to three seconds from the kill.
func (s *Sentinel) AwaitSwitch(from *Server) *Server {
	s.t.Helper()
	switched := poll(s.limit, topologyInterval, func() bool {
		announced := s.announced()
		return len(announced) > 0 && len(slices.Compact(announced)) == 1 &&
			announced[0] != nil && announced[0] != from && announced[0].replicationField("role") == "master"
	})
	if !switched {
		s.t.Errorf("Sentinel.AwaitSwitch: the sentinels have not agreed on another master than %s within %v; log of the first:\n%s",
			from.Addr(), s.limit, s.sentinels[0].Log())
	}
	return s.Master()
}

// announced returns the master that each sentinel names which answers, nil for a master we do not know.
func (s *Sentinel) announced() []*Server {
	var announced []*Server
	for _, sentinel := range s.sentinels {
		if !sentinel.answers() {
			continue
		}
		err := sentinel.ask(func(ctx context.Context, client *redis.Client) error {
			addr := redis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", s.cfg.name)
			if err := client.Process(ctx, addr); err != nil {
				return err
			}
			announced = append(announced, s.byPort(addr.Val()[1]))
			return nil
		})
		if err != nil && sentinel.answers() { // it may have been killed or paused meanwhile
			s.t.Errorf("asking a sentinel for the master: %v", err)
		}
	}
	return announced
}

// byPort returns the data node with the port, nil if there is none. The host may be a name, where a test wants names.
func (s *Sentinel) byPort(port string) *Server {
	for _, node := range s.data {
		if strconv.Itoa(node.Port()) == port {
			return node
		}
	}
	return nil
}
