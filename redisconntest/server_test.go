package redisconntest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

func TestServerAnswersAsSoonAsItIsReturned(t *testing.T) {
	start := time.Now()
	server := redisconntest.NewServer(t)
	t.Logf("started in %v", time.Since(start))
	client := redis.NewClient(server.Options())
	defer client.Close()
	if err := client.Set(within(t, time.Second), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := value(t, server, "k"); got != "v" {
		t.Errorf("the server holds %q, want v", got)
	}
	if server.Network() != "tcp" || server.Socket() != "" || !strings.HasSuffix(server.Addr(), ":"+strconv.Itoa(server.Port())) {
		t.Errorf("network %q, address %q, port %d, socket %q", server.Network(), server.Addr(), server.Port(), server.Socket())
	}
	if !strings.Contains(server.Log(), "Ready to accept connections") {
		t.Errorf("the log is not the server's:\n%s", server.Log())
	}
}

func TestServerOnAUnixSocketHasNoPort(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUnixSocket(), redisconntest.WithPassword("pw"))
	client := redis.NewClient(server.Options())
	defer client.Close()
	if err := client.Ping(within(t, time.Second)).Err(); err != nil {
		t.Fatal(err)
	}
	if server.Port() != 0 || server.Addr() != server.Socket() || server.Network() != "unix" {
		t.Errorf("port %d, address %q, socket %q, network %q", server.Port(), server.Addr(), server.Socket(), server.Network())
	}
	if port := must[map[string]string](t)(server.Client().ConfigGet(t.Context(), "port").Result())["port"]; port != "0" {
		t.Errorf("the server listens on port %s, want none", port)
	}
}

// A password is any bytes. Written to the configuration file carelessly it ends at a space, starts a comment, or is
// cut at a quote, and the server then runs with another password than the test believes.
func TestPasswordsWithSpacesQuotesAndControlCharactersWork(t *testing.T) {
	const password = "a b\"c'd\\e#f%/=+\n\t\x00\xffé"
	server := redisconntest.NewServer(t, redisconntest.WithPassword(password),
		redisconntest.WithUser("worker", password+"2", "~app:*", "+@all"))
	if server.Password() != password {
		t.Errorf("Password() = %q", server.Password())
	}
	client := redis.NewClient(server.Options())
	defer client.Close()
	if err := client.Ping(within(t, time.Second)).Err(); err != nil {
		t.Errorf("default user: %v", err)
	}
	worker := plain(t, server.Addr(), func(o *redis.Options) { o.Username, o.Password = "worker", password+"2" })
	if err := worker.Set(within(t, time.Second), "app:k", "v", 0).Err(); err != nil {
		t.Errorf("worker: %v", err)
	}
	wantError(t, worker.Set(within(t, time.Second), "other", "v", 0).Err(), "NOPERM")
	wrong := plain(t, server.Addr(), func(o *redis.Options) { o.Password = "wrong" })
	wantError(t, wrong.Ping(within(t, time.Second)).Err(), "WRONGPASS")
}

func TestAuditClientWorksWhateverHappensToTheDefaultUser(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("default", "", "off"))
	wantError(t, plain(t, server.Addr()).Ping(within(t, time.Second)).Err(), "NOAUTH")
	if err := server.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Errorf("audit: %v", err)
	}
	server.Restart()
	if err := server.Client().Ping(t.Context()).Err(); err != nil {
		t.Errorf("audit after a restart: %v", err)
	}
}

func TestDirectivesWinOverTheKitsOwn(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithDirective("maxclients", "10"),
		redisconntest.WithDirective("rename-command", "KEYS", ""), redisconntest.WithDirective("save", "900", "1"))
	config := must[map[string]string](t)(server.Client().ConfigGet(t.Context(), "*").Result())
	if config["maxclients"] != "10" || config["save"] != "900 1" {
		t.Errorf("maxclients %q, save %q", config["maxclients"], config["save"])
	}
	wantError(t, server.Client().Keys(t.Context(), "*").Err(), "unknown command")
}

func TestKilledServerComesBackOnItsPortWithItsAppendOnlyFile(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithAppendOnly())
	client := plain(t, server.Addr(), once)
	for range 100 {
		if err := client.Incr(within(t, time.Second), "k").Err(); err != nil {
			t.Fatal(err)
		}
	}
	pid := server.PID()
	server.Kill()
	server.Kill() // once is enough
	if server.PID() != 0 {
		t.Errorf("PID() = %d for a server that was killed", server.PID())
	}
	wantError(t, client.Ping(within(t, time.Second)).Err(), "refused")

	server.Start()
	if server.PID() == 0 || server.PID() == pid {
		t.Errorf("pid %d after the restart, %d before", server.PID(), pid)
	}
	if got := value(t, server, "k"); got != "100" {
		t.Errorf("the counter is %s after the restart, want 100", got)
	}
	if n := must[int64](t)(client.Incr(within(t, time.Second), "k").Result()); n != 101 {
		t.Errorf("the client counts %d, want 101", n)
	}
}

