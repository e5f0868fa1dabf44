package main

import (
	"runtime/debug"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/redisconn/redisconn/internal/golden"
)

func TestHelpGolden(t *testing.T) {
	golden.Check(t, "help.golden", invoke(t, "--help").expect(t, exitOK).stdout)
	for _, name := range []string{"demo", "doctor", "check", "config", "ping", "watch", "serve"} {
		help := invoke(t, name, "--help").expect(t, exitOK)
		golden.Check(t, "help-"+name+".golden", help.stdout)
		if asked := invoke(t, "help", name); asked != help {
			t.Errorf("help %s is %+v", name, asked)
		}
	}
	if bare := invoke(t); bare != invoke(t, "--help") {
		t.Errorf("without a command: %+v", bare)
	}
}

func TestEveryFlagIsInAHelpTextThatFitsTheScreen(t *testing.T) {
	a := newApp(nil, strings.NewReader(""), nil, nil)
	root := a.command()
	texts := map[string]string{"": root.CustomRootCommandHelpTemplate}
	for _, flag := range root.Flags {
		if name := "--" + flag.Names()[0]; !strings.Contains(texts[""], name+" ") && !strings.Contains(texts[""], name+"\n") {
			t.Errorf("no %s in the help", name)
		}
	}
	for _, c := range root.Commands {
		texts[c.Name] = c.CustomHelpTemplate
		for _, flag := range c.Flags {
			if name := "--" + flag.Names()[0] + " "; !strings.Contains(texts[c.Name], name) {
				t.Errorf("no %s in the help of %s", name, c.Name)
			}
		}
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > helpWidth+1 || strings.ContainsAny(line, "\t{}") {
				t.Errorf("help %s: %q", name, line)
			}
		}
	}
}

func TestTheVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	if o := invoke(t, "--version").expect(t, exitOK); !strings.HasPrefix(o.stdout, "redisconn version ") || !strings.Contains(o.stdout, "go1.") {
		t.Errorf("%q", o.stdout)
	}
	got := versionOf(&debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Deps:     []*debug.Module{{Path: "github.com/redis/go-redis/v9", Version: "v9.23.0"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
	})
	if !strings.HasPrefix(got, "v1.2.3 (0123456789ab, go1.") || !strings.HasSuffix(got, ", with local changes, go-redis v9.23.0)") {
		t.Errorf("%q", got)
	}
}
