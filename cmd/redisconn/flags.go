package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/redisconn/redisconn"
)

// envPrefix is that of redisconn.FromEnv: the command sees what a service sees.
const envPrefix = "REDIS_"

// setting is a flag for one field of the configuration. It keeps the text as it
// was given: the Builder reads it, with everything else, and says what is wrong.
type setting struct {
	field redisconn.Field
	given bool
	text  string
}

// newSettings makes a flag for every field there is.
func newSettings() []*setting {
	var settings []*setting
	for _, f := range redisconn.Fields() {
		settings = append(settings, &setting{field: f})
	}
	return settings
}

// name is the flag's: that of the variable and of the URL key, spelt as flags are.
func (s *setting) name() string { return strings.ReplaceAll(s.field.URLKey, "_", "-") }

// Set, Get, String and IsBoolFlag are what the parser needs. String is asked for
// a default and must not repeat what may be a secret.
func (s *setting) Set(text string) error { s.given, s.text = true, text; return nil }
func (s *setting) Get() any              { return s }
func (s *setting) String() string        { return "" }
func (s *setting) IsBoolFlag() bool      { return s.field.Kind == redisconn.FieldSwitch }

// connectionFlags say where to connect; every command takes them, before its
// name and after it.
func connectionFlags(settings []*setting) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "url", Aliases: []string{"u"}},
		&cli.BoolFlag{Name: "password-stdin"},
	}
	for _, s := range settings {
		flags = append(flags, &cli.GenericFlag{Name: s.name(), Value: s})
	}
	return flags
}

// builder collects the configuration: the environment, then --url, then the
// other flags, each overriding what came before.
func (a *app) builder(cmd *cli.Command) (*redisconn.Builder, error) {
	return a.collect(cmd, redisconn.NewBuilder().Environ(envPrefix, a.env))
}

// collect adds to b what the command line says.
func (a *app) collect(cmd *cli.Command, b *redisconn.Builder) (*redisconn.Builder, error) {
	if err := a.onePassword(cmd); err != nil {
		return nil, err
	}
	a.warnOfVisibleSecrets(cmd)
	if cmd.IsSet("url") {
		b.Set("url", cmd.String("url"), "flag --url")
	}
	for _, s := range a.settings {
		if s.given {
			b.Set(s.field.Path, s.text, "flag --"+s.name())
		}
	}
	if cmd.Bool("password-stdin") {
		password, err := a.readPassword()
		if err != nil {
			return nil, err
		}
		b.Set("connection.password", password, "standard input")
	}
	return b, nil
}

// onePassword refuses two passwords on one command line: the Builder would take
// the later one, but flags have no order that anybody could know.
func (a *app) onePassword(cmd *cli.Command) error {
	given := map[string][]string{} // by the group of the field: data nodes and sentinels have a password each
	for _, s := range a.settings {
		if s.given && (s.field.Secret || strings.HasSuffix(s.field.Path, ".password_file")) {
			group := groupOf(s.field)
			given[group] = append(given[group], "--"+s.name())
		}
	}
	if cmd.Bool("password-stdin") {
		given["Connection"] = append(given["Connection"], "--password-stdin")
	}
	for _, flags := range given {
		if len(flags) > 1 {
			return &usageError{strings.Join(flags, " and ") + " give two passwords; keep one"}
		}
	}
	return nil
}

// warnOfVisibleSecrets warns of a password that the list of processes shows to everybody.
func (a *app) warnOfVisibleSecrets(cmd *cli.Command) {
	url := cmd.String("url")
	visible := strings.Contains(url, "@") || strings.Contains(url, "password=")
	for _, s := range a.settings {
		visible = visible || s.given && s.field.Secret
	}
	if visible {
		a.stderr.row(0, warned, "every user of this machine can see a password on the command line (ps)", "")
		a.stderr.label(2, "fix", "use --password-file, --password-stdin or the variable REDIS_PASSWORD")
	}
}

// maxPassword bounds what is read of standard input, as for a password file.
const maxPassword = 64 << 10

// readPassword reads a password from standard input: without echo from a
// terminal, otherwise everything but one newline at its end.
func (a *app) readPassword() (string, error) {
	if file, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		a.stderr.printf("password: ")
		password, err := term.ReadPassword(int(file.Fd()))
		a.stderr.printf("\n")
		return string(password), err
	}
	password, err := io.ReadAll(io.LimitReader(a.stdin, maxPassword+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the password from standard input: %w", err)
	case len(password) > maxPassword:
		return "", errors.New("standard input holds more than a password")
	}
	if line, ok := bytes.CutSuffix(password, []byte("\n")); ok {
		password = bytes.TrimSuffix(line, []byte("\r"))
	}
	return string(password), nil
}