func TestRestartedServerWithoutAFileIsEmpty(t *testing.T) {
	server := redisconntest.NewServer(t)
	must[string](t)(server.Client().Set(t.Context(), "k", "v", 0).Result())
	server.Restart()
	if got := value(t, server, "k"); got != "" {
		t.Errorf("the server still holds %q", got)
	}
}

func TestStopLetsTheServerFinishAlsoWhenPaused(t *testing.T) {
	server := redisconntest.NewServer(t)
	server.Pause()
	server.Stop()
	if log := server.Log(); !strings.Contains(log, "Received SIGTERM") || !strings.Contains(log, "bye bye") {
		t.Errorf("the server did not shut down in an orderly way:\n%s", log)
	}
	server.Stop()
	server.Start()
}

func TestPausedServerAnswersNothingUntilItIsResumed(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := plain(t, server.Addr(), once, func(o *redis.Options) { o.ReadTimeout = 10 * time.Second })
	must[string](t)(client.Ping(t.Context()).Result())

	server.Pause()
	server.Pause()
	answered := make(chan error, 1)
	go func() { answered <- client.Incr(context.WithoutCancel(t.Context()), "k").Err() }()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	server.Resume()
	server.Resume()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if got := value(t, server, "k"); got != "1" {
		t.Errorf("the counter is %s, want 1", got)
	}
}

func TestConnectedClientsLeavesTheKitsOwnConnectionsOut(t *testing.T) {
	server := redisconntest.NewServer(t)
	if n := server.ConnectedClients(); n != 0 {
		t.Errorf("%d clients on a fresh server", n)
	}
	replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(server))
	client := plain(t, server.Addr())
	must[string](t)(client.Ping(t.Context()).Result())
	if n := server.ConnectedClients(); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
	if n := replica.ConnectedClients(); n != 0 {
		t.Errorf("%d clients on the replica, want 0", n)
	}
	_ = client.Close()
	redisconntest.Eventually(t, time.Second, "no clients after Close", func() bool { return server.ConnectedClients() == 0 })
}

func TestCommandCallsCountsExecutions(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := plain(t, server.Addr())
	for range 3 {
		must[int64](t)(client.Incr(t.Context(), "k").Result())
	}
	if n := server.CommandCalls("INCR"); n != 3 {
		t.Errorf("INCR was called %d times, want 3", n)
	}
	if n := server.CommandCalls("incrby"); n != 0 {
		t.Errorf("INCRBY was called %d times, want 0", n)
	}
	before := server.CommandCalls("client id")
	all := server.CommandCalls("client")
	must[int64](t)(client.ClientID(t.Context()).Result())
	if n := server.CommandCalls("client id"); n != before+1 {
		t.Errorf("CLIENT ID was called %d times, want %d", n, before+1)
	}
	if n := server.CommandCalls("client"); n != all+1 {
		t.Errorf("CLIENT was called %d times, want %d", n, all+1)
	}
	server.Restart()
	if n := server.CommandCalls("incr"); n != 0 {
		t.Errorf("INCR was called %d times on the restarted server, want 0", n)
	}
}

func TestReplicaHasItsMastersDataWhenItIsReturned(t *testing.T) {
	for name, tls := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			opts := []redisconntest.ServerOption{redisconntest.WithPassword("pw")}
			if tls {
				opts = append(opts, redisconntest.WithTLS(redisconntest.NewCA(t)), redisconntest.WithTLSClientAuth())
			}
			master := redisconntest.NewServer(t, opts...)
			must[string](t)(master.Client().Set(t.Context(), "k", "v", 0).Result())
			if tls {
				opts = []redisconntest.ServerOption{redisconntest.WithTLS(master.CA())}
			} else {
				opts = nil
			}
			replica := redisconntest.NewServer(t, append(opts, redisconntest.WithReplicaOf(master))...)
			if got := value(t, replica, "k"); got != "v" {
				t.Errorf("the replica holds %q, want v", got)
			}
			wantError(t, replica.Client().Set(t.Context(), "k", "w", 0).Err(), "READONLY")
		})
	}
}

