package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
)

func (a *app) checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "connect stage by stage and say which stage breaks, and why",
		Description: `It proves, one after the other: that the configuration is valid, that the host
name resolves, that the address takes connections, that the certificate is right,
that user, password and database are accepted, that the server is ready, that it
answers. It stops at the first stage that does not hold and says what the likely
cause is and what to do next. What depends on that stage is not tried.

It is the short form of redisconn doctor, which goes on where this ends. Made for
people in front of a broken service, and for scripts: an init container that
waits for Redis is redisconn check --wait 60s.
`,
		Flags: []cli.Flag{
			outputFlag("table or json"),
			&cli.DurationFlag{Name: "wait", HideDefault: true, Usage: "try again for `TIME`, such as 30s, while another attempt may succeed"},
		},
		Action: a.check,
	}
}

// maxWait keeps a typing error from becoming a day.
const maxWait = time.Hour

func (a *app) check(ctx context.Context, cmd *cli.Command) error {
	format, err := choice(cmd, "output", "table", "json")
	if err != nil {
		return err
	}
	wait := cmd.Duration("wait")
	if cmd.IsSet("wait") && (wait <= 0 || wait > maxWait) {
		return &usageError{"--wait takes a time above 0 and up to " + maxWait.String()}
	}
	builder, err := a.builder(cmd)
	if err != nil {
		return err
	}
	v, err := a.examine(ctx, builder, wait)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case format == "json":
		if err := a.stdout.json(v.document(a.took)); err != nil {
			return err
		}
	default:
		a.printVerdict(v)
	}
	if v.exit != exitOK {
		return exitCode(v.exit)
	}
	return nil
}

// examine connects with the configuration that builder holds: once, or for as
// long as wait says.
func (a *app) examine(ctx context.Context, builder *redisconn.Builder, wait time.Duration) (verdict, error) {
	cfg, err := builder.Build()
	if err != nil {
		p := doctor.Unproved(redisconn.FieldErrors(err))
		p.Warnings = builder.Lint()
		broken, _ := doctor.Diagnose(ctx, nil, p)
		return verdict{proof: p, broken: broken, exit: exitUsage}, nil
	}
	client, err := redisconn.New(cfg, embedded.Option(), redisconn.WithLogger(quiet))
	if err != nil {
		return verdict{}, err
	}
	limited := ctx
	if wait > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	v := verdict{target: client.LastHealth().Target}
	line, began := &live{c: a.stderr}, time.Now()
	v.proof = doctor.Prove(limited, client, wait == 0, func(e redisconn.Event) {
		if wait > 0 {
			line.show("waiting for "+v.target+": "+e.Class.Info().Meaning, " ("+time.Since(began).Round(time.Second).String()+")")
		}
	})
	line.clear()
	v.proof.Warnings = merge(builder.Lint(), v.proof.Warnings)
	nameSources(v.proof.Problems, builder)
	v.broken, _ = doctor.Diagnose(ctx, client, v.proof)
	switch {
	case v.proof.Class == "":
	case v.proof.Class == redisconn.ClassConfig:
		v.exit = exitUsage
	case limited.Err() != nil:
		v.exit = exitDeadline
	default:
		v.exit = exitFailed
	}
	return v, client.Close()
}

// quiet takes log lines: what they would say is in the result.
var quiet = slog.New(slog.DiscardHandler)

// nameSources adds to problems of files who named the file: a client does not
// know where its configuration came from.
func nameSources(problems []*redisconn.FieldError, builder *redisconn.Builder) {
	explanation, _ := builder.Explain()
	for _, p := range problems {
		for _, f := range explanation.Fields {
			if f.Path == p.Field && p.Source == "" {
				p.Source = f.Source
			}
		}
	}
}

// merge appends the warnings that are not there yet.
func merge(warnings, more []redisconn.Warning) []redisconn.Warning {
	for _, w := range more {
		if !slices.Contains(warnings, w) {
			warnings = append(warnings, w)
		}
	}
	return warnings
}
