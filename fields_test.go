package redisconn_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

// leaves returns the address of every field of Config that is no struct.
func leaves(v reflect.Value) []uintptr {
	var all []uintptr
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			all = append(all, leaves(f)...)
		} else {
			all = append(all, f.Addr().Pointer())
		}
	}
	return all
}

func TestEveryConfigFieldIsInTheTableExactlyOnce(t *testing.T) {
	var c redisconn.Config
	var inTable []uintptr
	for _, f := range redisconn.Fields() {
		inTable = append(inTable, reflect.ValueOf(redisconn.AddressOfField(f.Path, &c)).Pointer())
	}
	// In order as well: the table is Config read from top to bottom.
	if want := leaves(reflect.ValueOf(&c).Elem()); !slices.Equal(inTable, want) {
		t.Errorf("the table has %d fields, Config has %d, or their order differs", len(inTable), len(want))
	}
}

func TestPathsVariablesAndKeysAreUnique(t *testing.T) {
	seen := map[string]bool{"REDIS_URL": true, "REDIS_HOST": true, "REDIS_PORT": true}
	for _, f := range redisconn.Fields() {
		for _, name := range []string{f.Path, f.Env, "?" + f.URLKey} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if f.Doc == "" || f.Kind == "" || (f.Default == "" && f.Path != "") {
			t.Errorf("%s lacks its doc, kind or default: %+v", f.Path, f)
		}
	}
}

// A zero in a Config means the default, so a 0 that somebody writes must not
// silently turn into it.
func TestZeroIsRefusedWhereverItWouldMeanADefaultOtherThanZero(t *testing.T) {
	defaults := redisconn.DefaultConfig()
	for _, f := range redisconn.Fields() {
		v := reflect.ValueOf(redisconn.AddressOfField(f.Path, &defaults)).Elem()
		if v.Kind() != reflect.Int && v.Kind() != reflect.Int64 || v.IsZero() && f.Path != "pool.lifetime_jitter" {
			continue
		}
		_, err := redisconn.NewBuilder().Set(f.Path, "0", "test").Build()
		if !redisconn.ZeroRefused(f.Path) || err == nil || !strings.Contains(err.Error(), "default") {
			t.Errorf("%s = 0: %v", f.Path, err)
		}
	}
	for _, path := range []string{"connection.db", "pool.min_idle", "pool.max_lifetime"} {
		if _, err := redisconn.NewBuilder().Set(path, "0", "test").Build(); err != nil {
			t.Errorf("%s = 0 is what it is by default, and yet: %v", path, err)
		}
	}
}

func TestEveryNumberAndDurationHasABoundOrChoices(t *testing.T) {
	bounded := redisconn.BoundedFields()
	for _, f := range redisconn.Fields() {
		numeric := f.Kind == redisconn.FieldNumber || f.Kind == redisconn.FieldDuration
		if numeric != slices.Contains(bounded, f.Path) {
			t.Errorf("%s is of kind %s, bounded: %v", f.Path, f.Kind, !numeric)
		}
		if numeric != (f.Range != "") {
			t.Errorf("%s has range %q", f.Path, f.Range)
		}
	}
}

func TestRulesNameFieldsOfTheTable(t *testing.T) {
	for _, fields := range redisconn.RuleFields() {
		for _, path := range fields {
			redisconn.ZeroRefused(path) // panics on an unknown path
		}
	}
}

func TestFieldsReturnsCopies(t *testing.T) {
	redisconn.Fields()[0].Choices[0] = "changed"
	if got := redisconn.Fields()[0].Choices[0]; got != "auto" {
		t.Errorf("a caller changed the table to %q", got)
	}
}

// others holds for every field a text that is valid and not its default.
var others = map[string]string{
	"mode": "sentinel", "connection.addrs": "cache.example:6380", "connection.username": "app",
	"connection.password": "s3cr3t", "connection.password_file": "/run/secrets/redis", "connection.db": "3",
	"connection.client_name": "orders", "connection.protocol": "2", "connection.compat": "true",
	"sentinel.master": "orders-master", "sentinel.username": "watcher", "sentinel.password": "s3nt1n3l", "sentinel.password_file": "/run/secrets/sentinel",
	"sentinel.tls": "on", "sentinel.ca_file": "/etc/sentinel-ca.pem", "sentinel.cert_file": "/etc/sentinel.pem", "sentinel.key_file": "/etc/sentinel-key.pem",
	"sentinel.ca": "the sentinels' authority", "sentinel.cert": "a certificate for sentinels", "sentinel.key": "a key for sentinels",
	"sentinel.server_name": "sentinel.internal", "sentinel.write_gate": "true",
	"tls.enabled": "true", "tls.ca_file": "/etc/ca.pem", "tls.cert_file": "/etc/client.pem", "tls.key_file": "/etc/client key.pem",
	"tls.ca": `-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----`, "tls.cert": "a certificate", "tls.key": "a key",
	"tls.expiry_warning": "168h", "tls.server_name": "cache.internal", "tls.min_version": "1.3", "tls.insecure_skip_verify": "true",
	"timeouts.connect": "20s", "timeouts.dial": "1.5s", "timeouts.operation": "4s", "timeouts.read": "2s",
	"timeouts.write": "1s", "timeouts.shutdown": "1m30s", "timeouts.silence": "20s",
	"pool.size": "50", "pool.min_idle": "5", "pool.max_idle": "40", "pool.blocking": "100", "pool.max_in_flight": "5000", "pool.wait": "250ms", "pool.idle_timeout": "4m",
	"pool.max_lifetime": "1h", "pool.lifetime_jitter": "5m",
	"retry.effect": "read", "retry.min_backoff": "20ms", "retry.max_backoff": "1s", "retry.budget": "10", "when_down": "fail-fast", "pipelining": "off",
	"health.interval": "2s", "health.timeout": "300ms", "health.warn_latency": "20ms", "health.fail_after": "5", "health.recover_after": "1",
	"reload.interval": "5s", "reload.off": "true",
	"cache.enabled": "true", "cache.max_entries": "500", "cache.max_staleness": "10s",
	"connection.allow_addrs": "10.0.0.0/8,.cache.internal:6379",
	"cluster.read_from":      "nearest", "cluster.refresh_interval": "30s",
}