func TestReplicaRestartsWhileItsMasterIsDown(t *testing.T) {
	master := redisconntest.NewServer(t)
	replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(master),
		redisconntest.WithDirective("replica-serve-stale-data", "no"))
	master.Kill()
	replica.Restart()
	wantError(t, replica.Client().Get(t.Context(), "k").Err(), "MASTERDOWN")
}

func TestServerTakesAReservedAddressLater(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	client := plain(t, addr, once)
	wantError(t, client.Ping(within(t, time.Second)).Err(), "refused")
	server := redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if server.Addr() != addr {
		t.Errorf("the server listens on %s, want %s", server.Addr(), addr)
	}
	if err := client.Ping(within(t, time.Second)).Err(); err != nil {
		t.Error(err)
	}
}

// A port that is free for a moment is not ours: between killing a server and starting it again the kernel may hand
// the port to any listener, or to an outgoing connection, and the restart fails with "Address already in use".
func TestReservedPortIsGivenToNobodyWhoAsksForAnyPort(t *testing.T) {
	addr := redisconntest.ReserveAddr(t)
	for range 2000 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got := listener.Addr().String()
		_ = listener.Close()
		if got == addr {
			t.Fatalf("%s was reserved and given away", addr)
		}
	}
}

func TestServerTriesAnotherPortWhenTheChosenOneWasTakenMeanwhile(t *testing.T) {
	first := redisconntest.NewServer(t)
	second := redisconntest.NewServer(t, redisconntest.WithPortTakenMeanwhile(first.Port()))
	if second.Port() == first.Port() {
		t.Fatalf("both servers claim port %d", first.Port())
	}
	if err := second.Client().Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestServerThatCannotStartFailsTheTestWithItsLog(t *testing.T) {
	redisconntest.RequireRedis(t)
	running := redisconntest.NewServer(t)
	ca := redisconntest.NewCA(t)
	tls := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	socket := redisconntest.NewServer(t, redisconntest.WithUnixSocket())
	cases := map[string]struct {
		opts []redisconntest.ServerOption
		says string
	}{
		"unknown directive":      {opts(redisconntest.WithDirective("no-such-directive", "1")), "no-such-directive"},
		"port taken":             {opts(redisconntest.WithPort(running.Port())), "the port is not free"},
		"address without a port": {opts(redisconntest.WithAddr("127.0.0.1")), "missing port"},
		"address with a name":    {opts(redisconntest.WithAddr("127.0.0.1:redis")), "not a number"},
		"socket and port":        {opts(redisconntest.WithUnixSocket(), redisconntest.WithPort(1234)), "exclude"},
		"socket and TLS":         {opts(redisconntest.WithUnixSocket(), redisconntest.WithTLS(ca)), "exclude"},
		"client certificates":    {opts(redisconntest.WithTLSClientAuth()), "needs WithTLS"},
		"replica of a socket":    {opts(redisconntest.WithReplicaOf(socket)), "a master with a port"},
		"replica without TLS":    {opts(redisconntest.WithReplicaOf(tls)), "needs WithTLS"},
		"user without rights":    {opts(redisconntest.WithDirective("user", "redisconntest", "off")), "redisconntest"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := redisconntest.Run(func(t testing.TB) { redisconntest.NewServer(t, c.opts...) })
			wantError(t, err, c.says)
		})
	}
}

func opts(o ...redisconntest.ServerOption) []redisconntest.ServerOption { return o }

func TestMisuseOfAServerIsReported(t *testing.T) {
	redisconntest.RequireRedis(t)
	var server *redisconntest.Server
	err := redisconntest.Run(func(t testing.TB) {
		server = redisconntest.NewServer(t)
		server.Start()
		server.Kill()
		server.Pause()
		server.ConnectedClients()
		server.CommandCalls("get")
	})
	wantError(t, err, "Start: the server runs already", "Pause: the server does not run", "ConnectedClients: ", `CommandCalls("get"): `)

	over := redisconntest.Run(func(testing.TB) { server.Start() })
	if over != nil {
		t.Errorf("the misuse was reported to another test: %v", over)
	}
	if server.PID() != 0 {
		t.Error("a server was started after its test")
	}
	if log := server.Log(); !strings.Contains(log, "no such file") {
		t.Errorf("the log of a server whose test is over: %q", log)
	}
}

func TestServerThatExitsOrNeverAnswersIsReported(t *testing.T) {
	redisconntest.RequireRedis(t)
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\necho asleep\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := redisconntest.Run(func(t testing.TB) {
		server := redisconntest.NewServer(t)
		server.Kill()
		redisconntest.WithServerProgram(server, filepath.Join(t.TempDir(), "absent"))
		server.Start()
		redisconntest.WithServerProgram(server, "/bin/true")
		server.Start()
	})
	wantError(t, err, "cannot start", "exited instead of answering")

	t.Setenv(redisconntest.ServerEnv, sleeper)
	err = redisconntest.Run(func(t testing.TB) {
		redisconntest.NewServer(t, redisconntest.WithPatience(100*time.Millisecond))
	})
	wantError(t, err, "does not answer within 100ms", "refused", "asleep")
}

