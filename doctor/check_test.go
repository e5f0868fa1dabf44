package doctor_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/internal/golden"
)

const checksPage = "../docs/checks.md"

func TestChecksAreInTheOrderOfTheirLayersAndNeedOnlyWhatComesBefore(t *testing.T) {
	seen := map[string]bool{}
	at := 0
	for _, c := range doctor.Checks() {
		layer := slices.Index(doctor.Layers(), c.Layer)
		if layer < at {
			t.Errorf("%s: layer %s comes too late", c.ID, c.Layer)
		}
		at = layer
		if seen[c.ID] || !regexp.MustCompile(`^RC-[A-Z]\d{3}$`).MatchString(c.ID) {
			t.Errorf("id %s", c.ID)
		}
		for _, id := range c.Needs {
			if !seen[id] {
				t.Errorf("%s needs %s, which is not made before it", c.ID, id)
			}
		}
		seen[c.ID] = true
	}
}

func TestEveryCheckSaysWhatItProvesAndWhatToDo(t *testing.T) {
	for _, c := range doctor.Checks() {
		if c.Title == "" || c.About == "" || len(c.Fix) == 0 || c.Run == nil {
			t.Errorf("%s: title %q, about %q, %d steps", c.ID, c.Title, c.About, len(c.Fix))
		}
		for _, step := range c.Steps() {
			if strings.ContainsAny(step.Command, "{}") || step.Text == "" {
				t.Errorf("%s: %+v", c.ID, step)
			}
		}
	}
}

func TestThePageOfChecksIsUpToDate(t *testing.T) {
	var page strings.Builder
	page.WriteString("\n| check | proves that |\n| --- | --- |\n")
	for _, c := range doctor.Checks() {
		fmt.Fprintf(&page, "| [%s](#%s) | %s |\n", c.ID, strings.ToLower(c.ID), c.Title)
	}
	layer := doctor.Layer("")
	for _, c := range doctor.Checks() {
		if c.Layer != layer {
			layer = c.Layer
			fmt.Fprintf(&page, "\n## Layer %s\n", layer)
		}
		fmt.Fprintf(&page, "\n### %s\n\n**%s.** %s\n", c.ID, strings.ToUpper(c.Title[:1])+c.Title[1:], c.About)
		page.WriteString("\n")
		if c.Cause != "" {
			fmt.Fprintf(&page, "- Likely: %s.\n", c.Cause)
		} else {
			page.WriteString("- Likely: what the class of the failure says, see [errors.md](errors.md).\n")
		}
		for _, step := range c.Steps() {
			fmt.Fprintf(&page, "- To do: %s", step.Text)
			if step.Command != "" {
				fmt.Fprintf(&page, ": `%s`", step.Command)
			}
			page.WriteString("\n")
		}
		if len(c.Needs) > 0 {
			fmt.Fprintf(&page, "- Needs: %s.\n", strings.Join(c.Needs, ", "))
		}
	}
	page.WriteString("\n")

	golden.CheckPart(t, checksPage, golden.Begin, page.String())
}

func TestAnIDIsFoundHoweverItIsWritten(t *testing.T) {
	if c, ok := doctor.Find("rc-n010"); !ok || c.ID != "RC-N010" || !strings.HasSuffix(c.DocURL(), "/docs/checks.md#rc-n010") {
		t.Errorf("%+v", c)
	}
	if _, ok := doctor.Find("RC-X999"); ok {
		t.Error("RC-X999 is there")
	}
}

func TestSelectAddsWhatIsNeeded(t *testing.T) {
	checks, err := doctor.Select("dns", "rc-t001")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range checks {
		got = append(got, c.ID)
	}
	if want := "RC-C000 RC-C201 RC-C202 RC-C203 RC-N000 RC-N001 RC-N010 RC-T001"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if _, err := doctor.Select("tsl"); err == nil || !strings.Contains(err.Error(), `"tsl"`) {
		t.Errorf("%v", err)
	}
}

func TestPermissionsAreReadAsTheyAreWritten(t *testing.T) {
	got, err := doctor.ParsePermission("get,config|get cache:* session:*")
	if err != nil || strings.Join(got.Commands, "/") != "get/config get" || strings.Join(got.Keys, "/") != "cache:*/session:*" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "  ", "get,,set x"} {
		if _, err := doctor.ParsePermission(text); err == nil {
			t.Errorf("%q is a permission", text)
		}
	}
}
