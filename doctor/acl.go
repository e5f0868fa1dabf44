package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/redisconn/redisconn"
)

const idPermissions = "RC-L001"

// Permission is what a program needs its user to be allowed: each of the
// commands, on keys of each of the patterns.
type Permission struct {
	Commands []string // such as get, set, or "config get"
	Keys     []string // such as cache:*; none for commands without keys
}

// ParsePermission reads a permission as it is written on a command line: the
// commands, with commas between them, then the key patterns, with spaces:
// "get,set,expire cache:* session:*".
func ParsePermission(text string) (Permission, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Permission{}, fmt.Errorf("a permission names commands, and key patterns after them: get,set cache:*")
	}
	permission := Permission{Keys: words[1:]}
	for command := range strings.SplitSeq(words[0], ",") {
		if command == "" {
			return Permission{}, fmt.Errorf("there is an empty command in %q", words[0])
		}
		permission.Commands = append(permission.Commands, strings.ReplaceAll(command, "|", " ")) // as ACL rules have subcommands
	}
	return permission, nil
}

var aclChecks = []Check{
	{
		ID: idPermissions, Layer: LayerACL, Title: "the user may do what the program needs", Needs: []string{idWelcome},
		About: "Each command that the program declares is tried with ACL DRYRUN, on a key of each pattern that it declares: nothing is executed. Commands whose arguments say where their keys are, such as EVAL and XREAD, are tried without keys. Needs Redis 7 and a user that may run ACL DRYRUN, ACL WHOAMI and COMMAND INFO.",
		Cause: "an ACL that was written for an older version of the program",
		Fix: []Remedy{
			{"see the user's rules", "{admin} ACL GETUSER {user}"},
		},
		Run: checkPermissions,
	},
}

func checkPermissions(ctx context.Context, p *Patient) Finding {
	if len(p.options.Permissions) == 0 {
		return NotNeeded("the program declares nothing, see --can")
	}
	if p.Client() == nil {
		return p.own(idAnswer, "", "") // the reason why there is nobody to ask
	}
	if p.isDeserted() {
		return p.deserted()
	}
	user, err := p.client.ACLWhoAmI(ctx).Result()
	if err != nil {
		return unanswered("ACL WHOAMI", err)
	}
	var refused []string
	var rules []string
	tried := 0
	for _, permission := range p.options.Permissions {
		for _, command := range permission.Commands {
			for _, key := range orNone(permission.Keys) {
				line, err := p.sample(ctx, command, key)
				if err != nil {
					return unanswered("COMMAND INFO "+command, err)
				}
				answer, err := p.client.ACLDryRun(ctx, user, line...).Result()
				if err != nil {
					return unanswered("ACL DRYRUN", err).mend("try it as an administrator", "{admin} ACL DRYRUN {user} "+words(line))
				}
				if tried++; answer != "OK" {
					refused = append(refused, strings.TrimSpace(command+" "+key))
					rules = append(rules, rule(command, key, answer))
				}
			}
		}
	}
	if len(refused) == 0 {
		return Pass(fmt.Sprintf("user %s may do all %d things the program needs", user, tried))
	}
	finding := Fail(redisconn.ClassACL, fmt.Sprintf("user %s may not: %s", user, strings.Join(refused, "; ")), Fact{"tried", tried}, Fact{"refused", len(refused)})
	return finding.mend("allow it", "{admin} ACL SETUSER {user} "+strings.Join(unique(rules), " "))
}

// orNone is the keys to try a command with: once without, where there is none.
func orNone(keys []string) []string {
	if len(keys) == 0 {
		return []string{""}
	}
	return keys
}

// sample is a call of the command with as many arguments as it takes and a key
// of the pattern in each place where it has one.
func (p *Patient) sample(ctx context.Context, command, pattern string) ([]any, error) {
	name := strings.Fields(command)
	reply, err := p.client.Do(ctx, "COMMAND", "INFO", strings.Join(name, "|")).Slice()
	if err != nil {
		return nil, err
	}
	line := make([]any, 0, 4)
	for _, word := range name {
		line = append(line, word)
	}
	shape, _ := reply[0].([]any) // nil for a command that the server does not know, which DRYRUN says
	if len(shape) < 6 {
		return line, nil
	}
	arity, _ := shape[1].(int64)
	first, _ := shape[3].(int64)
	for len(line) < int(max(arity, -arity)) {
		line = append(line, "1") // a number does for most arguments, and only its place matters
	}
	if key := concrete(pattern); key != "" && first > 0 && int(first) < len(line) {
		line[first] = key
	}
	return line, nil
}

// concrete is a key that a pattern describes.
func concrete(pattern string) string {
	return strings.NewReplacer("*", "doctor", "?", "d").Replace(pattern)
}

// rule is what ACL SETUSER needs to allow what was refused: the command or the
// key, whichever the server named.
func rule(command, key, answer string) string {
	if strings.Contains(answer, "key") && key != "" {
		return shell("~" + key)
	}
	return shell("+" + strings.ReplaceAll(command, " ", "|"))
}

// words is a line as it is typed.
func words(line []any) string {
	typed := make([]string, len(line))
	for i, word := range line {
		typed[i] = shell(fmt.Sprint(word))
	}
	return strings.Join(typed, " ")
}

// unique leaves out what was there before.
func unique(texts []string) []string {
	var kept []string
	seen := map[string]bool{}
	for _, text := range texts {
		if !seen[text] {
			kept = append(kept, text)
		}
		seen[text] = true
	}
	return kept
}
