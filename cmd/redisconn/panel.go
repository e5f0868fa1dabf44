package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// glance is what watch knows at one moment: all that a frame is made of.
type glance struct {
	at     time.Time
	health redisconn.Health
	stats  redisconn.Stats
	events []redisconn.Event // oldest first
	trend  []point           // oldest first
	hint   string            // what the keys do, where there are keys
}

// block is what stays together on the panel. Where there is not room for all,
// those of the highest rank are left out first.
type block struct {
	rank  int
	lines []line
}

// roomyHeight is from where on there is an empty line between the parts.
const roomyHeight = 22

// eventRoom and nodeRoom are how many lines these have at least, their heading
// included, before anything is shown that could be left out.
func eventRoom(height int) int { return min(height/4, 4) }
func nodeRoom(height int) int  { return max(height/3-1, 0) }

// frame lays the panel out for a screen of that size. No line is wider and there
// are no more of them.
func (g glance) frame(width, height int) []line {
	blocks := []block{
		{0, g.title(width)},
		{1, g.state(width)},
		{2, g.trouble(width)},
		{3, g.latency(width)},
		{5, g.throughput(width)},
		{4, g.pool(width)},
		{7, g.routes()},
		{8, g.totals()},
		{6, g.server()},
	}
	nodes := g.nodes()
	blocks = fitting(blocks, height-eventRoom(height)-min(len(nodes), nodeRoom(height)))
	var frame []line
	for _, b := range blocks {
		if height >= roomyHeight && len(b.lines) > 0 && slices.Contains([]int{3, 4}, b.rank) {
			frame = append(frame, nil)
		}
		frame = append(frame, b.lines...)
	}
	rest := height - len(frame)
	shown := listed(nodes, max(rest-eventRoom(height), 0))
	frame, rest = append(frame, shown...), rest-len(shown)
	frame = append(frame, g.eventList(rest, height >= roomyHeight)...)
	frame = frame[:min(len(frame), max(height, 0))]
	for i, l := range frame {
		frame[i] = l.cut(max(width, 0))
	}
	return frame
}

// fitting leaves blocks out until the others fit. The title and the state stay.
func fitting(blocks []block, height int) []block {
	total := func() int {
		n := 0
		for _, b := range blocks {
			n += len(b.lines)
		}
		return n
	}
	for total() > height {
		last := 0
		for i, b := range blocks {
			if b.rank > blocks[last].rank {
				last = i
			}
		}
		if blocks[last].rank <= 1 {
			return blocks
		}
		blocks = slices.Delete(blocks, last, last+1)
	}
	return blocks
}

// listed cuts a list and says how much of it is missing.
func listed(lines []line, room int) []line {
	if len(lines) <= room || room == 0 {
		return lines[:min(len(lines), room)]
	}
	return append(slices.Clone(lines[:room-1]), field("", fmt.Sprintf("… and %d more", len(lines)-room+1)))
}

// field is text beside its name.
func field(name, text string) line {
	return line{{faint, pad(name, labelWidth)}, {text: text}}
}

func (g glance) title(width int) []line {
	h := g.health
	var about []string
	if s := h.Server; s != nil {
		about = append(about, strings.TrimSpace(s.Name+" "+s.Version))
		if s.Mode != "" {
			about = append(about, s.Mode)
		}
		if s.Role != "" && h.Slots == nil { // the nodes of a cluster have theirs
			about = append(about, s.Role)
		}
	}
	l := line{{bold, h.Target}}
	if text := strings.Join(about, ", "); text != "" {
		l = append(l, span{faint, " (" + text + ")"})
	}
	return []line{l.right(line{{faint, g.at.Format(time.TimeOnly) + g.hint}}, width)}
}

func (g glance) state(width int) []line {
	h := g.health
	l := line{
		{stateStyle(h.State), "● " + string(h.State)},
		{text: " for " + age(g.at.Sub(h.Since)) + "  "},
		{statusStyles[h.Status], string(h.Status)},
	}
	more := plural(int(g.stats.Outages), "outage")
	if g.stats.Generation > 1 {
		more = fmt.Sprintf("generation %d, %s", g.stats.Generation, more)
	}
	return []line{l.right(line{{faint, more}}, width)}
}

