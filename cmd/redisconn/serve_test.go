package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

// service is redisconn serve under way.
type service struct {
	t      *testing.T
	url    string
	end    context.CancelFunc
	code   chan int
	stderr bytes.Buffer // complete when code has told
}

// serving runs redisconn serve on a free port until the test ends it.
func serving(t *testing.T, env []string, args ...string) *service {
	t.Helper()
	s := &service{t: t, code: make(chan int, 1)}
	out, in := io.Pipe()
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	go func() {
		code := newApp(env, strings.NewReader(""), in, &s.stderr).run(ctx, append([]string{"redisconn", "serve", "--listen", "0"}, args...))
		in.Close()
		s.code <- code
	}()
	t.Cleanup(s.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("it ended with %d: %s", <-s.code, &s.stderr)
	}
	found := regexp.MustCompile(`^the status page is at (http://127\.0\.0\.1:\d+/)\n$`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("it says %q", line)
	}
	s.url = found[1]
	return s
}

// get fetches a path. Headers come in pairs.
func (s *service) get(path string, headers ...string) (code int, body string, header http.Header) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// stop ends it as Ctrl-C does, and returns the exit code.
func (s *service) stop() int {
	s.end()
	return <-s.code
}

func TestServeShowsARedisThatComesAndGoes(t *testing.T) {
	const password = "cAnaRy/7x"
	server := passwordServer(t, password)
	s := serving(t, []string{"REDIS_PASSWORD=" + password, "REDIS_POOLSIZE=1"}, "--addrs", server.Addr())
	ready := func(want int) func() bool {
		return func() bool { code, _, _ := s.get("readyz"); return code == want }
	}
	redisconntest.Eventually(t, 10*time.Second, "readiness", ready(200))
	server.Kill()
	redisconntest.Eventually(t, 10*time.Second, "the outage", ready(503))
	var said strings.Builder
	for _, path := range []string{"", "status.json", "script.js", "livez", "startupz", "healthz", "readyz", "nothing"} {
		_, body, _ := s.get(path)
		said.WriteString(body)
	}
	for _, want := range []string{"nothing listens at the address", "env REDIS_PASSWORD", "flag --addrs", `"status":"fail"`, `"redis:state"`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing that is served says %q", want)
		}
	}
	if code, _, _ := s.get("livez"); code != 200 {
		t.Errorf("liveness in an outage: %d", code)
	}
	server.Start()
	redisconntest.Eventually(t, 10*time.Second, "readiness", ready(200))

	stream, err := http.Get(s.url + "events") // must not hold up the end
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	told := s.stderr.String()
	for _, want := range []string{"did you mean REDIS_POOL_SIZE?", " ready: verified\n", " down: nothing listens at the address\n"} {
		if !strings.Contains(told, want) {
			t.Errorf("standard error lacks %q: %s", want, told)
		}
	}
	if strings.Contains(strings.ToLower(said.String()+told), "canary") {
		t.Error("the password is shown")
	}
}

