package redisconn_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestSlotsAreThoseOfTheServer(t *testing.T) {
	for _, key := range []string{"", "foo", "123456789", "{user}.name", "a{b}c{d}", "{}x", "{", "}{", "a{b", "{{x}}", "\xff\x00é"} {
		if got, want := redisconn.SlotOf(key), redisconntest.SlotOf(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
	if got := redisconn.CrossSlot("a", "b", "c", "d", "e", "f", "g").Error(); !strings.HasPrefix(got, "7 keys in 7 slots (") || !strings.HasSuffix(got, " …)") {
		t.Error(got)
	}
	if got := fmt.Sprint(redisconn.SlotRanges([]int{0, 1, 2, 5, 7, 8})); got != "[0-2 5 7-8]" {
		t.Error(got)
	}
}

// node is a node in a reply to CLUSTER SLOTS.
func node(host any, port int64, id string, metadata ...any) []any {
	return []any{host, port, id, metadata}
}

func slots(first, last int64, nodes ...any) []any { return append([]any{first, last}, nodes...) }

func TestATopologyIsReadFromTheSlots(t *testing.T) {
	reply := []any{
		slots(5000, 9999, node("10.0.0.2", 6379, "b"), node("10.0.0.4", 6379, "d")),
		slots(0, 4999, node("10.0.0.1", 6379, "a"), node("10.0.0.3", 6379, "c")),
		slots(10001, 16383, node("10.0.0.1", 6379, "a"), node("10.0.0.3", 6379, "c")),
	}
	shards, uncovered, summary, err := redisconn.Topology(reply, "10.0.0.1:6379")
	if err != nil || fmt.Sprint(shards) != "[[0-4999, 10001-16383 10.0.0.1:6379 10.0.0.3:6379] [5000-9999 10.0.0.2:6379 10.0.0.4:6379]]" {
		t.Errorf("%v, %v", shards, err)
	}
	if uncovered != "10000" || summary != "2 shards, 4 nodes, nobody serves 10000" {
		t.Errorf("%s, %s", uncovered, summary)
	}
}

func TestWhatANodeLeavesOutIsWhereItWasAsked(t *testing.T) {
	for _, c := range []struct {
		node         []any
		origin, want string
	}{
		{node(nil, 7000, "a"), "cache:6379", "cache:7000"},
		{node("", 7000, "a"), "cache:6379", "cache:7000"},
		{node("10.0.0.1", 0, "a"), "cache:6379", "10.0.0.1:6379"},
		{node("127.0.0.1", 7000, "a"), "cache:6379", "cache:7000"},
		{node("127.0.0.1", 7000, "a"), "[::1]:6379", "127.0.0.1:7000"},
		{node("127.0.0.1", 7000, "a"), "localhost:6379", "127.0.0.1:7000"},
		{node("::1", 7000, "a"), "10.0.0.9:6379", "10.0.0.9:7000"},
		{node("fd00::1", 7000, "a"), "10.0.0.9:6379", "[fd00::1]:7000"},
		{node("?", 7000, "a", "ip", "10.0.0.7"), "cache:6379", "10.0.0.7:7000"},
		{[]any{"?", int64(7000), "a", map[any]any{"ip": "10.0.0.7"}}, "cache:6379", "10.0.0.7:7000"},
		{node("?", 7000, "a"), "cache:6379", "cache:7000"},
		{[]any{"10.0.0.1", int64(7000)}, "/run/redis.sock", "10.0.0.1:7000"},
	} {
		shards, _, _, err := redisconn.Topology([]any{slots(0, 16383, c.node)}, c.origin)
		if err != nil || shards[0][1] != c.want {
			t.Errorf("%v asked at %s: %v, %v; want %s", c.node, c.origin, shards, err, c.want)
		}
	}
}

func TestSlotsThatMakeNoSenseAreRefused(t *testing.T) {
	a := node("10.0.0.1", 6379, "a")
	for name, reply := range map[string][]any{
		"no list":           {"0"},
		"no node":           {slots(0, 1)},
		"many nodes":        {slots(0, 1, slices.Repeat([]any{a}, 65)...)},
		"words for numbers": {[]any{"0", "1", a}},
		"negative":          {slots(-1, 1, a)},
		"upside down":       {slots(2, 1, a)},
		"beyond the end":    {slots(0, 16384, a)},
		"twice":             {slots(0, 5, a), slots(5, 9, node("10.0.0.2", 6379, "b"))},
		"node is no list":   {slots(0, 1, "a")},
		"node without port": {slots(0, 1, []any{"10.0.0.1"})},
		"port is no number": {slots(0, 1, []any{"10.0.0.1", "6379"})},
		"port too large":    {slots(0, 1, node("10.0.0.1", 65536, "a"))},
		"too many ranges":   slices.Repeat([]any{slots(0, 0, a)}, 16385),
	} {
		if shards, _, _, err := redisconn.Topology(reply, "10.0.0.1:6379"); err == nil || !strings.Contains(err.Error(), "CLUSTER SLOTS") {
			t.Errorf("%s: %v, %v", name, shards, err)
		}
	}
}

func TestChangesOfATopologyAreNamed(t *testing.T) {
	before := []any{slots(0, 99, node("a", 1, "a"), node("b", 1, "b")), slots(100, 16383, node("c", 1, "c"))}
	for _, c := range []struct {
		now  []any
		want string
	}{
		{before, "[]"},
		{[]any{slots(0, 99, node("b", 1, "b"), node("a", 1, "a")), before[1]}, "[slots 0-99 are served by b:1 now, before by a:1]"},
		{[]any{slots(0, 99, node("a", 1, "a")), before[1]}, "[slots 0-99 have replicas none now]"},
		{[]any{slots(0, 98, node("a", 1, "a")), slots(99, 16383, node("c", 1, "c"))}, "[slots 0-98 are served by a:1 slots 99-16383 are served by c:1]"},
		{[]any{before[0]}, "[nobody serves slots 100-16383]"},
	} {
		if got := fmt.Sprint(redisconn.TopologyChanges(before, c.now, "x:1")); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestRedirectionsAreReadToTheLetter(t *testing.T) {
	for text, want := range map[string]string{
		"MOVED 7 10.0.0.1:6379":       "10.0.0.1:6379 false",
		"ASK 7 10.0.0.1:6379":         "10.0.0.1:6379 true",
		"MOVED 7 fd00::1:6379":        "[fd00::1]:6379 false",
		"MOVED 7 [fd00::1]:6379":      "[fd00::1]:6379 false",
		"MOVED 7 :6380":               "from:6380 false",
		"MOVED 7 node.example:0":      "node.example:1 false",
		"MOVED 8 10.0.0.1:6379":       "",
		"MOVED 7 10.0.0.1:6379 again": "",
		"MOVED 7 10.0.0.1":            "",
		"MOVED":                       "",
		"moved 7 10.0.0.1:6379":       "",
		"ERR MOVED 7 10.0.0.1:6379":   "",
	} {
		got := ""
		if addr, ask, ok := redisconn.RedirectionOf(replied(text), 7, "from:1"); ok {
			got = fmt.Sprint(addr, " ", ask)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if _, _, ok := redisconn.RedirectionOf(nil, 7, "from:1"); ok {
		t.Error("success is a redirection")
	}
	if _, _, ok := redisconn.RedirectionOf(lost(replied("MOVED 7 10.0.0.1:6379")), 7, "from:1"); ok {
		t.Error("a lost connection is a redirection")
	}
}

func FuzzATopologyServesEachSlotOnce(f *testing.F) {
	f.Add(int64(0), int64(16383), "10.0.0.1", int64(6379), int64(5), int64(7), "b")
	f.Add(int64(-5), int64(99999), "?", int64(-1), int64(0), int64(0), "")
	f.Fuzz(func(t *testing.T, first, last int64, host string, port, second, end int64, other string) {
		shards, uncovered, _, err := redisconn.Topology([]any{
			slots(first, last, node(host, port, "a")), slots(second, end, node(other, port, "b")),
		}, "10.0.0.1:6379")
		if err != nil {
			return
		}
		served := [16384]int{}
		for _, ranges := range append([][]string{{uncovered}}, shards...) {
			for text := range strings.SplitSeq(ranges[0], ", ") {
				from, to, isRange := strings.Cut(text, "-")
				if !isRange {
					to = from
				}
				begin, _ := strconv.Atoi(from)
				for last, _ := strconv.Atoi(to); text != "" && begin <= last; begin++ {
					served[begin]++
				}
			}
		}
		for slot, times := range served {
			if times != 1 {
				t.Fatalf("slot %d is there %d times: %v, %s", slot, times, shards, uncovered)
			}
		}
	})
}

// Redis announces a planned failover to nobody, and the old master answers as
// before. A client without traffic went by the old table for the ten seconds of
// its refresh interval, and the first write after that met the replica.
func TestAnIdleClientLearnsOfAPlannedFailoverByItsNextLook(t *testing.T) {
	cluster := redisconntest.NewCluster(t, 1, 1)
	cfg := clusterConfig(cluster)
	cfg.Cluster.RefreshInterval = time.Hour // the epoch alone tells
	client := openClient(t, cfg)
	eventually(t, "the nodes were looked at", func() bool { return client.Stats().Probes > 1 })
	master := cluster.Failover(0)
	eventually(t, "the new master is known", func() bool {
		return slices.ContainsFunc(eventsOf(client, redisconn.EventTopology), func(e redisconn.Event) bool {
			return strings.Contains(e.Detail, "are served by "+master.Addr()+" now")
		})
	})
}

// A redirection hints that the table of slots is old, and in a storm they come at
// the rate of the calls. What a hint costs the cluster must not.
func TestAStormOfRedirectionsAsksForTheSlotsTwentyTimesASecondAtMost(t *testing.T) {
	const storm, most = time.Second, 20
	var asked atomic.Int64
	server := wanderer(t, func() { asked.Add(1) })
	cfg := configFor(server.Addr())
	cfg.Timeouts.Operation = 50 * time.Millisecond
	client := openClient(t, cfg)
	before, began := asked.Load(), time.Now()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for time.Since(began) < storm {
				_ = client.Get(t.Context(), "k").Err() // it is sent in a circle
			}
		})
	}
	all.Wait()
	t.Logf("%d questions for %d calls", asked.Load()-before, client.Stats().Commands)
	limit := int64(most*time.Since(began).Seconds()) + 1
	if n := asked.Load() - before; n > limit || n == 0 {
		t.Errorf("%d questions in %s, want some and at most %d", n, time.Since(began), limit)
	}
}
