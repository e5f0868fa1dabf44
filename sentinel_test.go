package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// sentinelConfigFor is configFor for a Sentinel deployment.
func sentinelConfigFor(s *redisconntest.Sentinel) redisconn.Config {
	cfg := configFor("")
	cfg.Connection.Addrs = s.SentinelAddrs()
	cfg.Sentinel.Master = s.MasterName()
	cfg.Timeouts.Operation, cfg.Timeouts.Shutdown = 6*time.Second, 6*time.Second
	return cfg
}

// moved waits until the client's commands go to a server.
func moved(t *testing.T, client *redisconn.Client, to *redisconntest.Server) {
	t.Helper()
	redisconntest.Eventually(t, 20*time.Second, "the client moves to "+to.Addr(), func() bool {
		return client.Unwrap().(*redis.Client).Options().Addr == to.Addr()
	})
}

// eventsOf are the events of a kind so far.
func eventsOf(client *redisconn.Client, kind redisconn.EventKind) []redisconn.Event {
	return slices.DeleteFunc(client.History(), func(e redisconn.Event) bool { return e.Kind != kind })
}

// fakeSentinel answers as a sentinel that names a master and announces nothing,
// and keeps what it was asked.
type fakeSentinel struct {
	*redisconntest.Scripted

	mu         sync.Mutex // guards what follows
	host, port string
	epoch      string
	requests   []string
	hangs      bool   // it reads and does not answer
	other      string // another sentinel that it knows
}

// knows makes it name another sentinel, or none for "".
func (f *fakeSentinel) knows(other string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.other = other
}

// subscriptions is how often somebody subscribed to it.
func (f *fakeSentinel) subscriptions() int {
	return strings.Count(strings.ToLower(f.heard()), "psubscribe")
}

// hang makes it answer nothing any more.
func (f *fakeSentinel) hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = true
}

func newFakeSentinel(t *testing.T, master string, epoch int) *fakeSentinel {
	t.Helper()
	f := &fakeSentinel{}
	f.name(master, epoch)
	f.Scripted = redisconntest.NewScripted(t, redisconntest.Replies(f.reply))
	return f
}

// name makes it name another master.
func (f *fakeSentinel) name(master string, epoch int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := strings.LastIndex(master, ":")
	f.host, f.port, f.epoch = master[:at], master[at+1:], strconv.Itoa(epoch)
}

func (f *fakeSentinel) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.requests, "\n")
}

func (f *fakeSentinel) reply(args []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, strings.Join(args, " "))
	if f.hangs {
		return ""
	}
	list := func(texts ...string) string {
		out := fmt.Sprintf("*%d\r\n", len(texts))
		for _, text := range texts {
			out += fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		}
		return out
	}
	switch strings.ToLower(strings.Join(args[:min(len(args), 2)], " ")) {
	case "sentinel get-master-addr-by-name":
		return list(f.host, f.port)
	case "sentinel master":
		return list("ip", f.host, "port", f.port, "flags", "master", "config-epoch", f.epoch, "quorum", "1")
	case "sentinel sentinels":
		if at := strings.LastIndex(f.other, ":"); at > 0 {
			return "*1\r\n" + list("ip", f.other[:at], "port", f.other[at+1:], "runid", f.other)
		}
		return "*0\r\n"
	case "sentinel replicas":
		return "*0\r\n"
	case "sentinel myid":
		return list("id of " + f.port)[4:] // a text, not a list
	case "auth user", "auth " + canary:
		return "+OK\r\n"
	case "psubscribe *":
		return "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n"
	}
	return "-ERR unknown command\r\n"
}

func TestConnectFindsTheMasterThatTheSentinelsName(t *testing.T) {
	s := redisconntest.NewSentinel(t)
	cfg := sentinelConfigFor(s)
	cfg.Connection.Addrs = cfg.Connection.Addrs[:1]
	client := openClient(t, cfg)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.Master().Client().Get(t.Context(), "k").Val(); got != "v" {
		t.Errorf("the master holds %q", got)
	}
	eventually(t, "the other sentinels are learnt from the one that is named", func() bool {
		return len(redisconn.KnownSentinels(client)) == 3
	})
	var stages []redisconn.Stage
	for _, e := range eventsOf(client, redisconn.EventStage) {
		stages = append(stages, e.Stage)
	}
	if !slices.Contains(stages, redisconn.StageDiscover) {
		t.Errorf("proved %v", stages)
	}
	if shown := client.String(); !strings.Contains(shown, "mymaster (sentinels 127.0.0.1:") {
		t.Errorf("the client is called %s", shown)
	}
	// Errors name the server that a command went to, not the sentinel.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var failed *redisconn.CommandError
	if err := client.Get(ctx, "k").Err(); !errors.As(err, &failed) || failed.Addr != s.Master().Addr() {
		t.Errorf("%v: want the master's address %s", err, s.Master().Addr())
	}
}

