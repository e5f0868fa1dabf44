package redisconn

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// silentAfter is how long a sentinel may owe its word until that is worth a
// warning, and not just a slow moment.
const silentAfter = 2 * sentinelPoll

// deployment is what is known of the nodes of a deployment, gathered beside the
// commands. It is replaced as one and never changed.
type deployment struct {
	nodes  []NodeHealth
	quorum *Quorum
	class  Class
	reason string // what somebody should look at; empty when all is well
}

// survey takes from the sentinels' word who belongs to the deployment and how
// they are, and tells what changed.
func (c *Client) survey(words testimony) {
	was, now := c.deployment.Load(), words.deployment(c.server())
	c.deployment.Store(now)
	if was == nil {
		return
	}
	for _, change := range was.changes(now) {
		c.recorder.record(change)
	}
}

// deployment is what the sentinels' word amounts to.
func (t testimony) deployment(master string) *deployment {
	d := &deployment{
		nodes:  []NodeHealth{{Addr: master, Role: "master", Status: StatusPass}},
		quorum: &Quorum{Master: t.master, Sentinels: len(t.words), Answering: t.answering()},
	}
	latest := word{epoch: -1}
	for _, w := range t.words {
		d.quorum.Needed = max(d.quorum.Needed, w.quorum)
		if w.err == nil && w.epoch > latest.epoch {
			latest = w
		}
	}
	for _, fields := range latest.replicas {
		if n, ok := replicaHealth(fields); ok && n.Addr != master {
			d.add(n)
		}
	}
	for _, w := range t.words {
		d.add(w.health())
	}
	if fault := d.quorum.fault(); fault != "" {
		d.reason = fault
	}
	return d
}

// add adds a node; the first that is not well gives the reason.
func (d *deployment) add(n NodeHealth) {
	d.nodes = append(d.nodes, n)
	if n.Status != StatusPass && d.reason == "" {
		d.class, d.reason = n.Class, n.Role+" "+n.Addr+" "+n.Reason
	}
}

// replicaHealth is a replica as a sentinel sees it.
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-commands.
func replicaHealth(fields map[string]string) (NodeHealth, bool) {
	addr, err := nodeAddress(fields["ip"], fields["port"])
	n := NodeHealth{Addr: addr, Role: "replica", Status: StatusPass, Link: "up"}
	if fields["master-link-status"] != "ok" {
		n.Link = "down"
		n.Status, n.Class, n.Reason = StatusWarn, ClassMasterDown, "has lost its link to the master"
	}
	if strings.Contains(fields["flags"], "s_down") {
		n.Link = "down"
		n.Status, n.Class, n.Reason = StatusWarn, ClassUnreachable, "is down, say the sentinels"
	}
	return n, err == nil
}

// health is the sentinel that gave this word, or owes it.
func (w word) health() NodeHealth {
	n := NodeHealth{Addr: w.from.addr, ID: w.id, Role: "sentinel", Status: StatusPass, Latency: w.took, LastSuccess: w.answered}
	slow := w.err == errNoWordYet && time.Since(w.answered) < silentAfter
	if w.err != nil && !slow {
		class := wordClass(w.err)
		n.Status, n.Class, n.Reason = StatusWarn, class, "does not help: "+saying(class, w.err)
	}
	return n
}

// fault says what the sentinels cannot do any more. A failover takes as many as
// the quorum says to find the master down, and most of them to be allowed.
func (q *Quorum) fault() string {
	switch most := q.Sentinels/2 + 1; {
	case q.Answering < q.Needed:
		return fmt.Sprintf("%d of %s answer and %d must agree that the master is down: no failover would come", q.Answering, plural(q.Sentinels, "sentinel"), q.Needed)
	case q.Answering < most:
		return fmt.Sprintf("%d of %s answer and %d must allow a failover: none would come", q.Answering, plural(q.Sentinels, "sentinel"), most)
	}
	return ""
}

// tell puts the deployment into a report about the master.
func (d *deployment) tell(h *Health, lags map[string]int64) {
	h.Nodes, h.Quorum = slices.Clone(d.nodes), d.quorum
	for i := range h.Nodes {
		n := &h.Nodes[i]
		if n.Role == "master" {
			n.Status, n.Class, n.Reason = h.Status, h.Class, h.Reason
			n.Latency, n.LastSuccess = h.Latency.Last, h.LastSuccess
		}
		if lag, ok := lags[n.Addr]; ok && n.Role == "replica" {
			n.Lag = &lag
		}
	}
	if h.Status == StatusPass && d.reason != "" {
		h.Status, h.Class, h.Reason = StatusWarn, d.class, d.reason
	}
}

// changes are the events that lead from one deployment to the next. That another
// node became the master is told where the client follows it.
func (d *deployment) changes(next *deployment) []Event {
	var events []Event
	note := func(n NodeHealth, text string) {
		events = append(events, Event{Kind: EventTopology, Node: n.Addr, Class: n.Class, Detail: n.Role + " " + n.Addr + " " + text})
	}
	for _, n := range next.nodes {
		switch was, known := d.node(n.Addr); {
		case !known:
			note(n, strings.TrimSpace("appeared "+n.Reason))
		case was.Role == n.Role && was.Status != n.Status:
			note(n, cmp.Or(n.Reason, "is well again"))
		}
	}
	for _, n := range d.nodes {
		if _, known := next.node(n.Addr); !known && n.Role != "master" {
			note(n, "is gone")
		}
	}
	return events
}

func (d *deployment) node(addr string) (NodeHealth, bool) {
	at := slices.IndexFunc(d.nodes, func(n NodeHealth) bool { return n.Addr == addr })
	if at < 0 {
		return NodeHealth{}, false
	}
	return d.nodes[at], true
}

// replicaLags reads from a master's INFO replication how many bytes each of its
// replicas has not acknowledged: slave0:ip=…,port=…,state=online,offset=…,lag=….
func replicaLags(info map[string]string) map[string]int64 {
	master, err := strconv.ParseInt(info["master_repl_offset"], 10, 64)
	if err != nil {
		return nil
	}
	lags := map[string]int64{}
	for key, line := range info {
		if !strings.HasPrefix(key, "slave") {
			continue
		}
		fields := map[string]string{}
		for pair := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(pair, "=")
			fields[name] = value
		}
		addr, odd := nodeAddress(fields["ip"], fields["port"])
		if offset, err := strconv.ParseInt(fields["offset"], 10, 64); err == nil && odd == nil {
			lags[addr] = max(master-offset, 0)
		}
	}
	return lags
}
