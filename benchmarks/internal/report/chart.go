package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// The plots are SVG of our own: two scales, lines and labels are less code than
// a plotting library takes to be told about style sheets, and a style sheet is
// what makes one file readable on light and on dark pages.

// chart draws one metric of a group over the number of callers, both on logarithmic scales.
type chart struct {
	title  string
	metric load.Metric
	lines  []curve

	minX, maxX float64 // as they are, not their logarithms
	minY, maxY float64
}

type curve struct {
	about  contestant.About
	points []point
}

type point struct{ x, y float64 }

// The plot's place in the picture, in pixels. To the right are the names of the lines.
const (
	chartWidth, chartHeight   = 860, 440
	plotLeft, plotRight       = 64, 660
	plotTop, plotBottom       = 52, 390
	labelGap, labelLineHeight = 10, 15
)

func newChart(r *result.Results, g group, metric load.Metric) (chart, bool) {
	c := chart{
		title: g.title(), metric: metric,
		minX: math.Inf(1), maxX: math.Inf(-1), minY: math.Inf(1), maxY: math.Inf(-1),
	}
	for _, about := range entrants(r, g.cells) {
		line := curve{about: about}
		for _, cell := range g.cells {
			if y, known := r.Median(cell, about.Name, metric); known && y > 0 && !math.IsInf(y, 0) { // a logarithm takes nothing else
				x := float64(cell.Callers)
				line.points = append(line.points, point{x, y})
				c.minX, c.maxX = min(c.minX, x), max(c.maxX, x)
				c.minY, c.maxY = min(c.minY, y), max(c.maxY, y)
			}
		}
		if len(line.points) > 0 {
			c.lines = append(c.lines, line)
		}
	}
	// The subject is drawn last, above the others.
	slices.SortStableFunc(c.lines, func(a, b curve) int {
		return cmp.Compare(boolInt(a.about.Kind == contestant.Subject), boolInt(b.about.Kind == contestant.Subject))
	})
	c.minY, c.maxY = c.minY/1.15, c.maxY*1.15
	return c, c.minX < c.maxX
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c chart) x(callers float64) float64 {
	return plotLeft + (plotRight-plotLeft)*math.Log(callers/c.minX)/math.Log(c.maxX/c.minX)
}

func (c chart) y(value float64) float64 {
	return plotBottom - (plotBottom-plotTop)*math.Log(value/c.minY)/math.Log(c.maxY/c.minY)
}

// A family has a colour, light and dark, and its members a dash each. Nothing
// is told by colour alone: every line has its name at its end.
var colours = []struct{ family, light, dark string }{
	{"redisconn", "#cf222e", "#ff7b72"},
	{"go-redis", "#0969da", "#58a6ff"},
	{"rueidis", "#1a7f37", "#3fb950"},
	{"redigo", "#bf3989", "#f778ba"},
	{"radix", "#8250df", "#bc8cff"},
	{"ioredis", "#9a6700", "#d29922"},
	{"redis-benchmark", "#6e7781", "#8b949e"},
}

var dashes = []string{"", "7 3", "2 3"}

// style is the picture's style sheet. Colours stand before what they must not change.
func style() string {
	var light, dark strings.Builder
	for _, c := range colours {
		fmt.Fprintf(&light, ".%s{stroke:%s;fill:%s}", c.family, c.light, c.light)
		fmt.Fprintf(&dark, ".%s{stroke:%s;fill:%s}", c.family, c.dark, c.dark)
	}
	return ".page{fill:#fff}.ink{fill:#24292f}.faint{fill:#57606a}.grid{stroke:#d8dee4}" + light.String() +
		"@media(prefers-color-scheme:dark){.page{fill:#0d1117}.ink{fill:#e6edf3}.faint{fill:#9198a1}.grid{stroke:#2a313c}" + dark.String() + "}" +
		`text{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;stroke:none!important}` +
		"text.redisconn{font-weight:700}.title{font-size:15px;font-weight:600}" +
		".line{fill:none;stroke-width:1.6}.line.redisconn{stroke-width:3.2}"
}

// dashOf tells members of a family apart.
func dashOf(about contestant.About) string {
	member := 0
	for _, other := range contestant.All {
		if other.Name == about.Name {
			break
		}
		if other.Family == about.Family {
			member++
		}
	}
	return dashes[member%len(dashes)]
}

