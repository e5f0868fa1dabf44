package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

// environment is a service's, with a trap in it.
var environment = []string{
	"REDIS_URL=redis://app:s3cret@cache.internal:6380/2", "REDIS_POOL_SIZE=40", "REDIS_PORT=tcp://10.0.0.1:6379", "REDIS_OPERATION_TIMEOUT=20s",
}

func TestConfigGolden(t *testing.T) {
	args := []string{"config", "--url", "redis://other.internal?pool_size=50", "--pool-size=60"}
	for _, format := range []string{"table", "json", "env"} {
		o := call{env: environment}.run(t, append(args, "-o", format)...).expect(t, exitOK)
		golden.Check(t, "config-"+format+".golden", o.stdout)
		if format == "env" {
			golden.Check(t, "config-env-warnings.golden", o.stderr)
		} else if o.stderr != "" {
			t.Errorf("on standard error: %s", o.stderr)
		}
	}
}

func TestTheEnvironmentComesFirstThenTheURLThenTheFlags(t *testing.T) {
	o := call{env: environment}.run(t, "config", "-o", "json", "--pool-size=60", "--url", "redis://other.internal?pool_size=50").expect(t, exitOK)
	var explanation redisconn.Explanation
	if err := json.Unmarshal([]byte(o.stdout), &explanation); err != nil {
		t.Fatal(err)
	}
	for _, f := range explanation.Fields {
		switch f.Path {
		case "pool.size":
			if f.Value != "60" || f.Source != "flag --pool-size" || strings.Join(f.Overrides, ", ") != "flag --url (pool_size), env REDIS_POOL_SIZE" {
				t.Errorf("%+v", f)
			}
		case "connection.addrs":
			if f.Value != "other.internal:6379" || f.Source != "flag --url (host)" {
				t.Errorf("%+v", f)
			}
		case "connection.db": // a source changes only what it mentions
			if f.Value != "2" || f.Source != "env REDIS_URL (path)" {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestABrokenConfigurationIsExplainedAsFarAsItGoes(t *testing.T) {
	args := []string{"config", "--pool-size", "many", "--db=-1"}
	o := invoke(t, args...).expect(t, exitUsage)
	if !strings.Contains(o.stdout, "pool.size") || strings.Count(o.stderr, "×") != 2 || !strings.Contains(o.stderr, "flag --pool-size") {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
	o = invoke(t, append(args, "-o", "json")...).expect(t, exitUsage)
	var document explanationDocument
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil || len(document.Problems) != 2 || len(document.Fields) == 0 {
		t.Errorf("%v\n%s", err, o.stdout)
	}
	if o = invoke(t, append(args, "-o", "env")...).expect(t, exitUsage); o.stdout != "" {
		t.Errorf("half a configuration was written:\n%s", o.stdout)
	}
}
