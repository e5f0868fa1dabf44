package redisconntest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// topologyLimit bounds the wait for a topology to be formed, and for it to settle after a change. A failover takes
	// one to three seconds; an election of a sentinel or a master that nobody wins is repeated after some seconds more.
	topologyLimit = 30 * time.Second

	// topologyInterval is the pause between two looks at a topology, each of which asks all of its processes.
	topologyInterval = 10 * time.Millisecond
)

// newMembers makes servers of one topology and reserves their ports. They share the password of the kit's own user,
// as which they authenticate to each other: no test's rotation of passwords can separate them.
func newMembers(t testing.TB, n int, cfg serverConfig, opts []ServerOption) ([]*Server, error) {
	t.Helper()
	members := make([]*Server, n)
	for i := range members {
		member, err := newServer(t, cfg, opts)
		if err != nil {
			return nil, err
		}
		switch {
		case member.cfg.unixSocket || member.cfg.port != 0:
			return nil, errors.New("the members of a topology have ports of their own: no WithPort, WithAddr or WithUnixSocket")
		case member.cfg.master != cfg.master:
			return nil, errors.New("a topology decides itself who replicates whom: no WithReplicaOf")
		}
		if err := member.takeAddress(); err != nil {
			return nil, err
		}
		if member.peerPort, err = member.cfg.hold(0); err != nil {
			return nil, err
		}
		member.topology = [][]string{
			{"masteruser", auditUser},
			{"masterauth", member.auditPassword},
			{"tls-replication", yesNo(member.cfg.ca != nil)},
		}
		members[i] = member
	}
	return members, nil
}

// startAll starts the servers at the same time.
func startAll(servers []*Server) error {
	return each(servers, (*Server).firstStart)
}

// each does the same with all servers at the same time.
func each(servers []*Server, do func(*Server) error) error {
	errs := make([]error, len(servers))
	var work sync.WaitGroup
	for i, server := range servers {
		work.Go(func() { errs[i] = do(server) })
	}
	work.Wait()
	return errors.Join(errs...)
}

func addrs(servers []*Server) []string {
	list := make([]string, len(servers))
	for i, server := range servers {
		list[i] = server.Addr()
	}
	return list
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