// excluded are the fields that another one of others contradicts: their files.
var excluded = []string{"connection.password", "sentinel.password", "sentinel.ca", "sentinel.cert", "sentinel.key", "tls.ca", "tls.cert", "tls.key"}

// everything is a valid configuration in which every field differs from its
// default, but for those that their file excludes.
func everything(t *testing.T) redisconn.Config {
	t.Helper()
	b := redisconn.NewBuilder()
	for _, path := range slices.Sorted(maps.Keys(others)) {
		if !slices.Contains(excluded, path) && !strings.HasPrefix(path, "cache.") { // that not with RESP 2 and database 3
			b.Set(path, others[path], "test")
		}
	}
	c, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryFieldCanBeSetFromText(t *testing.T) {
	for _, f := range redisconn.Fields() {
		text, ok := others[f.Path]
		if !ok {
			t.Errorf("no other value for %s", f.Path)
			continue
		}
		b := redisconn.NewBuilder().Set(f.Path, text, "flag")
		e, _ := b.Explain()
		row := explained(t, e, f.Path)
		want := text
		if f.Secret {
			want = "[redacted]"
		}
		if row.Value != want || row.Source != "flag" || row.Default {
			t.Errorf("%s = %q gives %+v", f.Path, text, row)
		}
	}
}

// explained returns a field's row.
func explained(t *testing.T, e redisconn.Explanation, path string) redisconn.FieldExplanation {
	t.Helper()
	for _, row := range e.Fields {
		if row.Path == path {
			return row
		}
	}
	t.Fatalf("no row for %s", path)
	return redisconn.FieldExplanation{}
}

func TestEnvironmentPageIsUpToDate(t *testing.T) {
	var page strings.Builder
	page.WriteString("\n| Variable | URL key | Kind | Default | Meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, v := range redisconn.EnvOnly() {
		fmt.Fprintf(&page, "| `REDIS_%s` | | text | none | %s |\n", v[0], v[1])
	}
	for _, f := range redisconn.Fields() {
		kind := string(f.Kind)
		switch {
		case f.Choices != nil:
			kind = strings.Join(f.Choices, ", ")
		case f.Range != "":
			kind += ", " + f.Range
		case f.Secret:
			kind = "secret"
		}
		fmt.Fprintf(&page, "| `%s` | `%s` | %s | %s | %s |\n", f.Env, f.URLKey, kind, f.Default, f.Doc)
	}
	page.WriteString("\n")
	golden.CheckPart(t, "docs/environment.md", golden.Begin, page.String())
}

func TestSwitchesTakeTheUsualWordsAndNothingElse(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "1": true, "yes": true, "on": true, "false": false, "0": false, "no": false, "Off": false} {
		c, err := redisconn.NewBuilder().Set("connection.compat", text, "test").Build()
		if err != nil || c.Connection.Compat != want {
			t.Errorf("%q is %v, %v", text, c.Connection.Compat, err)
		}
	}
	for _, text := range []string{"", "t", "enabled", "2", " true"} {
		if _, err := redisconn.NewBuilder().Set("connection.compat", text, "test").Build(); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestListsRefuseEmptyElements(t *testing.T) {
	for _, text := range []string{"", ",", "a,,b", "a,"} {
		if _, err := redisconn.NewBuilder().Set("connection.addrs", text, "test").Build(); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	c, err := redisconn.NewBuilder().Set("connection.addrs", " cache:1 ", "test").Build()
	if err != nil || c.Connection.Addrs[0] != "cache:1" {
		t.Errorf("spaces around an element: %v, %v", c.Connection.Addrs, err)
	}
}

// go-redis reads a bare number as seconds and ioredis as milliseconds, so that a
// 500 moved from one to the other waits eight minutes.
func TestADurationNeedsItsUnit(t *testing.T) {
	for _, text := range []string{"5", "500", "1.5", "0.0"} {
		_, reason, fix := redisconn.ParseDuration(text)
		if reason != "the unit is missing" || !strings.Contains(fix, text+"s") {
			t.Errorf("%q: %s; %s", text, reason, fix)
		}
	}
	for _, text := range []string{"", "5 s", "5sec", "1d", "-", "inf", "NaN", "0x10", "1e3"} {
		if _, reason, fix := redisconn.ParseDuration(text); reason != "this is not a duration" || fix == "" {
			t.Errorf("%q: %s; %s", text, reason, fix)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5s", "250ms", "1h0m0s", "90m", "5", "-1s", "1.5h", "9223372036854775807ns", "0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, reason, fix := redisconn.ParseDuration(text)
		if reason != "" {
			if fix == "" || d != 0 {
				t.Errorf("%q is refused without a fix, or has a value: %v", text, d)
			}
			return
		}
		again, reason, _ := redisconn.ParseDuration(redisconn.DurationText(d))
		if reason != "" || again != d {
			t.Errorf("%q is %v, written %s, read back %v (%s)", text, d, redisconn.DurationText(d), again, reason)
		}
	})
}
