//go:build unix

// Package topologies has scripts and compose files; its tests run the scripts.
package topologies

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// topology is one directory.
type topology struct {
	name  string
	url   string                     // what the script prints, as a pattern
	check func(*testing.T, *url.URL) // that it is what it says
	end   func(*script) error        // how the script is ended
	code  int                        // and its exit code then
}

var topologies = []topology{
	{"standalone", `^redis://127\.0\.0\.1:\d+/0$`, checkStandalone, (*script).ctrlC, 130},
	{"tls", `^rediss://127\.0\.0\.1:\d+/0\?tls_ca_file=\S+&tls_cert_file=\S+&tls_key_file=\S+$`, checkStandalone, (*script).terminate, 143},
	{"sentinel", `^redis\+sentinel://127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+/mymaster/0$`, checkSentinel, (*script).ctrlC, 130},
	{"cluster", `^redis\+cluster://127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$`, checkCluster, (*script).terminate, 143},
}

// script is a start script under way, in a process group of its own.
type script struct {
	cmd    *exec.Cmd
	tmp    string
	stderr bytes.Buffer
	stdout *bufio.Reader
}

func start(t *testing.T, name string, program ...string) *script {
	t.Helper()
	redisconntest.RequireRedis(t)
	s := &script{cmd: exec.Command(filepath.Join(name, "start"), program...), tmp: t.TempDir()}
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdout = bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }) // nobody is left, unless the test failed
	return s
}

// ctrlC is what a terminal does: everybody in the group gets the signal.
func (s *script) ctrlC() error     { return syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT) }
func (s *script) terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// url is the one line that the script prints.
func (s *script) url(t *testing.T) string {
	t.Helper()
	overdue := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer overdue.Stop()
	line, err := s.stdout.ReadString('\n')
	text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "REDIS_URL=")
	if err != nil || !ok {
		t.Fatalf("%v: %q\n%s", err, line, &s.stderr)
	}
	return text
}

// expectEnd checks that the script ends with that code and leaves nothing behind.
func (s *script) expectEnd(t *testing.T, code int) {
	t.Helper()
	overdue := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer overdue.Stop()
	rest, err := io.ReadAll(s.stdout)
	if err != nil || len(rest) > 0 {
		t.Errorf("it prints %q too: %v", rest, err)
	}
	_ = s.cmd.Wait() // the exit code says all
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d\n%s", got, code, &s.stderr)
	}
	redisconntest.Eventually(t, 10*time.Second, "the end of every process", func() bool {
		return errors.Is(syscall.Kill(-s.cmd.Process.Pid, 0), syscall.ESRCH)
	})
	if left, err := os.ReadDir(s.tmp); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

