package redisconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// namesCluster reports whether the configuration itself says that the servers
// are a cluster: the mode does, or there are several. With one address in mode
// auto the server says it.
func (c Config) namesCluster() bool {
	return c.Mode == ModeCluster || c.Mode == ModeAuto && len(c.Connection.Addrs) > 1 && !c.asksSentinels()
}

// seeds are the servers that the configuration names.
func (t *target) seeds() []string {
	if addrs := t.config.Connection.Addrs; len(addrs) > 1 {
		return slices.Clone(addrs)
	}
	return []string{t.addr}
}

// verifySeeds is verify for one of several servers: the first that commands will
// work on. It finds out whether it is one of a cluster.
func (t *target) verifySeeds(ctx context.Context, addrs []string, report stageReporter) (*probe, serverFacts, error) {
	var failures []error
	for _, addr := range addrs {
		p, facts, err := t.verifyServer(ctx, addr, report)
		if err == nil {
			if err = t.settle(ctx, p, facts, addr, report); err == nil {
				return p, facts, nil
			}
			p.close()
		}
		failures = append(failures, err)
		if isOver(ctx) {
			break
		}
	}
	return nil, serverFacts{}, joinSeeds(addrs, failures)
}

// errNoOtherSeeds: every server that the configuration names is a node that is watched.
var errNoOtherSeeds = errors.New("the configuration names no other server")

// askSeeds asks the servers that the configuration names, when no node knows at
// the address where it was: their names may stand for other addresses now. The
// nodes themselves are called again in any case.
func (w *clusterWatch) askSeeds(ctx context.Context) (*topology, error) {
	if isVain(w.vain, w.sought) {
		return nil, w.vain
	}
	seeds := slices.DeleteFunc(w.target.seeds(), func(addr string) bool { return w.nodes[addr] != nil })
	if len(seeds) == 0 {
		return nil, errNoOtherSeeds
	}
	w.sought = time.Now()
	other := *w.target
	other.config.Mode = ModeCluster // it was found to be one
	p, _, err := other.verifySeeds(ctx, seeds, nil)
	if w.vain = err; err != nil {
		return nil, err
	}
	p.close()
	w.asked = time.Now()
	return other.cluster.table.Load().topology, nil
}

// joinSeeds makes one error of what each of several servers answered, of the stage
// and the class that the first one had.
func joinSeeds(addrs []string, failures []error) error {
	if len(addrs) == 1 {
		return failures[0]
	}
	return &stageError{stage: stageOf(failures[0]), err: &seedsError{addrs[:len(failures)], failures}}
}

// seedsError is what each of several servers answered.
type seedsError struct {
	addrs    []string
	failures []error
}

func (e *seedsError) Error() string {
	parts := make([]string, len(e.failures))
	for i, err := range e.failures {
		parts[i] = e.addrs[i] + ": " + peerText(cause(err))
	}
	return strings.Join(parts, "; ")
}

func (e *seedsError) Unwrap() error { return cause(e.failures[0]) }

// settle holds what the server says it is against what the configuration says,
// and learns who serves which slots where it is a cluster.
func (t *target) settle(ctx context.Context, p *probe, facts serverFacts, addr string, report stageReporter) error {
	isCluster := facts.Mode == clusterMode
	switch {
	case isCluster && t.config.Mode == ModeStandalone:
		return report.failed(StageReady, &modeError{"a node of a cluster", "set mode to cluster or auto, or use the scheme redis+cluster"})
	case !isCluster && !t.config.namesCluster():
		return nil
	case !isCluster && facts.Mode != "":
		return report.failed(StageReady, t.noCluster("no cluster but "+facts.Mode))
	case t.config.Cache.Enabled:
		return report.failed(StageReady, &modeError{"a cluster, whose keys move between nodes", "switch cache.enabled off: what a node tells of changes ends with its slots"})
	}
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeouts.Dial)
	defer cancel()
	layout, err := p.topology(ctx, addr)
	switch {
	case err != nil && strings.Contains(err.Error(), "cluster support disabled"):
		err = t.noCluster("no cluster")
	case err == nil && len(layout.shards) == 0:
		err = &unservedError{noSlot}
	}
	if err != nil {
		return report.failed(StageReady, err)
	}
	t.cluster = newCluster(t.config, layout, t.suspect)
	return nil
}

// noCluster is the error of a server that is none of the cluster that the
// configuration names.
func (t *target) noCluster(found string) error {
	if t.config.Mode == ModeAuto {
		return &modeError{found, "give one address: several mean a cluster"}
	}
	return &modeError{found, "set mode to standalone or auto, or use the scheme redis"}
}

// verifyNodes holds t against every node of its cluster that answers to the old
// generation: each has its own passwords and certificates, and what only some of
// them know yet would take the others away. Nodes that are dead, or do not answer in
// time, have no say, nor has the seed that was verified.
func (t *target) verifyNodes(ctx context.Context, old *generation, seed string) error {
	if t.cluster == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, t.config.Timeouts.Dial)
	defer cancel()
	addrs := slices.Sorted(maps.Keys(t.cluster.nodes)) // nobody else has them yet
	refusals := make([]error, len(addrs))
	var all sync.WaitGroup
	for i, addr := range addrs {
		if addr == seed || old.knownDead(addr) != nil {
			continue
		}
		all.Go(func() {
			p, _, err := t.verifyServer(limited, addr, nil)
			p.close()
			if err != nil && diagnose(err).class.Info().Fatal {
				refusals[i] = &nodeError{addr: addr, err: err}
			}
		})
	}
	all.Wait()
	return cmp.Or(errors.Join(refusals...), endOf(ctx))
}

// clusterMode is how HELLO and INFO name the mode of a cluster's node.
const clusterMode = "cluster"

// modeError is a server that is not of the kind that the configuration says.
type modeError struct{ found, fix string }

func (e *modeError) Error() string { return fmt.Sprintf("this is %s: %s", e.found, e.fix) }

// tellTopology tells what was found when the client connected to a cluster.
func (c *Client) tellTopology(t *target) {
	if t.cluster == nil {
		return
	}
	how := "cluster"
	discovered := !t.config.namesCluster()
	if discovered {
		how = "cluster discovered"
	}
	summary := t.cluster.table.Load().summary()
	c.recorder.record(Event{Kind: EventTopology, Node: t.addr, Detail: how + ": " + summary})
	c.log.Info("redis cluster found: "+summary, "server", t.addr, "discovered", discovered)
}
