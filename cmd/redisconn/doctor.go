package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
)

func (a *app) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "examine the connection layer by layer: what is not well, why, and what to type",
		Description: `It checks, from the bottom up: the configuration, the host's name, the way to the
server, both certificates, user and password, what the user may do, the protocol,
the topology, latency (with that of this machine told apart), the server's state
and settings, the clocks. What needs a check that failed is skipped, so that the
first failure is the one to mend. Nothing is changed on the server.

Every check has an id that never changes: --explain RC-N010, and docs/checks.md.

The format prometheus always exits with 0; nagios exits as its plugins do: 0 well,
1 warning, 2 failure, 3 nothing was checked.
`,
		// What --can takes has commas in it.
		DisableSliceFlagSeparator: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", HideDefault: true,
				Usage: "print as `FORMAT`: table (default), short, json, junit, prometheus, nagios"},
			&cli.DurationFlag{Name: "wait", HideDefault: true, Usage: "try to connect for `TIME`, such as 30s, while another attempt may succeed"},
			&cli.StringFlag{Name: "only", Usage: "make the checks in `LIST`, layers and ids, and those they need: tls,RC-S002"},
			&cli.StringSliceFlag{Name: "can", Usage: "check that the user may do `WHAT`: \"get,set cache:*\"; may be given again"},
			&cli.IntFlag{Name: "instances", HideDefault: true, Usage: "hold the pools of `N` processes against the server's maxclients"},
			&cli.BoolFlag{Name: "offline", Usage: "check the configuration and its files only, connect nowhere"},
			&cli.StringFlag{Name: "fail-on", Value: "fail", HideDefault: true, Usage: "exit with 1 from `RESULT` on: fail or warn (default fail)"},
			&cli.DurationFlag{Name: "per-check", HideDefault: true, Usage: "give up on one check after `TIME` (default 10s)"},
			&cli.StringFlag{Name: "bundle", Usage: "write a zip for whoever is asked for help to `FILE`, without passwords"},
			&cli.BoolFlag{Name: "list-checks", Usage: "show all checks and make none"},
			&cli.StringFlag{Name: "explain", Usage: "explain the check with this `ID` and make none"},
		},
		Action: a.doctor,
	}
}

// writers are the formats that a report writes by itself.
var writers = map[string]func(*doctor.Report, io.Writer) error{
	"short": (*doctor.Report).WriteShort, "json": (*doctor.Report).WriteJSON, "junit": (*doctor.Report).WriteJUnit,
	"prometheus": (*doctor.Report).WritePrometheus, "nagios": (*doctor.Report).WriteNagios,
}

func (a *app) doctor(ctx context.Context, cmd *cli.Command) error {
	format, err := choice(cmd, "output", "table", "short", "json", "junit", "prometheus", "nagios")
	if err != nil {
		return err
	}
	switch {
	case cmd.Bool("list-checks"):
		a.listChecks()
		return nil
	case cmd.IsSet("explain"):
		return a.explainCheck(cmd.String("explain"))
	}
	options, err := a.doctorOptions(cmd)
	if err != nil {
		return err
	}
	builder, err := a.builder(cmd)
	if err != nil {
		return err
	}
	table := &doctorTable{a: a, c: a.stdout}
	line := &live{c: a.stderr}
	began := time.Now()
	options.OnWait = func(e redisconn.Event) {
		line.show("waiting: "+e.Class.Info().Meaning, " ("+time.Since(began).Round(time.Second).String()+")")
	}
	options.OnCheck = func(c doctor.Check) {
		if a.stderr.terminal && !c.Quiet {
			line.show("checking that "+c.Title, "")
		}
	}
	options.OnResult = func(r doctor.Result) {
		if format == "table" && ctx.Err() == nil {
			line.clear()
			table.print(r)
		}
	}
	report := doctor.RunBuilder(ctx, builder, options)
	line.clear()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if write, ok := writers[format]; ok {
		err = write(report, a.stdout)
	} else {
		table.end(report, cmd.IsSet("bundle"))
	}
	if err != nil {
		return err
	}
	if cmd.IsSet("bundle") {
		if err := a.writeBundle(report, cmd.String("bundle")); err != nil {
			return err
		}
	}
	if report.Err != nil {
		return report.Err
	}
	return endOf(report, format)
}

