package doctor_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// canary is a password that nothing may hold, whole or percent-escaped.
const canary = "cAnaRy/7x&"

// bundled is what a bundle holds, by the names of its files.
func bundled(t *testing.T, r *doctor.Report) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteBundle(&b); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range archive.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		files[file.Name] = string(text)
	}
	return files
}

func TestNeitherReportsNorBundlesHoldThePassword(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword(canary))
	other := redisconntest.NewServer(t, redisconntest.WithPassword("another"))
	// A server that says what it was sent, in an error and in INFO.
	echo := redisconntest.NewProxy(t, server.Addr())
	echo.Answer(redisconntest.Command("time"), redisconntest.Always, "-ERR you are "+canary)
	echo.Answer(redisconntest.Command("info"), redisconntest.Always, bulk("redis_version:"+url.QueryEscape(canary)+"\r\n"))
	file := filepath.Join(t.TempDir(), "password")
	writeSecret(t, file, canary)
	broken := filepath.Join(t.TempDir(), "password")
	writeSecret(t, broken, canary+"\n"+canary)

	for name, b := range map[string]*redisconn.Builder{
		"accepted":         redisconn.NewBuilder().Addr(server.Addr()).Password(canary),
		"refused":          redisconn.NewBuilder().Addr(other.Addr()).Password(canary),
		"echoed":           redisconn.NewBuilder().Addr(echo.Addr()).Password(canary),
		"in a file":        redisconn.NewBuilder().Addr(server.Addr()).PasswordFile(file),
		"in a broken file": redisconn.NewBuilder().Addr(server.Addr()).PasswordFile(broken),
		"in a URL":         redisconn.NewBuilder().URL("redis://:" + url.QueryEscape(canary) + "@" + server.Addr()),
		"as a user":        redisconn.NewBuilder().URL("redis://" + url.QueryEscape(canary) + "@" + server.Addr()),
		"in a broken URL":  redisconn.NewBuilder().URL("redis://:" + canary + "@" + server.Addr()),
		"invalid":          redisconn.NewBuilder().Addr(server.Addr()).Password(canary).PoolSize(-1),
	} {
		report := doctor.RunBuilder(t.Context(), b, doctor.Options{})
		texts := bundled(t, report)
		for format := range formats {
			texts[format] = written(t, format, report)
		}
		texts["%+v"] = fmt.Sprintf("%+v", report.Results)
		for from, text := range texts {
			if strings.Contains(strings.ToLower(text), "canary") {
				at := strings.Index(strings.ToLower(text), "canary")
				t.Errorf("%s: %s holds %q", name, from, text[max(at-60, 0):min(at+60, len(text))])
			}
		}
	}
}

func writeSecret(t *testing.T, path, content string) {
	t.Helper()
	redisconntest.ReplaceFile(t, path, []byte(content))
}

func TestABundleHoldsWhatIsAskedForFirst(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("right"))
	files := bundled(t, doctor.RunBuilder(t.Context(), redisconn.NewBuilder().Addr(server.Addr()).Password("right"), only(t, "RC-H010", "RC-S006")))
	for name, text := range map[string]string{
		"README.txt": "Passwords are not in it", "report.txt": "RC-S006", "config.txt": "connection.addrs", "config.json": `"path": "pool.size"`,
		"events.json": `"stage": "handshake"`, "stats.json": `"Commands"`, "runtime.txt": "GOMAXPROCS", "report.json": `"id": "RC-H010"`,
	} {
		if !strings.Contains(files[name], text) {
			t.Errorf("%s holds no %q:\n%.400s", name, text, files[name])
		}
		if strings.HasSuffix(name, ".json") && !json.Valid([]byte(files[name])) {
			t.Errorf("%s is no JSON", name)
		}
	}
	if len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
}

func TestABundleThatCannotBeWrittenIsReported(t *testing.T) {
	report := sample()
	var whole bytes.Buffer
	if err := report.WriteBundle(&whole); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteBundle(&full{0}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	if err := report.WriteBundle(&full{whole.Len() - 1}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	noise := make([]byte, 1<<20) // does not get smaller
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	large := sample()
	large.Results[0].Detail = hex.EncodeToString(noise)
	if err := large.WriteBundle(&full{1 << 10}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	report.Results = slices.Concat(report.Results, []doctor.Result{{Evidence: []doctor.Fact{{Name: "odd", Value: func() {}}}}})
	if err := report.WriteBundle(io.Discard); err == nil || !strings.HasPrefix(err.Error(), "report.json: ") {
		t.Errorf("%v", err)
	}
}