func TestServeStaysUpWithoutARedis(t *testing.T) {
	s := serving(t, nil, "--addrs", redisconntest.ReserveAddr(t))
	redisconntest.Eventually(t, 10*time.Second, "the reason on the page", func() bool {
		code, body, _ := s.get("")
		return code == 200 && strings.Contains(body, "check that redis-server runs and listens") && strings.Contains(body, "redisconn doctor --only RC-N010")
	})
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestServeAnswersToItsNamesOnly(t *testing.T) {
	s := serving(t, nil, "--url", "embedded://", "--names", "status.internal, other.internal")
	for host, want := range map[string]int{"status.internal": 200, "other.internal:80": 200, "localhost": 200, "evil.example": 403} {
		if code, _, _ := s.get("", "Host", host); code != want {
			t.Errorf("%s: %d, want %d", host, code, want)
		}
	}
	// What the page keeps from foreign pages, the detailed report must not tell them.
	if _, body, _ := s.get("healthz", "Host", "evil.example"); strings.Contains(body, "checks") {
		t.Errorf("a foreign page reads %s", body)
	}
	if _, body, _ := s.get("healthz"); !strings.Contains(body, "checks") {
		t.Errorf("this machine reads %s", body)
	}
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// tokenFile writes a token into a file that only this user can read.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServeWithATokenShowsThePageToWhoKnowsIt(t *testing.T) {
	const token = "0123456789abcdef"
	s := serving(t, nil, "--url", "embedded://", "--token-file", tokenFile(t, token+"\r\n"))
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+token))
	for path, open := range map[string]bool{"": false, "status.json": false, "events": false, "livez": true, "readyz": true, "startupz": true} {
		if path != "readyz" && path != "startupz" { // whose code is the client's
			if code, _, header := s.get(path, "Host", "evil.example"); code == 401 == open || !open && header.Get("WWW-Authenticate") == "" {
				t.Errorf("%q without a token: %d", path, code)
			}
		}
		if path == "events" {
			continue // does not end
		}
		for _, authorization := range []string{"Bearer " + token, basic} {
			if code, _, _ := s.get(path, "Authorization", authorization, "Host", "status.internal"); code == 401 || code == 403 {
				t.Errorf("%q with %s: %d", path, authorization, code)
			}
		}
	}
	if _, body, _ := s.get("healthz"); strings.Contains(body, "checks") {
		t.Errorf("details without a token: %s", body)
	}
	if _, body, _ := s.get("healthz", "Authorization", "Bearer "+token); !strings.Contains(body, "checks") {
		t.Errorf("no details with the token: %s", body)
	}
	if code := s.stop(); code != exitOK || strings.Contains(s.stderr.String(), token) {
		t.Errorf("exit code %d: %s", code, &s.stderr)
	}
}

func TestServeIsNotOpenToOthersByAccident(t *testing.T) {
	short, long, two := tokenFile(t, "short\n"), tokenFile(t, strings.Repeat("x", maxToken+1)), tokenFile(t, "0123456789abcdef\n0123456789abcdef")
	good := tokenFile(t, "0123456789abcdef")
	for want, args := range map[string][]string{
		"would show the page to other machines; add --token-file FILE": {"--listen", "0.0.0.0:0"},
		"--listen :8379 would show":                                    {"--listen", ":8379"},
		"--listen redis.internal:1 would show":                         {"--listen", "redis.internal:1"},
		"--listen takes a port, or host:port":                          {"--listen", "somewhere"},
		"host:port":                                                    {"--listen", "127.0.0.1:99999"},
		"shorter than 16 characters":                                   {"--token-file", short},
		"holds more than a token":                                      {"--token-file", long},
		"more than a token":                                            {"--token-file", two},
		"the token cannot be read":                                     {"--token-file", filepath.Join(t.TempDir(), "none")},
		"cannot be read: read":                                         {"--token-file", t.TempDir()},
		"contradict each other":                                        {"--token-file", good, "--without-token"},
		"give two passwords":                                           {"--password-stdin", "--password", "x"},
		"pool.size":                                                    {"--pool-size", "0"},
		"there is no flag --port; did you mean --":                     {"--port", "1"},
	} {
		if o := invoke(t, append([]string{"serve"}, args...)...).expect(t, exitUsage); !strings.Contains(o.stderr, want) {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
}

func TestServeSaysThatItsPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := invoke(t, "serve", "--url", "embedded://", "--listen", taken.Addr().String()).expect(t, exitFailed)
	if !strings.Contains(o.stderr, "choose another place with --listen") || o.stdout != "" {
		t.Errorf("%s%s", o.stdout, o.stderr)
	}
}

func TestATokenThatOthersCanReadIsWarnedOf(t *testing.T) {
	path := tokenFile(t, "0123456789abcdef")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s := serving(t, nil, "--url", "embedded://", "--token-file", path)
	if s.stop(); !strings.Contains(s.stderr.String(), "others can read the token in "+path+" (mode 0644)") {
		t.Errorf("%s", &s.stderr)
	}
}

func TestServeListensToOthersWhenToldSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code <- newApp(nil, strings.NewReader(""), in, &stderr).run(ctx, []string{"redisconn", "serve", "--url", "embedded://", "--listen", "[::]:0", "--without-token"})
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	cancel()
	if err != nil || !strings.HasPrefix(line, "the status page is at http://[::]:") || <-code != exitOK {
		t.Errorf("%q, %v: %s", line, err, &stderr)
	}
}
