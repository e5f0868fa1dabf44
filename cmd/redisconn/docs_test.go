package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/golden"
)

const contractPage = "../../docs/cli.md"

// A sample of the page is a golden file, or the first lines of one.
var sample = regexp.MustCompile("(?s)<!-- sample (\\S+)( \\d+)? -->\n(```\\w*\n)(.*?)```\n<!-- end sample -->")

// withSamples returns the page with the golden files as they are now.
func withSamples(page string) (string, error) {
	var failed error
	text := sample.ReplaceAllStringFunc(page, func(match string) string {
		part := sample.FindStringSubmatch(match)
		golden, err := os.ReadFile(filepath.Join("testdata", part[1]))
		if err != nil {
			failed = err
		}
		text := string(golden)
		if lines, err := strconv.Atoi(strings.TrimSpace(part[2])); err == nil {
			text = strings.Join(strings.SplitAfter(text, "\n")[:lines], "") + "…\n"
		}
		return "<!-- sample " + part[1] + part[2] + " -->\n" + part[3] + text + "```\n<!-- end sample -->"
	})
	return text, failed
}

// updateSamples rewrites the page; the golden files must be up to date.
func updateSamples() error {
	page, err := os.ReadFile(contractPage)
	if err != nil {
		return err
	}
	text, err := withSamples(string(page))
	if err != nil {
		return err
	}
	return os.WriteFile(contractPage, []byte(text), 0o644)
}

func TestTheSamplesOfTheContractGolden(t *testing.T) {
	if golden.Updating() {
		t.Skip("the page is rewritten after the golden files")
	}
	page, err := os.ReadFile(contractPage)
	if err != nil {
		t.Fatal(err)
	}
	want, err := withSamples(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(sample.FindAllString(want, -1)); n != 9 || string(page) != want {
		t.Errorf("%s has %d samples, want 9 that the command prints (go test -update rewrites them)", contractPage, n)
	}
}

func TestTheContractNamesEveryField(t *testing.T) {
	content, err := os.ReadFile(contractPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []any{verdictDocument{}, explanationDocument{}, pingsDocument{}} {
		for _, name := range jsonFields(reflect.TypeOf(document)) {
			if !regexp.MustCompile("`([a-z]+\\[\\]\\.)?" + name + "`").Match(content) {
				t.Errorf("%T: %s has no `%s`", document, contractPage, name)
			}
		}
	}
}

// jsonFields are the names of a document's fields, those of its parts included.
func jsonFields(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return jsonFields(t.Elem())
	case reflect.Struct:
		var names []string
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
			if f.IsExported() {
				names = append(names, jsonFields(f.Type)...)
			}
		}
		return names
	}
	return nil
}
