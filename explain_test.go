package redisconn_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
)

// explainedExample has something of everything: sources, overrides, a secret, a
// value that needs quotes, and a warning.
func explainedExample(t *testing.T) redisconn.Explanation {
	t.Helper()
	e, err := redisconn.NewBuilder().
		PoolSize(50).
		Apply(func(c *redisconn.Config) { c.Pool.MaxIdle = 20 }).
		URL("redis://app:"+canary+"@cache/1?client_name=orders").
		EnvLookup("CACHE_", lookupIn(map[string]string{"CACHE_POOL_SIZE": "30", "CACHE_TLS": "", "CACHE_DB": "2"})).
		Explain()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExplainAsATable(t *testing.T) {
	e := explainedExample(t)
	var out strings.Builder
	if err := e.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "explain.golden", out.String())
	if e.String() != out.String() {
		t.Errorf("String differs from WriteTable:\n%s", e)
	}
}

func TestExplainAsJSON(t *testing.T) {
	text, err := json.MarshalIndent(explainedExample(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "explain.golden.json", string(text)+"\n")
}

func TestExplainAsAnEnvFile(t *testing.T) {
	var out strings.Builder
	if err := explainedExample(t).WriteEnv(&out); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "explain.golden.env", out.String())
}

func TestAConfigExplainsItself(t *testing.T) {
	c := redisconn.Config{Pool: redisconn.PoolConfig{Size: 50}}
	e := c.Explain()
	if row := explained(t, e, "pool.size"); row.Source != "config" || row.Default || row.Value != "50" || row.Env != "REDIS_POOL_SIZE" {
		t.Errorf("%+v", row)
	}
	if row := explained(t, e, "pool.max_idle"); row.Source != "default" || !row.Default || row.Value != "50" {
		t.Errorf("%+v", row)
	}
	if text, err := json.Marshal(e); err != nil || !strings.Contains(string(text), `"warnings":[]`) {
		t.Errorf("no warnings are no list: %s, %v", text, err)
	}
}

func TestABrokenConfigurationIsExplainedAsFarAsItGoes(t *testing.T) {
	e, err := redisconn.NewBuilder().PoolSize(-1).Explain()
	if row := explained(t, e, "pool.size"); err == nil || row.Value != "-1" || row.Source != "code" {
		t.Errorf("%+v, %v", row, err)
	}
}

// The shell reads the file back, so quoting is judged by what it is for.
func TestAnEnvFileReadByAShellGivesTheSameConfiguration(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh: ", err)
	}
	c := everything(t)
	c.TLS.CAFile = `/etc/it's "my" $HOME ca.pem`
	c.Connection.Addrs = []string{"[2001:db8::1]:6380"}
	path := filepath.Join(t.TempDir(), "redis.env")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Explain().WriteEnv(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(shell, "-c", `set -a; . "$0"; env`, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	back, err := fromMap(env).Build()
	if err != nil || !back.Equal(c) {
		t.Errorf("%v; differs in %v", err, back.Diff(c))
	}
}

// failingWriter takes nothing.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWritersReportWhatTheyCannotWrite(t *testing.T) {
	full := errors.New("disk full")
	e := redisconn.Config{Pool: redisconn.PoolConfig{Size: 5}}.Explain()
	if err := e.WriteTable(failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("table: %v", err)
	}
	if err := e.WriteEnv(failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("env: %v", err)
	}
}
