package faults_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

// holdersOfSecrets returns the exported types of packages of this module, as
// package.Type, that may hold a redisconn.Secret, however deep and in whatever
// field. It reads the source, so a type that is added is among them.
func holdersOfSecrets(t *testing.T, packages ...string) []string {
	t.Helper()
	fields := map[string][]string{} // by type: the types that it is made of
	for _, dir := range packages {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source of %s: %v", dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range file.Decls {
				types, ok := declared.(*ast.GenDecl)
				if !ok || types.Tok != token.TYPE {
					continue
				}
				for _, spec := range types.Specs {
					spec := spec.(*ast.TypeSpec)
					fields[file.Name.Name+"."+spec.Name.Name] = madeOf(spec.Type, file.Name.Name)
				}
			}
		}
	}
	holders := map[string]bool{"redisconn.Secret": true}
	for grown := true; grown; {
		grown = false
		for name, made := range fields {
			if !holders[name] && slices.ContainsFunc(made, func(of string) bool { return holders[of] }) {
				holders[name], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(holders)), func(name string) bool {
		_, base, _ := strings.Cut(name, ".")
		return !ast.IsExported(base)
	})
}

// madeOf lists the types that values of a type hold. What a function or an
// interface mentions it does not hold.
func madeOf(expression ast.Expr, pkg string) (names []string) {
	ast.Inspect(expression, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncType, *ast.InterfaceType:
			return false
		case *ast.Field: // not its name
			names = append(names, madeOf(node.Type, pkg)...)
			return false
		case *ast.SelectorExpr:
			names = append(names, node.X.(*ast.Ident).Name+"."+node.Sel.Name)
			return false
		case *ast.Ident:
			names = append(names, pkg+"."+node.Name)
		}
		return true
	})
	return names
}

// fill puts the canary into every secret of a value that a program can set.
func fill(value reflect.Value) {
	switch {
	case value.Type() == reflect.TypeFor[redisconn.Secret]():
		value.SetString(canary)
	case value.Kind() == reflect.Struct:
		for at := range value.NumField() {
			if value.Type().Field(at).IsExported() {
				fill(value.Field(at))
			}
		}
	}
}

func filled[T any]() T {
	var value T
	fill(reflect.ValueOf(&value).Elem())
	return value
}

// service is a program's own type around a client.
type service struct{ redis *redisconn.Client }

// The types of which somebody thought were printed with the verbs of which
// somebody thought. Now the source says which types may hold a secret, and a
// *doctor.Patient was among them: it printed the password, because package fmt
// reads unexported fields without asking their values.
func TestNoTypeThatHoldsASecretPrintsIt(t *testing.T) {
	cfg := filled[redisconn.Config]()
	client := newHere(t, "127.0.0.1:1", func(cfg *redisconn.Config) { cfg.Connection.Password = canary })
	builder := redisconn.NewBuilder().URL("redis://127.0.0.1").Password(canary).Apply(func(c *redisconn.Config) { *c = cfg })
	var registry redisconn.Registry
	server := redisconntest.NewServer(t, redisconntest.WithPassword(canary))
	opened, err := registry.Open(t.Context(), "cache", server.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var patient *doctor.Patient
	doctor.Run(t.Context(), client.Config(), doctor.Options{Offline: true, Checks: []doctor.Check{{
		ID: "X-1", Layer: doctor.LayerConfig, Title: "a look at what is examined",
		Run: func(_ context.Context, p *doctor.Patient) doctor.Finding { patient = p; return doctor.Finding{} },
	}}})
	page := statuspage.New(redisconn.Named{"cache": client}, statuspage.Options{})
	defer page.Close()

	specimens := map[string][]any{
		"redisconn.Secret":           {redisconn.Secret(canary)},
		"redisconn.Config":           {cfg, &cfg},
		"redisconn.ConnectionConfig": {filled[redisconn.ConnectionConfig]()},
		"redisconn.SentinelConfig":   {filled[redisconn.SentinelConfig]()},
		"redisconn.TLSConfig":        {filled[redisconn.TLSConfig]()},
		"redisconn.Credentials":      {filled[redisconn.Credentials]()},
		"redisconn.Builder":          {builder, *builder},
		"redisconn.Client":           {client, service{client}, &service{client}},
		"redisconn.Named":            {redisconn.Named{"cache": client}},
		"redisconn.Registry":         {&registry},
		"doctor.Patient":             {patient, *patient},
		"statuspage.Page":            {page},
	}
	all := &papers{texts: map[string]string{}}
	for _, name := range holdersOfSecrets(t, ".", "doctor", "healthhttp", "statuspage", "embedded") {
		if specimens[name] == nil {
			t.Errorf("%s may hold a secret, and nobody looks how it prints", name)
		}
		for _, specimen := range specimens[name] {
			all.addInEveryWay(fmt.Sprintf("a %T", specimen), specimen)
		}
	}
	func() {
		defer func() {
			panicked := recover()
			all.addInEveryWay("a panic", panicked)
			all.addInEveryWay("an error made of a panic", fmt.Errorf("recovered: %v\n%s", panicked, debug.Stack()))
		}()
		panic(cfg)
	}()
	for _, where := range all.search() {
		t.Errorf("the password is in %s", where)
	}
	if len(all.texts) < 1000 {
		t.Errorf("only %d texts were looked at", len(all.texts))
	}
}

// addInEveryWay prints a value with every verb there is, and those that mean
// nothing to it; as JSON; and in the lines of both handlers of log/slog.
func (p *papers) addInEveryWay(what string, value any) {
	p.add(what, value)
	for _, flag := range []string{"", "+", "#", " "} {
		for _, verb := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnoqrstuvxyz" { // not %p and %w, about which no value is asked
			p.texts[fmt.Sprintf("%s as %%%s%c", what, flag, verb)] = fmt.Sprintf("%"+flag+string(verb), value)
		}
	}
	slog.New(slog.NewTextHandler(p, nil)).Info(what, "value", value)
	slog.New(slog.NewJSONHandler(p, nil)).Info(what, "value", value)
}
