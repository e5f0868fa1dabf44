package statuspage

import (
	"fmt"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// Plots are drawn in a box of this size and stretched to the width there is.
const (
	plotWidth  = 1000.0
	plotHeight = 100.0
)

// axis maps times to the width of a plot. All plots of a client share it.
type axis struct{ from, until time.Time }

func (a axis) x(t time.Time) float64 {
	share := float64(t.Sub(a.from)) / float64(a.until.Sub(a.from))
	return plotWidth * min(max(share, 0), 1)
}

// labels are what stands below an axis: how long ago, in quarters.
func (a axis) labels() []string {
	whole := a.until.Sub(a.from)
	return []string{"−" + span(whole), "−" + span(whole*3/4), "−" + span(whole/2), "−" + span(whole/4), "now"}
}

// markShare of a plot's width is that of a mark: a pixel or two.
const markShare = 250

// bar is a rectangle of a plot.
type bar struct {
	Kind          string // its class in the style sheet
	X, Y          string
	Width, Height string
	Title         string
}

func (a axis) bar(kind string, from, until time.Time, height float64, title string) bar {
	left := a.x(from)
	width := max(a.x(until)-left, 1.5) // what is short is seen all the same
	return bar{kind, number(left), number(plotHeight - height), number(width), number(height), title}
}

// strip draws a timeline: a bar over the whole height for each span.
func (a axis) strip(spans []Span) []bar {
	var bars []bar
	for _, s := range spans {
		title := fmt.Sprintf("%s for %s, from %s", s.State, span(s.Until.Sub(s.From)), clock(s.From))
		if s.Reason != "" {
			title += ": " + s.Reason
		}
		bars = append(bars, a.bar(string(s.State), s.From, s.Until, plotHeight, title))
	}
	return bars
}

// shades are the spans that a plot shows behind its line: those in which not all was well.
func (a axis) shades(spans []Span) []bar {
	var bars []bar
	for _, s := range spans {
		if s.State == redisconn.StateDown || s.State == redisconn.StateDegraded {
			bars = append(bars, a.bar(string(s.State), s.From, s.Until, plotHeight, ""))
		}
	}
	return bars
}

// plot is one drawing.
type plot struct {
	ID, Title string
	Now       string // the value of this moment
	Top       string // what the upper edge stands for
	Ground    string // what the lower edge stands for, where it is not 0
	Scale     scale  // the same as numbers, for the script to read values off
	Unit      string
	Line      string // path data
	Area      string // path data, closed to the ground
	Marks     []bar  // what went wrong
	Shades    []bar
	About     string // for those who do not see it
}

// points are what a plot shows of each sample: a value, and whether there is one.
type points func(Sample) (value float64, known bool)

// curve makes the paths of a plot. Where samples are missing the line is interrupted.
func (a axis) curve(samples []Sample, of points, scale scale, gap time.Duration) (line, area string) {
	var lines, areas, run strings.Builder
	var start, end float64
	var last time.Time
	finish := func() {
		if run.Len() > 0 {
			lines.WriteString(run.String())
			fmt.Fprintf(&areas, "%sL%s %sL%s %sZ", run.String(), number(end), number(plotHeight), number(start), number(plotHeight))
			run.Reset()
		}
	}
	for _, s := range samples {
		value, known := of(s)
		if !known || s.At.Before(a.from) {
			finish()
			continue
		}
		if s.At.Sub(last) > gap {
			finish()
		}
		x, y := a.x(s.At), plotHeight*(1-scale.share(value))
		if run.Len() == 0 {
			start = x
			fmt.Fprintf(&run, "M%s %s", number(x), number(y))
		}
		fmt.Fprintf(&run, "L%s %s", number(x), number(y)) // to itself at first: a lone sample is a dot
		end, last = x, s.At
	}
	finish()
	return lines.String(), areas.String()
}

// marks draws a bar for each sample in which something was counted, the higher the
// more of it, and never too low to be seen.
func (a axis) marks(samples []Sample, of func(Sample) (count int64, title string)) []bar {
	var most int64
	for _, s := range samples {
		count, _ := of(s)
		most = max(most, count)
	}
	var bars []bar
	for _, s := range samples {
		count, title := of(s)
		if count > 0 && !s.At.Before(a.from) {
			height := plotHeight * max(0.12, 0.5*float64(count)/float64(most))
			bars = append(bars, a.bar("mark", s.At, s.At.Add((a.until.Sub(a.from))/markShare), height, clock(s.At)+": "+title))
		}
	}
	return bars
}

// extremes are the smallest and the largest value that is known, or 0.
func extremes(samples []Sample, of points) (least, most float64) {
	for _, s := range samples {
		value, known := of(s)
		if !known {
			continue
		}
		if least == 0 || value < least {
			least = value
		}
		most = max(most, value)
	}
	return least, most
}

// number writes a coordinate: a tenth of a unit is less than a pixel.
func number(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// maxPoints is how many points a plot has at most: about one for each pixel. More
// would only be sent.
const maxPoints = 300

// condense merges neighbours until few enough samples are left, and returns the
// time that each then stands for. Which ones are neighbours is a matter of the
// clock, so that the curve does not tremble as it moves on.
func condense(samples []Sample, interval time.Duration) ([]Sample, time.Duration) {
	if len(samples) <= maxPoints {
		return samples, interval
	}
	step := interval * time.Duration((len(samples)+maxPoints-1)/maxPoints)
	var condensed []Sample
	var slot time.Time
	for _, s := range samples {
		if at := s.At.Truncate(step); len(condensed) == 0 || !at.Equal(slot) {
			condensed, slot = append(condensed, s), at
			continue
		}
		last := &condensed[len(condensed)-1]
		last.Seconds += s.Seconds
		last.Commands += s.Commands
		last.Failures += s.Failures
		last.Latency = max(last.Latency, s.Latency)
		last.InUse = max(last.InUse, s.InUse)
		last.Waiting = max(last.Waiting, s.Waiting)
	}
	return condensed, step
}

// plots draws the samples of a client.
func (a axis) plots(c ClientSnapshot, interval time.Duration) []plot {
	samples, interval := condense(c.Samples, interval)
	gap := 5 * interval / 2
	latency := func(s Sample) (float64, bool) { return s.Latency, s.Latency > 0 }
	paceOf := func(s Sample) (float64, bool) { return float64(s.Commands) / s.Seconds, s.Seconds > 0 }
	inUse := func(s Sample) (float64, bool) { return float64(s.InUse), true }

	least, slowest := extremes(samples, latency)
	_, fastest := extremes(samples, paceOf)
	latencies, paces, pool := logarithmic(least, slowest), linear(fastest), scale{0, float64(max(c.Health.Pool.Size, 1))}
	now := "–"
	if works(c.Health.State) {
		now = ms(c.Health.Latency.Last)
	}
	drawn := []plot{
		{ID: "latency", Title: "PING latency", Unit: " ms", Now: now, Top: msOf(latencies.Top), Ground: msOf(latencies.Ground),
			About: fmt.Sprintf("PING latency: %s now, at most %s", now, msOf(slowest))},
		{ID: "pace", Title: "Commands per second", Unit: " a second", Now: rate(c.Figures.Pace), Top: rate(paces.Top),
			Marks: a.marks(samples, func(s Sample) (int64, string) { return s.Failures, count(s.Failures) + " failed" }),
			About: fmt.Sprintf("Commands per second: %s now, at most %s", rate(c.Figures.Pace), rate(fastest))},
		{ID: "pool", Title: "Connections in use", Unit: " in use", Now: count(int64(c.Health.Pool.InUse)), Top: rate(pool.Top),
			Marks: a.marks(samples, func(s Sample) (int64, string) { return int64(s.Waiting), count(int64(s.Waiting)) + " waiting" }),
			About: fmt.Sprintf("Connections in use: %d of %d now", c.Health.Pool.InUse, c.Health.Pool.Size)},
	}
	shades := a.shades(c.Timeline)
	for i, of := range []points{latency, paceOf, inUse} {
		p := &drawn[i]
		p.Scale = []scale{latencies, paces, pool}[i]
		p.Line, p.Area = a.curve(samples, of, p.Scale, gap)
		p.Shades = shades
	}
	return drawn
}
