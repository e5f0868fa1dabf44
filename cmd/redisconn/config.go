package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
)

func (a *app) configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "what is configured: each value, where it comes from and what it overrides",
		Description: `It reads the configuration as a service would, environment first, and explains
it: every field with the value that holds, the variable that sets it and who set
it. Warnings, with stable codes and what to do, follow. Nothing is connected and
no file is read. Secrets are never shown.
`,
		Flags:  []cli.Flag{outputFlag("table, json or env (variables)")},
		Action: a.config,
	}
}

// explanationDocument is an explanation as JSON. Its fields are a contract, see docs/cli.md.
type explanationDocument struct {
	redisconn.Explanation
	Problems []*redisconn.FieldError `json:"problems,omitempty"`
}

func (a *app) config(_ context.Context, cmd *cli.Command) error {
	format, err := choice(cmd, "output", "table", "json", "env")
	if err != nil {
		return err
	}
	builder, err := a.builder(cmd)
	if err != nil {
		return err
	}
	explanation, broken := builder.Explain()
	if format == "json" {
		err := a.stdout.json(explanationDocument{explanation, redisconn.FieldErrors(broken)})
		if err == nil && broken != nil {
			return exitCode(exitUsage)
		}
		return err
	}
	warnings := explanation.Warnings
	explanation.Warnings = nil // printed with the marks and colours of this command
	if format == "env" {
		a.stderr.warnings(0, warnings)
		if broken == nil { // a file made of half a configuration would be believed
			err = explanation.WriteEnv(a.stdout)
		}
	} else {
		err = explanation.WriteTable(a.stdout)
		if len(warnings) > 0 {
			a.stdout.printf("\n")
		}
		a.stdout.warnings(0, warnings)
	}
	if err != nil {
		return err
	}
	return broken
}