var statusStyles = map[redisconn.Status]style{
	redisconn.StatusPass: green, redisconn.StatusWarn: yellow, redisconn.StatusFail: red,
}

// statusMarks are those that a list shows.
var statusMarks = map[redisconn.Status]mark{
	redisconn.StatusPass: passed, redisconn.StatusWarn: warned, redisconn.StatusFail: failed,
}

// age is a time that passed, to the second, or to the hour after a day.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0).Truncate(time.Second)
	if d >= day {
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	return d.String()
}

// trouble is why the verdict is not pass, and what to do.
func (g glance) trouble(width int) []line {
	h := g.health
	if h.Status == redisconn.StatusPass || h.Status == "" {
		return nil
	}
	reason, class := h.Reason, h.Class
	if class == "" { // before the first connection only the attempts know why
		if e, ok := g.lastAttempt(); ok {
			class = e.Class
			reason = fmt.Sprintf("%s: %s: %s", e.Stage, class.Info().Meaning, e.Detail)
		}
	}
	lines := wrapped("reason", reason, statusStyles[h.Status], width)
	if class != "" {
		lines = append(lines, wrapped("next", class.Info().Next, "", width)...)
	}
	return lines
}

func (g glance) lastAttempt() (redisconn.Event, bool) {
	for _, e := range slices.Backward(g.events) {
		if e.Kind == redisconn.EventAttempt {
			return e, true
		}
	}
	return redisconn.Event{}, false
}

// troubleLines are the most that a reason, or what to do, may take.
const troubleLines = 2

func wrapped(name, text string, s style, width int) []line {
	parts := wrap(text, max(width-labelWidth, 1))
	if len(parts) > troubleLines {
		parts = append(parts[:troubleLines-1], strings.Join(parts[troubleLines-1:], " "))
	}
	var lines []line
	for _, part := range parts {
		lines = append(lines, line{{faint, pad(name, labelWidth)}, {s, part}})
		name = ""
	}
	return lines
}

// values takes one value from every point.
func (g glance) values(of func(point) float64) []float64 {
	values := make([]float64, len(g.trend))
	for i, p := range g.trend {
		values[i] = of(p)
	}
	return values
}

// last is the newest point; the zero one when there is none yet.
func (g glance) last() point {
	if len(g.trend) == 0 {
		return point{}
	}
	return g.trend[len(g.trend)-1]
}

const (
	plotName  = 7 // p50, here, server
	plotValue = 10
	plotMost  = 12 // where there is room, the largest value at the end
	// plotRoom is how wide a plot must be for that.
	plotRoom = 30
)

// plot is a row of a chart.
func plot(name, row, value string, values []float64, most func(float64) string, width int) line {
	l := line{{faint, pad(name, labelWidth)}, {text: pad(row, plotName) + pad(value, plotValue)}}
	room := width - l.width()
	if room < plotRoom+plotMost {
		spark, _ := sparkline(values, room)
		return append(l, spark...)
	}
	spark, largest := sparkline(values, room-plotMost)
	if l = append(l, spark...); largest > 0 {
		l = append(l, span{faint, "  ≤ " + most(largest)})
	}
	return l
}

func (g glance) latency(width int) []line {
	row := func(name, label string, of func(point) time.Duration) line {
		value := "-"
		if p := g.last(); p.answered > 0 {
			value = duration(of(p))
		}
		values := g.values(func(p point) float64 {
			switch {
			case p.answered > 0:
				return float64(of(p))
			case p.failed > 0 || p.down:
				return refused
			}
			return unknown
		})
		return plot(name, label, value, values, func(most float64) string { return duration(time.Duration(most)) }, width)
	}
	return []line{
		row("latency", "p50", func(p point) time.Duration { return p.p50 }),
		row("", "p99", func(p point) time.Duration { return p.p99 }),
	}
}

