package promredisconn_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/promredisconn"
)

const (
	dashboardFile = "../dashboards/redisconn.json"
	alertFile     = "../dashboards/redisconn-alerts.yaml"
	alertTestFile = "../dashboards/redisconn-alerts.test.yaml"
)

// dashboard is what these tests read of Grafana's model.
type dashboard struct {
	Panels []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct{ Expr string }
	}
	Templating struct {
		List []struct{ Name, Definition string }
	}
	Annotations struct{ List []struct{ Expr string } }
}

// alerts is what these tests read of Prometheus's rules.
type alerts struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr         string
			Labels, Annotations map[string]string
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(readFile(t, dashboardFile), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func readAlerts(t *testing.T) alerts {
	t.Helper()
	var a alerts
	if err := yaml.Unmarshal(readFile(t, alertFile), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// expressions of the dashboard and the alerts, by where they stand.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	d := readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title] = append(all["panel "+p.Title], target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all["annotations"] = append(all["annotations"], a.Expr)
	}
	for _, v := range d.Templating.List {
		all["variable "+v.Name] = append(all["variable "+v.Name], v.Definition)
	}
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			all["alert "+r.Alert] = append(all["alert "+r.Alert], r.Expr)
		}
	}
	return all
}

var metricName = regexp.MustCompile(`\bredisconn_[a-z0-9_]+`)

func TestDashboardAndAlertsUseExactlyTheNamesThatAreExported(t *testing.T) {
	exported := map[string]bool{}
	for _, row := range promredisconn.Rows() {
		exported[row.Name] = true
	}
	used := map[string]bool{}
	for where, exprs := range expressions(t) {
		for _, expr := range exprs {
			for _, name := range metricName.FindAllString(expr, -1) {
				used[name] = true
				if !exported[name] {
					t.Errorf("%s uses %s, which nothing exports", where, name)
				}
			}
		}
	}
	page := string(readFile(t, "../docs/observability.md"))
	for name := range exported {
		if !used[name] {
			t.Errorf("%s is in no panel and no alert", name)
		}
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is not on the page of metrics", name)
		}
	}
}

// A misspelt label or value matches nothing, and no tool says so.
func TestDashboardAndAlertsUseLabelsAndValuesThatExist(t *testing.T) {
	labels := map[string]bool{"job": true, "instance": true, "le": true, "alertname": true, "db_system_name": true, "db_operation_name": true}
	for _, row := range promredisconn.Rows() {
		for _, label := range row.Labels {
			labels[label] = true
		}
	}
	known := map[string][]string{"class": nil, "state": {"in_use", "idle"}, "status": {"pass", "warn", "fail"}, "db_system_name": {"redis"}}
	for _, info := range redisconn.Classes() {
		known["class"] = append(known["class"], string(info.Class))
	}
	for series := range scrape(t, promredisconn.NewFromHealth(redisconn.Stats{}, redisconn.Health{})) {
		if _, state, found := strings.Cut(series, `redisconn_state{client="cache",state="`); found {
			known["state"] = append(known["state"], strings.TrimSuffix(state, `"}`))
		}
	}
	matcher := regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"([^"]*)"`)
	grouping := regexp.MustCompile(`\b(?:by|on|ignoring)\s*\(([^)]*)\)`)
	for where, exprs := range expressions(t) {
		for _, expr := range exprs {
			for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
				if !labels[m[1]] {
					t.Errorf("%s matches the label %s, which no metric has", where, m[1])
				}
				for value := range strings.SplitSeq(m[2], "|") {
					if !strings.HasPrefix(value, "$") && !slices.Contains(known[m[1]], value) {
						t.Errorf("%s: no %s is %q", where, m[1], value)
					}
				}
			}
			for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
				for label := range strings.SplitSeq(m[1], ",") {
					if !labels[strings.TrimSpace(label)] {
						t.Errorf("%s groups by %s, which no metric has", where, label)
					}
				}
			}
		}
	}
}

func TestEveryPanelSaysWhatItShowsAndCoversNoOther(t *testing.T) {
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: its id %d is another's too", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && (p.Title == "" || p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d %q has no title, no description or nothing to show", p.ID, p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestEveryAlertSaysWhatToDoAndLeadsToAPage(t *testing.T) {
	tested := string(readFile(t, alertTestFile))
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			for _, key := range []string{"summary", "description", "runbook"} {
				if len(r.Annotations[key]) < 20 {
					t.Errorf("%s: its %s is %q", r.Alert, key, r.Annotations[key])
				}
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			url, ours := strings.CutPrefix(r.Annotations["runbook_url"], "https://github.com/redisconn/redisconn/blob/main/")
			path, anchor, anchored := strings.Cut(url, "#")
			if !ours || !anchored {
				t.Errorf("%s: runbook_url %q leads to no section of a page of ours", r.Alert, r.Annotations["runbook_url"])
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(string(readFile(t, filepath.Join("..", path))), -1) {
				anchors = append(anchors, strings.ReplaceAll(strings.ToLower(h[1]), " ", "-"))
			}
			if !slices.Contains(anchors, anchor) {
				t.Errorf("%s: %s has no section %s", r.Alert, path, anchor)
			}
			if !strings.Contains(tested, fmt.Sprintf(`{alertname="%s"}`, r.Alert)) {
				t.Errorf("%s is not in %s", r.Alert, alertTestFile)
			}
		}
	}
}

// promtool runs Prometheus's own tool where it is installed: scripts/need-promtool
// installs it. With REDISCONN_REQUIRE_PROMTOOL=1 it must be there.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path := os.Getenv("REDISCONN_PROMTOOL")
	if path == "" {
		path = "promtool"
	}
	path, err := exec.LookPath(path)
	if err != nil {
		if os.Getenv("REDISCONN_REQUIRE_PROMTOOL") == "1" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed; scripts/need-promtool does that, or set REDISCONN_PROMTOOL")
	}
	if output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

func TestAServiceThatIsWellRaisesNoAlertAndTroublesRaiseThemAll(t *testing.T) {
	promtool(t, "check", "rules", alertFile)
	promtool(t, "test", "rules", alertTestFile)
}

func TestPrometheusUnderstandsEveryExpressionOfTheDashboard(t *testing.T) {
	var rules []map[string]string
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$job", ".*", "$instance", ".*", "$client", ".*")
	for where, exprs := range expressions(t) {
		if strings.HasPrefix(where, "variable ") {
			continue
		}
		for _, expr := range exprs {
			rules = append(rules, map[string]string{"record": fmt.Sprintf("test:rule%d", len(rules)), "expr": variables.Replace(expr)})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