func TestTheScriptsStartWhatTheyPrintAndEndIt(t *testing.T) {
	hello := filepath.Join(t.TempDir(), "hello")
	if output, err := exec.Command("go", "build", "-o", hello, "./hello").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, topology := range topologies {
		t.Run(topology.name, func(t *testing.T) {
			s := start(t, topology.name)
			text := s.url(t)
			if !regexp.MustCompile(topology.url).MatchString(text) {
				t.Fatalf("REDIS_URL=%s", text)
			}
			// Several hosts with ports are no host to package url.
			scheme, rest, _ := strings.Cut(text, "://")
			hosts, path, _ := strings.Cut(rest, "/")
			topology.check(t, &url.URL{Scheme: scheme, Host: hosts, Path: "/" + path, Opaque: text})
			cmd := exec.Command(hello)
			cmd.Env = append(os.Environ(), "REDIS_URL="+text)
			if output, err := cmd.CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^hello from .*127\.0\.0\.1:.*: ready, pass$`).Match(output) {
				t.Errorf("%v: %s", err, output)
			}
			if err := topology.end(s); err != nil {
				t.Fatal(err)
			}
			s.expectEnd(t, topology.code)
		})
	}
}

func TestACommandRunsAgainstTheTopologyAndEndsIt(t *testing.T) {
	for code, program := range map[int][]string{
		0: {"sh", "-c", `test "${REDIS_URL#redis://127.0.0.1:}" != "$REDIS_URL"`},
		7: {"sh", "-c", "exit 7"},
	} {
		start(t, "standalone", program...).expectEnd(t, code)
	}
}

func TestAServerThatIsStoppedDoesNotOutliveItsScript(t *testing.T) {
	s := start(t, "standalone")
	text := s.url(t)
	options, err := redis.ParseURL(text)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	info, err := client.InfoMap(t.Context(), "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(info["Server"]["process_id"], &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.expectEnd(t, 143)
}

func checkStandalone(t *testing.T, u *url.URL) {
	cfg, err := redisconn.ParseURL(u.Opaque)
	if err != nil {
		t.Fatal(err)
	}
	client, err := redisconn.Open(t.Context(), cfg, redisconn.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if cfg.TLS.Enabled != (u.Scheme == "rediss") {
		t.Errorf("%s with TLS: %t", u.Scheme, cfg.TLS.Enabled)
	}
	roundTrip(t, client, "key")
}

func checkSentinel(t *testing.T, u *url.URL) {
	sentinels := strings.Split(u.Host, ",")
	master, database, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if database != "0" {
		t.Errorf("database %q", database)
	}
	for _, addr := range sentinels {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: addr})
		defer sentinel.Close()
		if err := sentinel.CkQuorum(t.Context(), master).Err(); err != nil {
			t.Errorf("the sentinel at %s: %v", addr, err)
		}
	}
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: master, SentinelAddrs: sentinels})
	defer client.Close()
	roundTrip(t, client, "key")
	if n, err := client.Wait(t.Context(), 2, 10*time.Second).Result(); n != 2 || err != nil {
		t.Errorf("%d replicas have it: %v", n, err)
	}
}

func checkCluster(t *testing.T, u *url.URL) {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(u.Host, ",")})
	defer client.Close()
	for i := range 30 { // on every shard, but for one chance in 60,000
		roundTrip(t, client, fmt.Sprint("key:", i))
	}
	online := map[string]int{}
	shards, err := client.ClusterShards(t.Context()).Result()
	for _, shard := range shards {
		for _, node := range shard.Nodes {
			if node.Health == "online" {
				online[node.Role]++
			}
		}
	}
	if err != nil || online["master"] != 3 || online["replica"] != 3 {
		t.Errorf("%v: %v", online, err)
	}
}

func roundTrip(t *testing.T, client redis.Cmdable, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := client.Set(ctx, key, "value", time.Minute).Err(); err != nil {
		t.Error(err)
	}
	if got, err := client.Get(ctx, key).Result(); got != "value" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// composeFile is the part of a compose file that these tests look at.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Ports       []string
		Environment map[string]string
		DependsOn   map[string]any `yaml:"depends_on"`
	}
}

func TestTheComposeFilesStartTheSameFromOfficialImages(t *testing.T) {
	servers := map[string]int{"standalone": 1, "tls": 1, "sentinel": 6, "cluster": 6}
	for _, topology := range topologies {
		content, err := os.ReadFile(filepath.Join(topology.name, "compose.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var file composeFile
		if err := yaml.Unmarshal(content, &file); err != nil {
			t.Fatalf("%s: %v", topology.name, err)
		}
		count := 0
		for name, service := range file.Services {
			if !slices.Contains([]string{"redis:7", "golang:1.26"}, service.Image) {
				t.Errorf("%s: %s runs %q", topology.name, name, service.Image)
			}
			if service.Image == "redis:7" && name != "create" {
				count++
			}
			for _, port := range service.Ports {
				if !strings.HasPrefix(port, "127.0.0.1:") {
					t.Errorf("%s: %s is open to the network: %s", topology.name, name, port)
				}
			}
			for other := range service.DependsOn {
				if _, there := file.Services[other]; !there {
					t.Errorf("%s: %s needs %s, which is not there", topology.name, name, other)
				}
			}
			if url, ok := service.Environment["REDIS_URL"]; ok {
				for _, host := range regexp.MustCompile(`([\w-]+):\d+`).FindAllStringSubmatch(url, -1) {
					if _, there := file.Services[host[1]]; !there {
						t.Errorf("%s: %s names %s, which is not there", topology.name, url, host[1])
					}
				}
			}
		}
		if count != servers[topology.name] {
			t.Errorf("%s has %d servers, want %d", topology.name, count, servers[topology.name])
		}
	}
}