func (g glance) throughput(width int) []line {
	rate := func(perSecond float64) string { return amount(perSecond) + "/s" }
	lines := []line{plot("traffic", "here", rate(g.last().commands), g.values(func(p point) float64 { return p.commands }), rate, width)}
	told := func(p point) bool { return p.load != nil }
	if slices.ContainsFunc(g.trend, told) { // and stays there while the server says nothing
		values := g.values(func(p point) float64 {
			if p.load == nil {
				return unknown
			}
			return float64(p.load.operations)
		})
		value := "-"
		if load := g.last().load; load != nil {
			value = rate(float64(load.operations))
		}
		lines = append(lines, plot("", "server", value, values, rate, width))
	}
	return lines
}

const (
	poolBar = 20
	// poolRoom is how wide a screen must be for the bar.
	poolRoom = 70
)

func (g glance) pool(width int) []line {
	p := g.stats.Pool
	if p.Size == 0 {
		return nil
	}
	l := line{{faint, pad("pool", labelWidth)}}
	if width >= poolRoom {
		used := (p.InUse*poolBar + p.Size - 1) / p.Size
		used = min(used, poolBar)
		l = append(l, span{green, strings.Repeat("█", used)}, span{faint, strings.Repeat("░", poolBar-used)}, span{text: "  "})
	}
	l = append(l, span{text: fmt.Sprintf("%d/%d in use, %d idle, ", p.InUse, p.Size, p.Idle)})
	waiting := span{text: fmt.Sprintf("%d waiting", p.Waiting)}
	if p.Waiting > 0 {
		waiting.style = yellow
	}
	l = append(l, waiting)
	if p.Holders != "" {
		l = append(l, span{faint, "  held by " + p.Holders})
	}
	return []line{l}
}

func (g glance) routes() []line {
	r := g.stats.Routes
	text := fmt.Sprintf("direct %s", amount(float64(g.stats.Commands-r.Lane-r.Blocking)))
	text += fmt.Sprintf("  lane %s in %s round trips, %d queued", amount(float64(r.Lane)), amount(float64(r.Batches)), r.LaneQueued)
	text += fmt.Sprintf("  blocking %s, %d/%d busy", amount(float64(r.Blocking)), r.BlockingInUse, r.BlockingMax)
	lines := []line{field("routes", text)}
	if c := g.stats.Cache; c != nil {
		share := "-"
		if asked := c.Hits + c.Misses; asked > 0 {
			share = strconv.FormatInt(c.Hits*100/asked, 10) + " %"
		}
		lines = append(lines, field("cache", fmt.Sprintf("%s hits, %s, %s invalidations", share,
			plural(c.Entries, "key"), amount(float64(c.Invalidations)))))
	}
	return lines
}

func (g glance) totals() []line {
	s := g.stats
	l := field("calls", fmt.Sprintf("%s commands, %s retries, ", amount(float64(s.Commands)), amount(float64(s.Retries))))
	failures := span{text: amount(float64(s.Failures)) + " failed"}
	if s.Failures > 0 {
		failures.style = yellow
	}
	maybe := span{text: fmt.Sprintf(", %s maybe applied", amount(float64(s.MaybeApplied)))}
	if s.MaybeApplied > 0 {
		maybe.style = red
	}
	return []line{append(l, failures, maybe)}
}

func (g glance) server() []line {
	var parts []string
	if load := g.last().load; load != nil {
		parts = append(parts, plural(int(load.clients), "client"))
		memory := bytesText(load.memory)
		if load.memoryMax > 0 {
			memory += " of " + bytesText(load.memoryMax)
		}
		parts = append(parts, memory)
	}
	if s := g.health.Server; s != nil {
		if s.Replicas != nil && g.health.Slots == nil { // the line is about a whole cluster
			parts = append(parts, plural(*s.Replicas, "replica"))
		}
		if s.Link != "" {
			parts = append(parts, "replication link "+s.Link)
		}
		if s.Note != "" {
			parts = append(parts, s.Note)
		}
	}
	var lines []line
	if len(parts) > 0 {
		lines = append(lines, field("server", strings.Join(parts, ", ")))
	}
	for _, c := range g.health.Certificates {
		text := fmt.Sprintf("%s certificate %s ", c.Of, c.Subject)
		if c.Node != "" {
			text = fmt.Sprintf("%s certificate of %s, %s, ", c.Of, c.Node, c.Subject)
		}
		left := c.NotAfter.Sub(g.at)
		if left <= 0 {
			lines = append(lines, line{{faint, pad("tls", labelWidth)}, {red, text + "has expired"}})
			continue
		}
		lines = append(lines, field("tls", text+"expires in "+age(left)))
	}
	return lines
}