func TestCredentialsOfDataNodesAndSentinelsAreKeptApart(t *testing.T) {
	s := redisconntest.NewSentinel(t, redisconntest.WithData(redisconntest.WithPassword("data-password")),
		redisconntest.WithSentinels(3, redisconntest.WithPassword("sentinel-password")))
	cfg := sentinelConfigFor(s)
	cfg.Connection.Password, cfg.Sentinel.Password = "data-password", "sentinel-password"
	if err := openClient(t, cfg).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}

	file := filepath.Join(t.TempDir(), "sentinel")
	if err := os.WriteFile(file, []byte("sentinel-password\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	cfg.Sentinel.Password, cfg.Sentinel.PasswordFile = "", file
	if err := openClient(t, cfg).Ping(t.Context()).Err(); err != nil {
		t.Error("from a file:", err)
	}

	cfg.Sentinel.Password, cfg.Sentinel.PasswordFile = "data-password", ""
	err := newClient(t, cfg).Connect(t.Context())
	var failed *redisconn.ConnectError
	if !errors.As(err, &failed) || failed.Class != redisconn.ClassAuth || failed.Stage != redisconn.StageDiscover || failed.Attempts != 1 {
		t.Errorf("the data nodes' password for the sentinels: %v", err)
	}

	fake := newFakeSentinel(t, s.Master().Addr(), 0)
	cfg.Connection.Addrs, cfg.Sentinel.Password = []string{fake.Addr()}, ""
	openClient(t, cfg)
	if strings.Contains(fake.heard(), "data-password") || !strings.Contains(fake.heard(), "get-master-addr-by-name mymaster") {
		t.Errorf("a sentinel heard:\n%s", fake.heard())
	}
}

func TestTheLinkToSentinelsHasTLSOfItsOwn(t *testing.T) {
	data, watchers := redisconntest.NewCA(t), redisconntest.NewCA(t)
	for name, c := range map[string]struct {
		opts   []redisconntest.SentinelOption
		change func(*redisconn.Config)
	}{
		"both follow": {[]redisconntest.SentinelOption{redisconntest.WithData(redisconntest.WithTLS(data)), redisconntest.WithSentinels(1, redisconntest.WithTLS(data))},
			func(c *redisconn.Config) { c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: data.CAFile()} }},
		"sentinels in clear": {[]redisconntest.SentinelOption{redisconntest.WithData(redisconntest.WithTLS(data)), redisconntest.WithSentinels(1)},
			func(c *redisconn.Config) {
				c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: data.CAFile()}
				c.Sentinel.TLS = redisconn.SentinelTLSOff
			}},
		"sentinels alone": {[]redisconntest.SentinelOption{redisconntest.WithSentinels(1, redisconntest.WithTLS(watchers), redisconntest.WithTLSClientAuth())},
			func(c *redisconn.Config) {
				own := watchers.ClientCert()
				c.Sentinel.TLS, c.Sentinel.CAFile, c.Sentinel.ServerName = redisconn.SentinelTLSOn, watchers.CAFile(), "localhost"
				c.Sentinel.CertFile, c.Sentinel.KeyFile = own.CertFile, own.KeyFile
			}},
		"sentinels alone, from variables": {[]redisconntest.SentinelOption{redisconntest.WithSentinels(1, redisconntest.WithTLS(watchers), redisconntest.WithTLSClientAuth())},
			func(c *redisconn.Config) {
				cert, key := watchers.ClientCert().PEM()
				c.Sentinel.TLS, c.Sentinel.CA = redisconn.SentinelTLSOn, string(watchers.PEM())
				c.Sentinel.Cert, c.Sentinel.Key = strings.ReplaceAll(string(cert), "\n", `\n`), redisconn.Secret(key)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s := redisconntest.NewSentinel(t, append(c.opts, redisconntest.WithReplicas(0))...)
			cfg := sentinelConfigFor(s)
			c.change(&cfg)
			if err := openClient(t, cfg).Set(t.Context(), "k", "v", 0).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConnectSaysWhatEachSentinelSaid(t *testing.T) {
	s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(1))
	secure := redisconntest.NewServer(t, redisconntest.WithTLS(redisconntest.NewCA(t)))
	silent := redisconntest.NewScripted(t, redisconntest.Silence)
	odd := newFakeSentinel(t, "no host:0", 0)
	short := redisconntest.NewScripted(t, redisconntest.Replies(func(args []string) string {
		if args[len(args)-1] != "mymaster" || args[1] != "get-master-addr-by-name" {
			return "-ERR unknown command\r\n"
		}
		return "*1\r\n$1\r\nx\r\n"
	}))
	for name, c := range map[string]struct {
		addrs  []string
		master string
		class  redisconn.Class
		want   []string
	}{
		"unknown name":    {s.SentinelAddrs(), "other", redisconn.ClassNoMaster, []string{"knows no master of that name"}},
		"a data node":     {[]string{s.Master().Addr()}, "mymaster", redisconn.ClassNoMaster, []string{"is no sentinel but a Redis server"}},
		"a TLS port":      {[]string{secure.Addr()}, "mymaster", redisconn.ClassTLSMismatch, []string{"the port answers TLS"}},
		"an odd address":  {[]string{odd.Addr()}, "mymaster", redisconn.ClassProtocol, []string{"names what is no address"}},
		"half an address": {[]string{short.Addr()}, "mymaster", redisconn.ClassProtocol, []string{"names what is no address"}},
		"refused": {[]string{redisconntest.ReserveAddr(t), redisconntest.ReserveAddr(t)}, "mymaster", redisconn.ClassRefused,
			[]string{"refused; 127.0.0.1:"}},
		"silent and unknown": {[]string{silent.Addr(), s.SentinelAddrs()[0]}, "other", redisconn.ClassTimeout, []string{"knows no master"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sentinelConfigFor(s)
			cfg.Connection.Addrs, cfg.Sentinel.Master = c.addrs, c.master
			cfg.Timeouts.Connect, cfg.Timeouts.Dial = time.Second, 400*time.Millisecond
			began := time.Now()
			err := newClient(t, cfg).Connect(t.Context())
			var failed *redisconn.ConnectError
			if !errors.As(err, &failed) || failed.Class != c.class || failed.Stage != redisconn.StageDiscover {
				t.Fatalf("%v\nwant class %s", err, c.class)
			}
			if took := time.Since(began); took > 2*time.Second || c.class.Info().Fatal && failed.Attempts != 1 {
				t.Errorf("%d attempts in %s", failed.Attempts, took)
			}
			for _, want := range append(c.want, c.addrs...) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q in it", err, want)
				}
			}
		})
	}
}

