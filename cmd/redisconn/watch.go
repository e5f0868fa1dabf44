package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/embedded"
)

const (
	watchInterval    = time.Second
	minWatchInterval = 100 * time.Millisecond
	maxWatchInterval = time.Hour
	// trendLength is how many intervals are kept: more than any screen has columns.
	trendLength = 1000
)

func (a *app) watchCommand() *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "the connection, live: state, latency, traffic, pool, routes, nodes, events",
		Description: `It connects as a service would and stays, also while Redis is away: an outage and
its end are what it is there to show. q or Ctrl-C quits. Where standard output is no
terminal it prints a line for each interval and each event instead.
`,
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "interval", Value: watchInterval, HideDefault: true,
				Usage: fmt.Sprintf("`TIME` that one column of a plot stands for (default %s)", watchInterval)},
			&cli.BoolFlag{Name: "once", HideDefault: true,
				Usage: "print what one interval was like, and end"},
		},
		Action: a.watch,
	}
}

func (a *app) watch(ctx context.Context, cmd *cli.Command) error {
	interval := cmd.Duration("interval")
	if interval < minWatchInterval || interval > maxWatchInterval {
		return &usageError{fmt.Sprintf("--interval takes a time from %s to %s", minWatchInterval, maxWatchInterval)}
	}
	once := cmd.Bool("once")
	client, err := a.watched(ctx, cmd, once)
	if err != nil {
		return err
	}
	w := &watch{app: a, client: client, meter: newMeter(client, a.took)}
	measuring, stop := context.WithCancel(ctx)
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		w.meter.run(measuring, interval)
	}()
	intervals := time.NewTicker(interval)
	defer intervals.Stop()
	switch {
	case once:
		err = w.once(ctx, intervals.C)
	case a.stdout.terminal && !slices.Contains(a.env, "TERM=dumb"):
		err = w.onScreen(ctx, intervals.C)
	default:
		err = w.inLines(ctx, intervals.C)
	}
	stop()
	closing := client.Close() // ends a ping that waits for Redis
	<-measured
	return cmp.Or(err, closing)
}

// watched returns the client to watch. It need not be connected, unless for once.
func (a *app) watched(ctx context.Context, cmd *cli.Command, once bool) (*redisconn.Client, error) {
	if once {
		return a.connected(ctx, cmd)
	}
	builder, err := a.builder(cmd)
	if err != nil {
		return nil, err
	}
	return a.standing(ctx, builder)
}

// standing returns a client that stays, whether Redis is there or not.
func (a *app) standing(ctx context.Context, builder *redisconn.Builder) (*redisconn.Client, error) {
	cfg, err := builder.Build()
	if err != nil {
		return nil, err
	}
	a.stderr.warnings(0, builder.Lint())
	return redisconn.Open(ctx, cfg, embedded.Option(), redisconn.WithLogger(quiet), redisconn.WithBackgroundConnect())
}

// watch is a client that is looked at.
type watch struct {
	*app
	client *redisconn.Client
	meter  *meter
	trend  []point
	told   time.Time // of the last event that was printed
}

// next ends an interval.
func (w *watch) next() {
	w.trend = append(w.trend[max(len(w.trend)-trendLength+1, 0):], w.meter.point())
}

func (w *watch) look() glance {
	return glance{at: time.Now(), health: w.client.LastHealth(), stats: w.client.Stats(), events: w.client.History(), trend: w.trend}
}

// once prints the panel after one interval, as long as it is.
func (w *watch) once(ctx context.Context, intervals <-chan time.Time) error {
	select {
	case <-intervals:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.next()
	g := w.look()
	for _, l := range g.frame(w.stdout.columns(), onceHeight) {
		w.stdout.printf("%s\n", w.stdout.line(l))
	}
	if g.health.Status == redisconn.StatusFail {
		return exitCode(exitFailed)
	}
	return nil
}

// onceHeight is more than the panel of a client that has just connected needs.
const onceHeight = 200

// onScreen shows the panel until somebody quits.
func (w *watch) onScreen(ctx context.Context, intervals <-chan time.Time) error {
	keys, release, err := w.takeKeys()
	if err != nil {
		return err
	}
	defer release()
	s := &screen{c: w.stdout}
	s.enter()
	defer s.leave()
	frames := time.NewTicker(livePause)
	defer frames.Stop()
	return w.show(ctx, s, w.stdout.size, keys, frames.C, intervals)
}

// show draws a frame whenever one is due, until a key quits, ctx ends or the
// screen takes no more.
func (w *watch) show(ctx context.Context, s *screen, size func() (int, int), keys <-chan byte, frames, intervals <-chan time.Time) error {
	for w.stdout.err == nil {
		s.resize(size())
		g := w.look()
		if keys != nil {
			g.hint = "  q quits"
		}
		s.show(g.frame(s.columns, s.rows))
		select {
		case key, more := <-keys:
			switch {
			case !more:
				keys = nil // the signals are left
			case key == 'q', key == 'Q':
				return nil
			case key == ctrlC, key == ctrlD:
				return exitCode(exitInterrupted)
			}
		case <-intervals:
			w.next()
		case <-frames:
		case <-ctx.Done():
			return exitCode(exitInterrupted)
		}
	}
	return w.stdout.err
}

// inLines prints a line for each event and each interval.
func (w *watch) inLines(ctx context.Context, intervals <-chan time.Time) error {
	for w.stdout.err == nil {
		select {
		case <-intervals:
			w.next()
		case <-ctx.Done():
			w.tell()
			return exitCode(exitInterrupted)
		}
		w.tell()
		w.stdout.printf("%s\n", w.look().summary())
	}
	return w.stdout.err
}

// tell prints the events that came since it last did.
func (w *watch) tell() {
	for _, e := range w.client.History() {
		if e.At.After(w.told) {
			w.told = e.At
			w.stdout.printf("%s  %s\n", stamp(e.At), eventText(e).text())
		}
	}
}

// stamp is a moment in a log.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// summary is the moment in a line.
func (g glance) summary() string {
	p, pool := g.last(), g.stats.Pool
	text := fmt.Sprintf("%s  %s, %s", stamp(g.at), g.health.State, g.health.Status)
	if p.answered > 0 {
		text += fmt.Sprintf("  p50 %s, p99 %s", duration(p.p50), duration(p.p99))
	}
	text += fmt.Sprintf("  %d answered, %d failed  %s/s here", p.answered, p.failed, amount(p.commands))
	if p.load != nil {
		text += fmt.Sprintf(", %s/s on the server", amount(float64(p.load.operations)))
	}
	return text + fmt.Sprintf("  pool %d/%d, %d waiting", pool.InUse, pool.Size, pool.Waiting)
}
