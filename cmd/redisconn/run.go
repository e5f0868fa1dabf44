package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
)

// The exit codes, see docs/cli.md.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDeadline    = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// exitCode ends a command whose output says why already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a command line that cannot be understood.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

// app is one run of the command, with everything that it takes from outside.
type app struct {
	env      []string
	stdin    io.Reader
	stdout   *console // results
	stderr   *console // progress, warnings and errors
	settings []*setting
	took     func(time.Duration) time.Duration // a measured time as it is shown; tests make it constant
}

func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(env, stdin, stdout, stderr).run(ctx, args)
}

func newApp(env []string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{
		env:      env,
		stdin:    stdin,
		stdout:   newConsole(stdout, env),
		stderr:   newConsole(stderr, env),
		settings: newSettings(),
		took:     func(d time.Duration) time.Duration { return d },
	}
}

func (a *app) run(ctx context.Context, args []string) int {
	code := a.report(ctx, a.command().Run(ctx, args))
	if a.stdout.err != nil && code == exitOK {
		a.stderr.printf("redisconn: writing the result: %v\n", a.stdout.err)
		return exitFailed
	}
	return code
}

// report prints what ended the command, unless it is printed already, and
// returns the exit code.
func (a *app) report(ctx context.Context, err error) int {
	var code exitCode
	var usage *usageError
	var parser cli.ExitCoder // help for what there is no help for
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil:
		a.stderr.printf("redisconn: interrupted\n")
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &parser):
		a.stderr.printf("redisconn: %v\n", err)
		return exitUsage
	case redisconn.FieldErrors(err) != nil:
		a.stderr.problems(0, redisconn.FieldErrors(err))
		return exitUsage
	}
	a.stderr.printf("redisconn: %s\n", strings.TrimPrefix(err.Error(), "redisconn: "))
	return exitFailed
}

// command is the command line.
func (a *app) command() *cli.Command {
	commands := []*cli.Command{a.demoCommand(), a.doctorCommand(), a.checkCommand(), a.configCommand(), a.pingCommand(), a.watchCommand(), a.serveCommand()}
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.ArgValidator = refuseArguments
		c.CustomHelpTemplate = commandHelp(c)
	}
	root := &cli.Command{
		Name:           "redisconn",
		Version:        version(),
		Writer:         a.stdout,
		ErrWriter:      a.stderr,
		Reader:         a.stdin,
		Flags:          connectionFlags(a.settings),
		Commands:       commands,
		OnUsageError:   onUsageError,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // the exit is main's
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return unknownCommand(cmd)
			}
			return cli.ShowRootCommandHelp(cmd)
		},
	}
	root.CustomRootCommandHelpTemplate = rootHelp(root)
	return root
}

// onUsageError explains a command line that the parser refused. The parser
// names flags, never what was given to them.
func onUsageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	reason := err.Error()
	if unknown, ok := strings.CutPrefix(reason, "flag provided but not defined: "); ok {
		reason = "there is no flag --" + strings.TrimLeft(unknown, "-")
		if meant := cli.SuggestFlag(append(cmd.Flags, cmd.Root().Flags...), unknown, false); meant != "" {
			reason += "; did you mean " + meant + "?"
		}
	}
	return &usageError{reason + "\nsee " + cmd.FullName() + " --help"}
}

// refuseArguments keeps an address that lacks its flag from being overlooked.
// It does not repeat it: it may hold a password.
func refuseArguments(_ context.Context, cmd *cli.Command) error {
	if !cmd.Args().Present() {
		return nil
	}
	return &usageError{cmd.FullName() + " takes flags only; an address is given with --url\nsee " + cmd.FullName() + " --help"}
}

func unknownCommand(cmd *cli.Command) error {
	reason := "there is no such command"
	if meant := cli.SuggestCommand(cmd.Commands, cmd.Args().First()); meant != "" {
		reason += "; did you mean " + meant + "?"
	}
	return &usageError{reason + "\nsee redisconn --help"}
}

// choice reads a flag that takes one of a few words.
func choice(cmd *cli.Command, flag string, words ...string) (string, error) {
	given := cmd.String(flag)
	for _, word := range words {
		if given == word {
			return word, nil
		}
	}
	return "", &usageError{fmt.Sprintf("--%s is none of %s\nsee %s --help", flag, strings.Join(words, ", "), cmd.FullName())}
}

func outputFlag(words string) cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", HideDefault: true,
		Usage: "print as `FORMAT`: " + words + " (default table)"}
}
