package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// topology is who serves which slots of a cluster, as one of its nodes tells it.
type topology struct {
	shards []shardLayout // in the order of their first slots
}

// shardLayout is a shard of a topology: a master, its replicas, and the slots
// that they serve together.
type shardLayout struct {
	master   string
	replicas []string
	slots    []slotRange
	ids      map[string]string // of the nodes, by address
}

// slotRange is the slots from first to last.
type slotRange struct{ first, last int }

func (r slotRange) String() string {
	if r.first == r.last {
		return strconv.Itoa(r.first)
	}
	return fmt.Sprintf("%d-%d", r.first, r.last)
}

// name is what a shard is called: its slots.
func (s shardLayout) name() string { return joinRanges(s.slots) }

func joinRanges(ranges []slotRange) string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = r.String()
	}
	return strings.Join(parts, ", ")
}

// uncovered is the slots that belong to nobody.
func (t *topology) uncovered() []slotRange {
	var covered []slotRange
	for _, shard := range t.shards {
		covered = append(covered, shard.slots...)
	}
	return complement(covered)
}

// complement is the slots that are in none of the ranges.
func complement(ranges []slotRange) (gaps []slotRange) {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b slotRange) int { return a.first - b.first })
	next := 0
	for _, r := range sorted {
		if r.first > next {
			gaps = append(gaps, slotRange{next, r.first - 1})
		}
		next = max(next, r.last+1)
	}
	if next < slotCount {
		gaps = append(gaps, slotRange{next, slotCount - 1})
	}
	return gaps
}

// countSlots is how many slots there are in ranges that do not overlap.
func countSlots(ranges []slotRange) (n int) {
	for _, r := range ranges {
		n += r.last - r.first + 1
	}
	return n
}

// summary is the topology in one clause.
func (t *topology) summary() string {
	nodes := 0
	for _, shard := range t.shards {
		nodes += 1 + len(shard.replicas)
	}
	text := fmt.Sprintf("%s, %s", plural(len(t.shards), "shard"), plural(nodes, "node"))
	if gaps := t.uncovered(); len(gaps) > 0 {
		text += ", nobody serves " + joinRanges(gaps)
	}
	return text
}

// changes says what differs from before, shard by shard of today.
func (t *topology) changes(before *topology) []string {
	var news []string
	old := map[string]shardLayout{}
	for _, shard := range before.shards {
		old[shard.name()] = shard
	}
	for _, shard := range t.shards {
		was, known := old[shard.name()]
		switch {
		case !known:
			news = append(news, fmt.Sprintf("slots %s are served by %s", shard.name(), shard.master))
		case was.master != shard.master:
			news = append(news, fmt.Sprintf("slots %s are served by %s now, before by %s", shard.name(), shard.master, was.master))
		case !slices.Equal(slices.Sorted(slices.Values(was.replicas)), slices.Sorted(slices.Values(shard.replicas))):
			news = append(news, fmt.Sprintf("slots %s have replicas %s now", shard.name(), firstText(strings.Join(shard.replicas, ", "), "none")))
		}
	}
	if gaps := t.uncovered(); len(gaps) > 0 && !slices.Equal(gaps, before.uncovered()) {
		news = append(news, "nobody serves slots "+joinRanges(gaps))
	}
	return news
}

var errNoTopology = errors.New("the reply to CLUSTER SLOTS is not what its documentation says")

// maxNodesPerSlot bounds what a peer may make us keep for one range of slots.
const maxNodesPerSlot = 64

// topology asks the server who serves which slots. It answers with the addresses
// that clients are to use (cluster-preferred-endpoint-type), which CLUSTER NODES
// does not. addr is its own address, for what it leaves out.
// See https://redis.io/docs/latest/commands/cluster-slots/.
func (p *probe) topology(ctx context.Context, addr string) (*topology, error) {
	reply, err := p.client.Do(ctx, "CLUSTER", "SLOTS").Slice()
	if err != nil {
		return nil, err
	}
	return readTopology(reply, addr)
}