// nodes are those of a Sentinel deployment or a cluster, under what holds of all
// of them. What needs a look comes first: the end of the list may not be seen.
func (g glance) nodes() []line {
	h := g.health
	if len(h.Nodes) == 0 && h.Slots == nil && h.Quorum == nil {
		return nil
	}
	heading := field("nodes", "")
	if s := h.Slots; s != nil {
		heading = append(heading, span{text: fmt.Sprintf("%d of %d slots covered", s.Covered, s.Total)})
		if len(s.Uncovered) > 0 {
			heading = append(heading, span{red, ", not " + strings.Join(s.Uncovered, ", ")})
		}
	}
	if q := h.Quorum; q != nil {
		heading = append(heading, span{text: fmt.Sprintf("%s: %d of %s answer, %d must agree", q.Master, q.Answering, plural(q.Sentinels, "sentinel"), q.Needed)})
	}
	wide := 0
	for _, n := range h.Nodes {
		wide = max(wide, len(n.Addr))
	}
	lines := []line{heading}
	urgency := []redisconn.Status{redisconn.StatusFail, redisconn.StatusWarn, redisconn.StatusPass}
	for _, n := range slices.SortedStableFunc(slices.Values(h.Nodes), func(a, b redisconn.NodeHealth) int {
		return slices.Index(urgency, a.Status) - slices.Index(urgency, b.Status)
	}) {
		m := statusMarks[n.Status]
		latency := "-"
		if n.Latency > 0 {
			latency = duration(n.Latency)
		}
		text := fmt.Sprintf("%s  %-8s  %7s", pad(n.Addr, wide), n.Role, latency)
		if n.Slots != "" {
			text += "  " + n.Slots
		}
		if n.Link != "" {
			text += "  link " + n.Link
		}
		if n.Lag != nil {
			text += "  behind by " + bytesText(*n.Lag)
		}
		l := line{{markStyles[m], "  " + string(m) + " "}, {text: text}}
		if n.Reason != "" {
			l = append(l, span{statusStyles[n.Status], "  " + n.Reason})
		}
		lines = append(lines, l)
	}
	return lines
}

// eventList shows the last events, the newest first.
func (g glance) eventList(room int, roomy bool) []line {
	var lines []line
	if roomy && room > 1 {
		lines = append(lines, nil)
	}
	lines = append(lines, line{{faint, "events"}})
	for _, e := range slices.Backward(g.events) {
		if len(lines) >= room {
			break
		}
		lines = append(lines, append(line{{faint, "  " + e.At.Format(time.TimeOnly) + "  "}}, eventText(e)...))
	}
	return lines[:min(len(lines), max(room, 0))]
}

// amount is a number with three digits: 999, 12.3k, 4.56M.
func amount(n float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		if n < 999.5 {
			if unit == "" {
				return strconv.FormatFloat(n, 'f', 0, 64)
			}
			return strconv.FormatFloat(n, 'g', 3, 64) + unit
		}
		n /= 1000
	}
	return strconv.FormatFloat(n, 'f', 0, 64) + "T"
}

// bytesText is a size: 512 B, 1.5 KB, 2.3 GB; a KB has 1024 bytes, as in redis.conf.
func bytesText(n int64) string {
	size := float64(n)
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		if size < 1000 {
			return strconv.FormatFloat(size, 'g', 3, 64) + " " + unit
		}
		size /= 1024
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " TB"
}