func TestReplicaThatCannotReachItsMasterIsReported(t *testing.T) {
	redisconntest.RequireRedis(t)
	err := redisconntest.Run(func(t testing.TB) {
		master := redisconntest.NewServer(t)
		master.Kill()
		redisconntest.NewServer(t, redisconntest.WithReplicaOf(master), redisconntest.WithPatience(300*time.Millisecond))
	})
	wantError(t, err, `link to its master is "down"`, "Connecting to MASTER")
}

// A server that reads its file back says so to every client: a test that goes on too early sees LOADING.
func TestStartWaitsUntilTheDataIsLoaded(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithAppendOnly(), redisconntest.WithDirective("enable-debug-command", "local"),
		redisconntest.WithDirective("key-load-delay", "20000")) // microseconds per key
	for i := range 20 {
		must[string](t)(server.Client().Set(t.Context(), fmt.Sprint("k", i), i, 0).Result())
	}
	server.Restart()
	client := plain(t, server.Addr(), once)
	if n := must[int64](t)(client.DBSize(t.Context()).Result()); n != 20 {
		t.Errorf("%d keys, want 20", n)
	}
}

func TestMissingServerProgramSkipsTheTestOrFailsItWhereRequired(t *testing.T) {
	t.Setenv(redisconntest.ServerEnv, "no-such-redis-server")
	t.Setenv(redisconntest.RequireEnv, "")
	err := redisconntest.Run(func(t testing.TB) { redisconntest.NewServer(t) })
	wantError(t, err, "skipped", "no-such-redis-server is not installed", "apt-get install redis-server")

	t.Setenv(redisconntest.RequireEnv, "1")
	err = redisconntest.Run(func(t testing.TB) { redisconntest.NewServer(t) })
	wantError(t, err, "no-such-redis-server is not installed", "REDISCONN_REQUIRE_REDIS=1")
	if strings.Contains(err.Error(), "skipped") {
		t.Errorf("a required server was skipped: %v", err)
	}
}

const dieEnv = "REDISCONNTEST_DIE"

// startServerAndDie is the body of a test binary that dies without running a cleanup.
func startServerAndDie(mode string) {
	_ = redisconntest.Run(func(t testing.TB) {
		server := redisconntest.NewServer(t)
		fmt.Println(server.Addr())
		switch mode {
		case "panic":
			go panic("on purpose")
		case "exit":
			os.Exit(3)
		case "kill":
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
		}
		select {}
	})
}

// A test binary that dies runs no cleanups: go test's timeout, a panic in a goroutine, os.Exit, an operator's kill
// -9. Servers left behind by them pile up on developers' machines and hold ports and memory.
func TestServerDiesWithATestBinaryThatRunsNoCleanups(t *testing.T) {
	redisconntest.RequireRedis(t)
	for _, mode := range []string{"panic", "exit", "kill"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), dieEnv+"="+mode, "TMPDIR="+t.TempDir())
			output, err := cmd.Output()
			if err == nil {
				t.Fatal("the binary was to die and did not")
			}
			addr, _, found := strings.Cut(string(output), "\n")
			if !found {
				t.Fatalf("the binary died (%v) before it had started a server: %q", err, output)
			}
			redisconntest.Eventually(t, 5*time.Second, "the server is gone", func() bool {
				conn, err := net.DialTimeout("tcp", addr, time.Second)
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			})
		})
	}
}

func TestConfigurationLinesAreQuotedAsTheServerReadsThem(t *testing.T) {
	got := redisconntest.ConfigLine("requirepass", "a\"b\\c\nd", "")
	if want := `requirepass "a\"b\\c\x0ad" ""` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCommandStatisticsAreReadByWholeName(t *testing.T) {
	const info = "# Commandstats\r\ncmdstat_get:calls=2,usec=1\r\ncmdstat_getex:calls=5,usec=1\r\n" +
		"cmdstat_client|list:calls=3,usec=1\r\ncmdstat_client|id:calls=4,usec=1\r\n"
	for name, want := range map[string]int64{"get": 2, "GETEX": 5, "client": 7, "client list": 3, "CLIENT|ID": 4, "set": 0} {
		if got := redisconntest.CommandCalls(info, name); got != want {
			t.Errorf("%s: %d calls, want %d", name, got, want)
		}
	}
}