func TestASentinelIsNoDataNode(t *testing.T) {
	s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(1), redisconntest.WithReplicas(0))
	err := newClient(t, configFor(s.SentinelAddrs()[0])).Connect(t.Context())
	if redisconn.ClassOf(err) != redisconn.ClassConfig || !strings.Contains(err.Error(), "sentinel.master") {
		t.Errorf("a standalone client at a sentinel: %v", err)
	}
}

// A sentinel that was cut off names a master of the past. If that has become a
// replica meanwhile it says so, and another sentinel knows better.
func TestAReplicaThatASentinelNamesIsRefused(t *testing.T) {
	s := redisconntest.NewSentinel(t)
	behind := newFakeSentinel(t, s.Replicas()[0].Addr(), 1000)
	cfg := sentinelConfigFor(s)
	cfg.Connection.Addrs = append([]string{behind.Addr()}, cfg.Connection.Addrs...)
	client := openClient(t, cfg)
	if got := client.Unwrap().(*redis.Client).Options().Addr; got != s.Master().Addr() {
		t.Errorf("connected to %s, the master is %s", got, s.Master().Addr())
	}
	cfg.Connection.Addrs = []string{behind.Addr()}
	cfg.Timeouts.Connect = 300 * time.Millisecond
	err := newClient(t, cfg).Connect(t.Context())
	if redisconn.ClassOf(err) != redisconn.ClassReadOnly || !strings.Contains(err.Error(), "it says that it is a replica") {
		t.Errorf("nobody names another: %v", err)
	}
}

func TestBadFilesForSentinelsAreToldByTheirFields(t *testing.T) {
	for _, c := range []struct {
		change func(*redisconn.SentinelConfig)
		field  string
	}{
		{func(s *redisconn.SentinelConfig) { s.PasswordFile = "/no/such/file" }, "sentinel.password_file"},
		{func(s *redisconn.SentinelConfig) { s.TLS, s.CAFile = redisconn.SentinelTLSOn, "/no/such/file" }, "sentinel.ca_file"},
	} {
		cfg := configFor("127.0.0.1:1")
		cfg.Sentinel.Master = "mymaster"
		c.change(&cfg.Sentinel)
		err := newClient(t, cfg).Connect(t.Context())
		if got := redisconn.FieldErrors(err); len(got) != 1 || got[0].Field != c.field {
			t.Errorf("%v, want a problem with %s", err, c.field)
		}
	}
}

