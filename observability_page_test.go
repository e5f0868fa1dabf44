package redisconn_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The lines of the log are what people alert on where they have no metrics. The
// page once named an attribute that the code called otherwise, and had one level
// for a line that comes with two: only the beginning of each message was compared.
func TestThePageOfObservabilityHasEveryLogLineWithItsLevelsAndAttributes(t *testing.T) {
	var logged []string
	for _, file := range sourceFiles(t) {
		logged = append(logged, logLinesOf(t, file)...)
	}
	slices.Sort(logged)

	var explained []string
	code := regexp.MustCompile("`[^`]+`")
	_, table, _ := strings.Cut(readFile(t, "docs/observability.md"), "| line | level | attributes | when |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(row, " | ")
		message := strings.Trim(strings.ReplaceAll(cells[0], "STATE", "…"), "|` ")
		levels := regexp.MustCompile("debug|info|warn").FindAllString(cells[1], -1)
		explained = append(explained, logLine(message, levels, code.FindAllString(cells[2], -1)))
	}
	slices.Sort(explained)

	if len(logged) < 14 {
		t.Errorf("found %d lines of the log: this test looks for them in the wrong way", len(logged))
	}
	if !slices.Equal(logged, explained) {
		t.Errorf("the code logs\n  %s\ndocs/observability.md explains\n  %s", strings.Join(logged, "\n  "), strings.Join(explained, "\n  "))
	}
}

func TestThePageOfObservabilityHasEveryKindOfEvent(t *testing.T) {
	page := readFile(t, "docs/observability.md")
	event := regexp.MustCompile(`\bEvent\w+\s+EventKind = "([^"]+)"`)
	events := 0
	for _, file := range sourceFiles(t) {
		for _, m := range event.FindAllStringSubmatch(readFile(t, file), -1) {
			events++
			if !strings.Contains(page, "| `"+m[1]+"` |") {
				t.Errorf("%s records %q, which docs/observability.md does not explain", file, m[1])
			}
		}
	}
	if events < 9 {
		t.Errorf("found %d kinds of events: this test looks for them in the wrong way", events)
	}
}

func sourceFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}

func logLine(message string, levels, attributes []string) string {
	slices.Sort(levels)
	slices.Sort(attributes)
	return message + " | " + strings.Join(slices.Compact(levels), " ") + " | " + strings.Join(slices.Compact(attributes), " ")
}

// logLinesOf returns what a file logs: of each call the message, with … for what is
// put together, the levels that it may have, and the attributes. A message that
// begins with something else than a text is a failure: nobody could look for it.
func logLinesOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, decl := range parsed.Decls {
		ast.Inspect(decl, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !isLogger(method.X) {
				return true
			}
			name, args := strings.ToLower(strings.TrimSuffix(method.Sel.Name, "Context")), call.Args
			levels := []string{name}
			if strings.HasSuffix(method.Sel.Name, "Context") {
				args = args[1:]
			}
			switch name {
			case "debug", "info", "warn", "error":
			case "log":
				args, levels = args[2:], slices.Collect(maps.Keys(levelsIn(decl)))
			default: // With and the like make loggers
				return true
			}
			message, prefix := messageOf(args[0])
			if len(prefix) < len("redis x") {
				t.Errorf("%s logs a message that begins with %q, by which nobody finds it", file, prefix)
			}
			attributes := attributesOf(args[1:])
			if call.Ellipsis.IsValid() {
				attributes = attributesOf(listedIn(decl))
			}
			lines = append(lines, logLine(message, levels, attributes))
			return true
		})
	}
	return lines
}

// isLogger goes by the name that loggers have in this package.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "log" || x.Name == "logger"
	case *ast.SelectorExpr:
		return x.Sel.Name == "log"
	}
	return false
}

// messageOf returns a message, and the text that it begins with.
func messageOf(x ast.Expr) (message, prefix string) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		if err == nil {
			return text, text
		}
	case *ast.BinaryExpr:
		_, prefix := messageOf(x.X)
		return prefix + "…", prefix
	}
	return "…", ""
}

// attributesOf returns the keys of keys and values, in code marks as the page has them.
func attributesOf(args []ast.Expr) []string {
	var keys []string
	for i := 0; i < len(args); i += 2 {
		if key, ok := args[i].(*ast.BasicLit); ok {
			keys = append(keys, "`"+strings.Trim(key.Value, `"`)+"`")
		}
	}
	return keys
}

// listedIn returns what a function collects in a slice of attributes.
func listedIn(n ast.Node) []ast.Expr {
	var listed []ast.Expr
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			listed = append(listed, n.Elts...)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "append" {
				listed = append(listed, n.Args[1:]...)
			}
		}
		return true
	})
	return listed
}

// levelsIn returns the levels that a function chooses from.
func levelsIn(n ast.Node) map[string]bool {
	levels := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if level, ok := strings.CutPrefix(s.Sel.Name, "Level"); ok {
				levels[strings.ToLower(level)] = true
			}
		}
		return true
	})
	return levels
}