// SVG writes the picture.
func (c chart) SVG(w io.Writer) error {
	var b strings.Builder
	label := fmt.Sprintf("%s: %s by callers", c.title, c.metric.Title)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		chartWidth, chartHeight, chartWidth, chartHeight, escape(label))
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(label), style())
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d" rx="6"/>`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<text class="ink title" x="%d" y="24">%s</text>`+"\n", plotLeft, escape(c.title))
	direction := "lower is better"
	if c.metric.HigherIsBetter {
		direction = "higher is better"
	}
	fmt.Fprintf(&b, `<text class="faint" x="%d" y="42">%s, %s</text>`+"\n", plotLeft, escape(c.metric.Title), direction)
	c.drawGrid(&b)
	for _, line := range c.lines {
		c.drawLine(&b, line)
	}
	c.drawLabels(&b)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (c chart) drawGrid(b *strings.Builder) {
	for _, value := range ticks(c.minY, c.maxY) {
		y := c.y(value)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, plotLeft, plotRight, y, y)
		fmt.Fprintf(b, `<text class="faint" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft-8, y+4, figure(c.metric.Unit, value))
	}
	for _, callers := range c.callers() {
		x := c.x(callers)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x, x, plotTop, plotBottom)
		fmt.Fprintf(b, `<text class="faint" x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x, plotBottom+18, int(callers))
	}
	fmt.Fprintf(b, `<text class="faint" x="%d" y="%d" text-anchor="middle">callers</text>`+"\n", (plotLeft+plotRight)/2, plotBottom+38)
}

// ticks are 1, 2 and 5 of every power of ten within the bounds.
func ticks(low, high float64) []float64 {
	var all []float64
	for power := math.Floor(math.Log10(low)); power <= math.Log10(high); power++ {
		for _, step := range []float64{1, 2, 5} {
			if value := step * math.Pow(10, power); value >= low && value <= high {
				all = append(all, value)
			}
		}
	}
	return all
}

// callers are the numbers on the axis: all that were measured.
func (c chart) callers() []float64 {
	var all []float64
	for _, line := range c.lines {
		for _, p := range line.points {
			all = append(all, p.x)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c chart) drawLine(b *strings.Builder, line curve) {
	class := line.about.Family
	var points []string
	for _, p := range line.points {
		points = append(points, fmt.Sprintf("%.1f,%.1f", c.x(p.x), c.y(p.y)))
	}
	dash := ""
	if d := dashOf(line.about); d != "" {
		dash = fmt.Sprintf(` stroke-dasharray="%s"`, d)
	}
	fmt.Fprintf(b, `<polyline class="%s line"%s points="%s"/>`, class, dash, strings.Join(points, " "))
	radius := 2.2
	if line.about.Kind == contestant.Subject {
		radius = 3.6
	}
	for _, p := range line.points {
		fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s, %d callers: %s</title></circle>`,
			class, c.x(p.x), c.y(p.y), radius, escape(line.about.Title), int(p.x), figure(c.metric.Unit, p.y))
	}
	b.WriteString("\n")
}

// drawLabels writes each line's name beside its end, moved apart where ends are
// close, with a leader from one to the other.
func (c chart) drawLabels(b *strings.Builder) {
	lines := slices.Clone(c.lines)
	end := func(l curve) point { return l.points[len(l.points)-1] }
	slices.SortStableFunc(lines, func(a, b curve) int { return cmp.Compare(c.y(end(a).y), c.y(end(b).y)) })
	places := make([]float64, len(lines))
	for i, line := range lines {
		places[i] = c.y(end(line).y)
		if i > 0 {
			places[i] = max(places[i], places[i-1]+labelLineHeight)
		}
	}
	// What was pushed out at the bottom is pushed back up.
	lowest := float64(plotBottom + 6)
	for i := len(places) - 1; i >= 0; i-- {
		places[i] = min(places[i], lowest)
		lowest = places[i] - labelLineHeight
	}
	for i, line := range lines {
		p := end(line)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%d" y2="%.1f"/>`, c.x(p.x)+5, c.y(p.y), plotRight+labelGap+6, places[i])
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%.1f">%s</text>`+"\n", line.about.Family, plotRight+labelGap+10, places[i]+4, escape(line.about.Title))
	}
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