// endOf is how the command ends.
func endOf(report *doctor.Report, format string) error {
	code := report.ExitCode()
	switch format {
	case "nagios":
		code = report.NagiosCode()
	case "prometheus":
		code = exitOK // who collects it wants the file, whatever it says
	}
	if code != exitOK {
		return exitCode(code)
	}
	return nil
}

// maxInstances keeps a typing error from becoming a number.
const maxInstances = 100_000

// doctorOptions reads the flags of the command.
func (a *app) doctorOptions(cmd *cli.Command) (doctor.Options, error) {
	options := doctor.Options{Offline: cmd.Bool("offline"), Instances: cmd.Int("instances"), Client: []redisconn.Option{embedded.Option()}}
	if cmd.IsSet("instances") && (options.Instances < 1 || options.Instances > maxInstances) {
		return options, &usageError{fmt.Sprintf("--instances takes a number from 1 to %d", maxInstances)}
	}
	for _, flag := range []struct {
		name string
		to   *time.Duration
	}{{"wait", &options.Wait}, {"per-check", &options.Timeout}} {
		*flag.to = cmd.Duration(flag.name)
		if cmd.IsSet(flag.name) && (*flag.to <= 0 || *flag.to > maxWait) {
			return options, &usageError{"--" + flag.name + " takes a time above 0 and up to " + maxWait.String()}
		}
	}
	failOn, err := choice(cmd, "fail-on", "fail", "warn")
	if err != nil {
		return options, err
	}
	options.FailOn = doctor.Outcome(failOn)
	if cmd.IsSet("only") {
		if options.Checks, err = doctor.Select(strings.Split(cmd.String("only"), ",")...); err != nil {
			return options, &usageError{"--only: " + err.Error() + "\nsee redisconn doctor --list-checks"}
		}
	}
	for _, text := range cmd.StringSlice("can") {
		permission, err := doctor.ParsePermission(text)
		if err != nil {
			return options, &usageError{"--can: " + err.Error()}
		}
		options.Permissions = append(options.Permissions, permission)
	}
	return options, nil
}

// writeBundle writes the bundle to a file that only its owner can read: it holds
// addresses, names of users and paths.
func (a *app) writeBundle(report *doctor.Report, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := report.WriteBundle(file); err != nil {
		_ = file.Close() // the first error is the one that matters
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	a.stderr.printf("written to %s\n", path)
	return nil
}

// listChecks prints the table of checks.
func (a *app) listChecks() {
	layer := doctor.Layer("")
	for _, c := range doctor.Checks() {
		if c.Layer != layer {
			layer = c.Layer
			a.stdout.printf("%s\n", a.stdout.paint(bold, string(layer)))
		}
		a.stdout.printf("  %s %s\n", a.stdout.paint(faint, c.ID), c.Title)
	}
}

// explainCheck prints all there is to say about a check.
func (a *app) explainCheck(id string) error {
	check, known := doctor.Find(id)
	if !known {
		return &usageError{fmt.Sprintf("there is no check %q\nsee redisconn doctor --list-checks", id)}
	}
	c := a.stdout
	c.printf("%s %s\n\n", c.paint(bold, check.ID), check.Title)
	c.label(2, "layer", string(check.Layer))
	c.label(2, "about", check.About)
	if check.Cause != "" {
		c.label(2, "likely", check.Cause)
	}
	for _, step := range check.Steps() {
		c.step(2, step)
	}
	if len(check.Needs) > 0 {
		c.label(2, "needs", strings.Join(check.Needs, ", "))
	}
	c.label(2, "see", check.DocURL())
	return nil
}