func TestThePasswordOfSentinelsIsToldNowhere(t *testing.T) {
	data := redisconntest.NewServer(t)
	var log logLines
	for _, answer := range []string{"-WRONGPASS " + canary + " is wrong\r\n", "-ERR unknown command `AUTH`, with args beginning with: `" + canary + "`\r\n"} {
		fake := redisconntest.NewScripted(t, redisconntest.Replies(func([]string) string { return answer }))
		cfg := configFor(fake.Addr())
		cfg.Sentinel.Master, cfg.Sentinel.Password = "mymaster", canary
		cfg.Timeouts.Connect = 200 * time.Millisecond
		client := newClient(t, cfg, log.option())
		err := client.Connect(t.Context())
		if err == nil {
			t.Fatal("connected")
		}
		shown := fmt.Sprintf("%v %+v %v %v %v", err, client, client.Config(), client.History(), client.LastHealth())
		if strings.Contains(shown, canary) || len(log.containing(canary)) > 0 {
			t.Errorf("told: %s\n%v", shown, log.containing(canary))
		}
	}
	fake := newFakeSentinel(t, data.Addr(), 0)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master, cfg.Sentinel.Username, cfg.Sentinel.Password = "mymaster", "user", canary
	client := openClient(t, cfg, log.option())
	if shown := fmt.Sprintf("%+v %v %v", client.Health(t.Context()), client.History(), log.all()); strings.Contains(shown, canary) {
		t.Error("told:", shown)
	}
}

// sentinelUser finds the user's rules in the page on topologies, so that what the
// page recommends is what is tested.
var sentinelUser = regexp.MustCompile(`ACL SETUSER watcher on >PASSWORD (.+)`)

func TestTheUserOfTheTopologiesPageIsEnough(t *testing.T) {
	t.Parallel()
	page := sentinelUser.FindStringSubmatch(readFile(t, "docs/topologies.md"))
	if page == nil {
		t.Fatal("docs/topologies.md does not name a user")
	}
	for name, c := range map[string]struct {
		rules []string
		nodes int
	}{
		"as on the page":       {strings.Fields(page[1]), 3}, // the master, its replica and the sentinel
		"with the first alone": {[]string{"-@all", "+sentinel|get-master-addr-by-name"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(1, redisconntest.WithUser("watcher", "secret", c.rules...)))
			cfg := sentinelConfigFor(s)
			cfg.Sentinel.Username, cfg.Sentinel.Password = "watcher", "secret"
			client := openClient(t, cfg)
			eventually(t, "the deployment is known", func() bool { return len(client.Health(t.Context()).Nodes) == c.nodes })
			if h := client.LastHealth(); h.Status != redisconn.StatusPass {
				t.Errorf("health is %s: %s", h.Status, h.Reason)
			}
			master := s.Failover()
			moved(t, client, master)
		})
	}
}

// Whoever controls a sentinel, or answers in its place, could send the client
// and the data nodes' password anywhere.
func TestAnAddressThatASentinelMayNotNameIsNotDialled(t *testing.T) {
	data := redisconntest.NewServer(t)
	fake := newFakeSentinel(t, "10.1.2.3:6379", 1)
	cfg := configFor(fake.Addr())
	cfg.Sentinel.Master, cfg.Connection.Password, cfg.Timeouts.Connect = "mymaster", canary, 300*time.Millisecond
	client := newClient(t, cfg)
	err := client.Connect(t.Context())
	if redisconn.ClassOf(err) != redisconn.ClassAddress || !strings.Contains(err.Error(), "10.1.2.3:6379") {
		t.Errorf("a private address, named by a sentinel on loopback: %v", err)
	}
	if told := eventsOf(client, redisconn.EventAddressRefused); len(told) == 0 || told[0].Node != "10.1.2.3:6379" {
		t.Errorf("told %+v", told)
	}

	fake.name(data.Addr(), 1)
	cfg.Connection.Password = ""
	client = openClient(t, cfg)
	fake.name("10.1.2.3:6379", 2)
	redisconntest.Eventually(t, 4*sentinelPoll, "the switch is refused", func() bool {
		told := eventsOf(client, redisconn.EventReloadFailed)
		return len(told) == 1 && told[0].Class == redisconn.ClassAddress
	})
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	fake.knows("10.1.2.3:26379")
	redisconntest.Eventually(t, 4*sentinelPoll, "a sentinel that may not be dialled is told", func() bool {
		for _, n := range client.Health(t.Context()).Nodes {
			if n.Addr == "10.1.2.3:26379" && n.Class == redisconn.ClassAddress {
				return true
			}
		}
		return false
	})
}