// readTopology reads the reply to CLUSTER SLOTS: [first, last, master, replica ...]
// for each range of slots.
func readTopology(reply []any, origin string) (*topology, error) {
	if len(reply) > slotCount {
		return nil, fmt.Errorf("%w: it has %d ranges", errNoTopology, len(reply))
	}
	byMaster := map[string]*shardLayout{}
	var taken [slotCount]bool
	for _, element := range reply {
		entry, ok := element.([]any)
		if !ok || len(entry) < 3 || len(entry) > 2+maxNodesPerSlot {
			return nil, fmt.Errorf("%w: a range with %d elements", errNoTopology, len(entry))
		}
		first, okFirst := entry[0].(int64)
		last, okLast := entry[1].(int64)
		if !okFirst || !okLast || first < 0 || last < first || last >= slotCount {
			return nil, fmt.Errorf("%w: slots from %v to %v", errNoTopology, entry[0], entry[1])
		}
		for slot := first; slot <= last; slot++ {
			if taken[slot] {
				return nil, fmt.Errorf("%w: slot %d belongs to two shards", errNoTopology, slot)
			}
			taken[slot] = true
		}
		shard, err := readShard(entry[2:], origin)
		if err != nil {
			return nil, err
		}
		known := byMaster[shard.master]
		if known == nil {
			known = shard
			byMaster[shard.master] = shard
		}
		known.slots = append(known.slots, slotRange{int(first), int(last)})
	}
	t := &topology{}
	for _, shard := range byMaster {
		slices.SortFunc(shard.slots, func(a, b slotRange) int { return a.first - b.first })
		t.shards = append(t.shards, *shard)
	}
	slices.SortFunc(t.shards, func(a, b shardLayout) int { return a.slots[0].first - b.slots[0].first })
	return t, nil
}

// readShard reads the nodes of a range of slots, the master first:
// [endpoint, port, id, metadata].
func readShard(nodes []any, origin string) (*shardLayout, error) {
	shard := &shardLayout{ids: map[string]string{}}
	for i, element := range nodes {
		node, ok := element.([]any)
		if !ok || len(node) < 2 {
			return nil, fmt.Errorf("%w: a node with %d elements", errNoTopology, len(node))
		}
		endpoint, _ := node[0].(string) // nil: the host that was asked
		if endpoint == "?" && len(node) > 3 {
			endpoint = metadataOf(node[3], "ip") // a hostname is preferred, and the node has none
		}
		port, ok := node[1].(int64)
		if !ok || port < 0 || port > 65535 {
			return nil, fmt.Errorf("%w: port %v", errNoTopology, node[1])
		}
		addr := completeAddress(endpoint, strconv.FormatInt(port, 10), origin)
		if len(node) > 2 {
			shard.ids[addr], _ = node[2].(string)
		}
		if i == 0 {
			shard.master = addr
		} else {
			shard.replicas = append(shard.replicas, addr)
		}
	}
	return shard, nil
}

// metadataOf reads a node's metadata, which RESP 2 flattens to a list.
func metadataOf(reply any, key string) (value string) {
	switch fields := reply.(type) {
	case map[any]any:
		value, _ = fields[key].(string)
	case []any:
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i] == key {
				value, _ = fields[i+1].(string)
			}
		}
	}
	return value
}

// completeAddress completes what a node says of an address by the address at which it
// was asked: the host where it names none, or only the loopback of a machine
// that is not this one, and the port where it gives 0, as clusters do that speak
// TLS only (https://github.com/redis/go-redis/issues/3726).
func completeAddress(host, port, origin string) string {
	originHost, originPort, err := net.SplitHostPort(origin)
	if err == nil {
		ip, notIP := netip.ParseAddr(host)
		if host == "" || host == "?" || notIP == nil && ip.Unmap().IsLoopback() && !isLoopback(origin) {
			host = originHost
		}
		if port == "0" {
			port = originPort
		}
	}
	return net.JoinHostPort(host, port)
}
