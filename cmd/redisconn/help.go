package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
)

// The help texts are written here rather than by the parser's templates: with
// one flag for every field of the configuration, they need groups and a width.
// They are handed to it as templates without anything to fill in.

const exitCodesHelp = `Exit codes:
  0    all is well; warnings do not change that
  1    a check failed, or Redis could not be reached
  2    the command line or the configuration is wrong
  3    the time given with --wait is over
  130  interrupted
`

const rootIntroduction = `redisconn: the connection between a service and Redis, shown, checked, explained and measured

Usage:
  redisconn <command> [flags]

Commands:
`

const rootConnection = `
Where to connect, for every command, before its name or after it:
  -u, --url URL           redis://user@host:6379/0?pool_size=50; also rediss, valkey, valkeys,
                          unix:///run/redis.sock and embedded://
      --password-stdin    read the password from standard input, without echo from a terminal
      --password-file FILE

  What a service would read from the environment counts here as well: REDIS_URL, REDIS_HOST and
  a variable for each flag below (--pool-size is REDIS_POOL_SIZE, and pool_size in a URL).
  The environment comes first, then --url, then the other flags; the later wins.
  redisconn config shows what came of it.

Options:
  -h, --help              show this, or the help of a command
  -v, --version           show what this binary was built from

`

// rootHelp is the help of the command as a whole.
func rootHelp(root *cli.Command) string {
	var help strings.Builder
	help.WriteString(rootIntroduction)
	for _, c := range root.Commands {
		fmt.Fprintf(&help, "  %-8s%s\n", c.Name, c.Usage)
	}
	help.WriteString(rootConnection)
	help.WriteString(exitCodesHelp)
	help.WriteString("\nEvery field of the configuration:\n")
	group := ""
	for _, f := range redisconn.Fields() {
		if name := groupOf(f); name != group {
			group = name
			help.WriteString("\n  " + group + "\n")
		}
		writeField(&help, f)
	}
	return help.String()
}

// groupOf is the group that a field is in; fields in none lead those they follow.
func groupOf(f redisconn.Field) string {
	group, _, nested := strings.Cut(f.Path, ".")
	switch {
	case f.Path == "mode":
		return "Connection"
	case f.Path == "when_down":
		return "Retry"
	case nested && group == "tls":
		return "TLS"
	}
	return strings.ToUpper(group[:1]) + group[1:]
}

const (
	fieldColumn = 34
	helpWidth   = 100
)

// writeField writes the lines of one field's flag.
func writeField(help *strings.Builder, f redisconn.Field) {
	flag := "--" + (&setting{field: f}).name() + placeholder(f)
	about := f.Doc
	if len(f.Choices) > 0 {
		about += "; one of " + strings.Join(f.Choices, ", ")
	}
	if f.Default != "" && f.Kind != redisconn.FieldSwitch {
		about += " (default " + f.Default + ")"
	}
	for _, line := range wrap(about, helpWidth-fieldColumn) {
		fmt.Fprintf(help, "    %-*s%s\n", fieldColumn-4, flag, line)
		flag = ""
	}
}

// placeholder stands for a flag's value.
func placeholder(f redisconn.Field) string {
	if f.Kind == redisconn.FieldSwitch {
		return ""
	}
	if strings.HasSuffix(f.Path, "_file") {
		return " FILE"
	}
	return " " + placeholders[f.Kind]
}

var placeholders = map[redisconn.FieldKind]string{
	redisconn.FieldText:     "TEXT",
	redisconn.FieldNumber:   "NUMBER",
	redisconn.FieldDuration: "TIME",
	redisconn.FieldList:     "LIST",
	redisconn.FieldChoice:   "WORD",
}

// commandHelp is the help of one command: its description, its own flags, and
// where those of the connection are.
func commandHelp(c *cli.Command) string {
	var help strings.Builder
	fmt.Fprintf(&help, "redisconn %s: %s\n\nUsage:\n  redisconn %s [flags]\n\n%s\n", c.Name, c.Usage, c.Name, c.Description)
	help.WriteString("Flags:\n")
	for _, f := range c.Flags {
		writeFlag(&help, f)
	}
	help.WriteString("  -h, --help              show this\n")
	help.WriteString("\nWhere to connect: --url, REDIS_URL and the flags in redisconn --help.\n\n")
	help.WriteString(exitCodesHelp)
	return help.String()
}

// writeFlag writes the line of a flag of a command.
func writeFlag(help *strings.Builder, f cli.Flag) {
	shape, about, _ := strings.Cut(f.String(), "\t") // as in --output FORMAT, -o FORMAT
	shape, _, _ = strings.Cut(shape, " [ ")          // what may be given again is said in words
	long, short, hasShort := strings.Cut(shape, ", ")
	lead := "    "
	if hasShort {
		lead = strings.Fields(short)[0] + ", "
	}
	fmt.Fprintf(help, "  %s%-20s%s\n", lead, long, about)
}
