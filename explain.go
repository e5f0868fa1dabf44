package redisconn

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Explanation says of every field what holds and why. As JSON it is
// {"fields": [...], "warnings": [...]}.
type Explanation struct {
	Fields   []FieldExplanation `json:"fields"`   // in the order of [Fields]
	Warnings []Warning          `json:"warnings"` // of the configuration and, from a Builder, of its sources
}

// FieldExplanation is what holds for one field.
type FieldExplanation struct {
	Path      string   `json:"path"`
	Value     string   `json:"value"`               // with defaults resolved, masked if it is a secret
	Default   bool     `json:"default"`             // the field is zero, so its default holds
	Source    string   `json:"source"`              // who set it last; default when nobody did
	Overrides []string `json:"overrides,omitempty"` // who set it before, the last one first
	Env       string   `json:"env"`                 // the variable that sets it
	Doc       string   `json:"doc"`

	secret bool
}

// Explain says of every field what holds. A Config does not remember where its
// values came from, so the source is either "config" or "default"; a
// [Builder] knows more, see [Builder.Explain].
func (c Config) Explain() Explanation {
	return explain(c, defaultEnvPrefix, c.Lint(), func(path string) []string {
		if f := fieldAt(path); f.isSet(&c) {
			return []string{"config"}
		}
		return nil
	})
}

// Explain says of every field what holds and which sources set it. It comes with
// the error of [Builder.Build], so that a broken configuration can be looked at
// as well.
func (b *Builder) Explain() (Explanation, error) {
	_, err := b.Build()
	e := explain(b.cfg, cmp.Or(b.prefix, defaultEnvPrefix), b.Lint(), b.sourcesOf)
	for i := range e.Fields {
		if e.Fields[i].Path == "connection.username" && b.hasLoneUser() {
			e.Fields[i].Value = redacted // see Builder.loneUserProblem
		}
	}
	return e, err
}

func explain(c Config, prefix string, warnings []Warning, sources func(path string) []string) Explanation {
	full := c.withDefaults()
	e := Explanation{Fields: make([]FieldExplanation, len(configFields)), Warnings: append([]Warning{}, warnings...)}
	for i, f := range configFields {
		row := FieldExplanation{
			Path: f.path, Value: f.shown(&full), Default: !f.isSet(&c), Source: "default",
			Env: prefix + f.env, Doc: f.doc, secret: f.isSecret(),
		}
		if by := sources(f.path); len(by) > 0 {
			row.Source, row.Overrides = by[0], by[1:]
		}
		e.Fields[i] = row
	}
	return e
}

// String returns the table that [Explanation.WriteTable] writes.
func (e Explanation) String() string { return e.table().String() }

// WriteTable writes one aligned line per field, and the warnings below.
func (e Explanation) WriteTable(w io.Writer) error {
	_, err := e.table().WriteTo(w)
	return err
}

func (e Explanation) table() *bytes.Buffer {
	var out bytes.Buffer
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.TabIndent)
	fmt.Fprintln(t, "FIELD\tVALUE\tVARIABLE\tSOURCE")
	for _, f := range e.Fields {
		source := f.Source
		if len(f.Overrides) > 0 {
			source += ", overrides " + strings.Join(f.Overrides, ", ")
		}
		value := "-"
		if f.Value != "" {
			value = quoteUnlessPlain(f.Value)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Path, value, f.Env, source)
	}
	_ = t.Flush() // a bytes.Buffer takes everything
	for _, warning := range e.Warnings {
		fmt.Fprintf(&out, "\nwarning %s\n", warning)
	}
	return &out
}

// WriteEnv writes the fields that are set as an env file: REDIS_POOL_SIZE=50.
// Secrets are named in a comment only. Values that a shell would change are
// quoted for it.
func (e Explanation) WriteEnv(w io.Writer) error {
	var out bytes.Buffer
	for _, f := range e.Fields {
		switch {
		case f.Default:
		case f.secret:
			fmt.Fprintf(&out, "# %s is set and not shown\n", f.Env)
		default:
			fmt.Fprintf(&out, "%s=%s\n", f.Env, quoteForShell(f.Value))
		}
	}
	_, err := out.WriteTo(w)
	return err
}

// quoteForShell leaves alone what needs no quotes, because an env file of Docker
// takes quotes as part of the value.
func quoteForShell(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,@%+=[]"
	if strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
