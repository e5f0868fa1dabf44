package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
)

const (
	// pingsUnattended is how many are sent where nobody can say when it is enough.
	pingsUnattended = 20
	maxPings        = 1_000_000
	pingInterval    = 200 * time.Millisecond
	// livePause is how long a line stays before it changes: eyes follow no faster.
	livePause = 100 * time.Millisecond
)

func (a *app) pingCommand() *cli.Command {
	return &cli.Command{
		Name:  "ping",
		Usage: "how long Redis takes to answer: distribution and histogram",
		Description: `It sends PING at a steady pace, the way a service sends its commands: through the
pool, with the operation's time budget and retries. On a terminal it goes on until
Ctrl-C and shows where it stands; what comes then is the summary.
`,
		Flags: []cli.Flag{
			outputFlag("table or json"),
			&cli.IntFlag{Name: "count", Aliases: []string{"n"}, HideDefault: true,
				Usage: fmt.Sprintf("send `NUMBER` pings (default %d, on a terminal until Ctrl-C)", pingsUnattended)},
			&cli.DurationFlag{Name: "interval", Value: pingInterval, HideDefault: true,
				Usage: fmt.Sprintf("`TIME` from one ping to the next (default %s)", pingInterval)},
		},
		Action: a.ping,
	}
}

func (a *app) ping(ctx context.Context, cmd *cli.Command) error {
	format, err := choice(cmd, "output", "table", "json")
	if err != nil {
		return err
	}
	count, interval := cmd.Int("count"), cmd.Duration("interval")
	switch {
	case cmd.IsSet("count") && (count < 1 || count > maxPings):
		return &usageError{fmt.Sprintf("--count takes a number from 1 to %d", maxPings)}
	case interval < 0 || interval > time.Hour:
		return &usageError{"--interval takes a time from 0s to 1h"}
	case count == 0 && !a.stderr.terminal:
		count = pingsUnattended
	}
	client, err := a.connected(ctx, cmd)
	if err != nil {
		return err
	}
	s := a.sendPings(ctx, client, count, interval)
	if format == "json" {
		err = a.stdout.json(s.document())
	} else {
		a.printPings(s)
	}
	err = cmp.Or(err, client.Close())
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return exitCode(exitInterrupted)
	case s.failed > 0:
		return exitCode(exitFailed)
	}
	return nil
}

// connected returns a client that is connected. When that fails at the first
// attempt it says why on standard error.
func (a *app) connected(ctx context.Context, cmd *cli.Command) (*redisconn.Client, error) {
	builder, err := a.builder(cmd)
	if err != nil {
		return nil, err
	}
	cfg, err := builder.Build()
	if err != nil {
		return nil, err
	}
	client, err := redisconn.New(cfg, embedded.Option(), redisconn.WithLogger(quiet))
	if err != nil {
		return nil, err
	}
	p := doctor.Prove(ctx, client, true, func(redisconn.Event) {})
	broken, _ := doctor.Diagnose(ctx, client, p)
	a.stderr.warnings(0, merge(builder.Lint(), p.Warnings))
	switch {
	case p.Class == "":
		return client, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case p.Class == redisconn.ClassConfig:
		a.printFailure(a.stderr, 0, p, broken)
		err = exitCode(exitUsage)
	default:
		a.printFailure(a.stderr, 0, p, broken)
		err = exitCode(exitFailed)
	}
	return nil, cmp.Or(client.Close(), err)
}

// sendPings sends count pings, or for ever when count is 0, until ctx ends. One
// that ctx interrupts is not counted.
func (a *app) sendPings(ctx context.Context, client *redisconn.Client, count int, interval time.Duration) *pings {
	health := client.LastHealth()
	s := &pings{target: health.Target, failures: map[redisconn.Class]int{}}
	if health.Server != nil {
		s.server = strings.TrimSpace(health.Server.Name + " " + health.Server.Version)
	}
	_ = client.Ping(ctx) // opens the pool's connection, which is no answer to a ping; the next one tells
	line := &live{c: a.stderr}
	defer line.clear()
	var shown time.Time
	began := time.Now()
	defer func() { s.took = a.took(time.Since(began)) }()
	pace := time.NewTicker(max(interval, 1))
	defer pace.Stop()
	for {
		sent := time.Now()
		err := client.Ping(ctx).Err()
		took := time.Since(sent)
		switch {
		case ctx.Err() != nil:
			return s
		case err != nil:
			s.failed++
			s.failures[redisconn.ClassOf(err)]++
		default:
			s.answered = append(s.answered, a.took(took))
		}
		if a.stderr.terminal && time.Since(shown) >= livePause {
			line.show(s.line(err), "")
			shown = time.Now()
		}
		if s.sent() == count {
			return s
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return s
		}
	}
}
