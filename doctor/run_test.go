package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAServerThatIsWellFailsNothing(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret"), redisconntest.WithUser("default", "", "off"))
	var checked, told []string
	permission, err := doctor.ParsePermission("get,set,incr,config|get,ping cache:*")
	if err != nil {
		t.Fatal(err)
	}
	report := doctor.Run(t.Context(), configFor(strings.Replace(server.Addr(), "127.0.0.1", "localhost", 1), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "app", "secret"
	}), doctor.Options{
		Permissions: []doctor.Permission{permission},
		OnCheck:     func(c doctor.Check) { checked = append(checked, c.ID) },
		OnResult:    func(r doctor.Result) { told = append(told, r.ID) },
	})
	if got := ids(report, doctor.OutcomeFail); got != "" || !report.Success() || report.ExitCode() != doctor.ExitOK {
		t.Errorf("fails: %s", got)
	}
	if len(report.Results) != len(doctor.Checks()) || len(checked) != len(report.Results) || !slices.Equal(checked, told) {
		t.Errorf("%d results of %d checks, %d told", len(report.Results), len(doctor.Checks()), len(told))
	}
	for id, detail := range map[string]string{
		"RC-C000": "fields set", "RC-N001": "localhost resolves to", "RC-N011": "behind the name", "RC-A001": "a password is given",
		"RC-A002": "user app", "RC-L001": "user app may do all 5 things", "RC-H010": "redis", "RC-P001": "standalone", "RC-P002": "master",
		"RC-S002": "no limit", "RC-S003": "room for", "RC-S004": "went well", "RC-S005": "0 replicas", "RC-S007": "wants a password",
		"RC-S008": "protected", "RC-K001": "agree", "RC-W001": "keeps idle connections", "RC-W002": "300 seconds", "RC-W003": "noticed within 15s",
	} {
		expect(t, result(t, report, id), doctor.OutcomePass, detail)
	}
	if skipped := strings.Fields(ids(report, doctor.OutcomeSkip)); len(skipped) == 0 {
		t.Error("nothing was found to be not needed")
	} else {
		for _, id := range skipped {
			if r := result(t, report, id); !r.Moot || r.Took != 0 {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestAnEncryptedLinkIsProvedPieceByPiece(t *testing.T) {
	ca := redisconntest.NewCA(t)
	lasting := redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(60*24*time.Hour))
	ca.Rotate(lasting)
	ca.Retire()
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, lasting), redisconntest.WithTLSClientAuth())
	client := ca.ClientCert()
	report := doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) {
		c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), CertFile: client.CertFile, KeyFile: client.KeyFile, MinVersion: "1.3"}
	}), only(t, "tls", "RC-K002", "RC-H010"))
	for id, detail := range map[string]string{
		"RC-C202": ca.CAFile(), "RC-C203": client.CertFile, "RC-T001": "speaks TLS", "RC-T002": "trusted", "RC-T003": "127.0.0.1", "RC-T004": "valid until",
		"RC-T005": "TLS 1.3", "RC-K002": "59 days left",
	} {
		expect(t, result(t, report, id), doctor.OutcomePass, detail)
	}
	if got := ids(report, doctor.OutcomeFail); got != "" {
		t.Errorf("fails: %s", got)
	}
	named := examined(t, configFor(server.Addr(), func(c *redisconn.Config) {
		c.TLS = redisconn.TLSConfig{Enabled: true, CAFile: ca.CAFile(), CertFile: client.CertFile, KeyFile: client.KeyFile, ServerName: "localhost"}
	}), "RC-T003")
	expect(t, named, doctor.OutcomePass, "localhost")
}

// Containers get certificates in variables, with \n for their line breaks.
func TestCertificatesInVariablesAreExaminedAsThoseInFiles(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	client := ca.ClientCert()
	inline := func(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }
	cfg := configFor(server.Addr(), func(c *redisconn.Config) {
		c.TLS = redisconn.TLSConfig{Enabled: true, CA: inline(string(ca.PEM())), Cert: inline(readFile(t, client.CertFile)), Key: redisconn.Secret(inline(readFile(t, client.KeyFile)))}
	})
	report := doctor.Run(t.Context(), cfg, only(t, "tls"))
	for id, detail := range map[string]string{"RC-C202": "tls.ca", "RC-C203": "tls.cert", "RC-T002": "trusted", "RC-T005": "TLS 1.3"} {
		expect(t, result(t, report, id), doctor.OutcomePass, detail)
	}
	for name, text := range bundled(t, report) {
		if strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s holds the key", name)
		}
	}
	cfg.TLS.CA = "no PEM"
	if r := examined(t, cfg, "RC-C202"); r.Outcome != doctor.OutcomeFail || r.Evidence[0].Name != "tls.ca" {
		t.Errorf("%+v", r)
	}
}

// A managed Redis forbids INFO, CONFIG and ACL to everybody; that is no fault of
// the connection.
func TestWhatTheUserMayNotAskIsSkippedWithThatReason(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~*", "+@all", "-@admin", "-info", "-config", "-acl", "-time", "-command", "-cluster"))
	permission := doctor.Permission{Commands: []string{"get"}}
	report := doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "app", "secret"
	}), doctor.Options{Permissions: []doctor.Permission{permission}})
	if got := ids(report, doctor.OutcomeFail); got != "" {
		t.Errorf("fails: %s", got)
	}
	for id, what := range map[string]string{
		"RC-L001": "ACL WHOAMI", "RC-P002": "INFO", "RC-S002": "INFO", "RC-S003": "INFO", "RC-S004": "INFO", "RC-S005": "INFO", "RC-S006": "INFO",
		"RC-S008": "CONFIG GET protected-mode", "RC-K001": "TIME", "RC-W001": "CONFIG GET timeout", "RC-W002": "CONFIG GET tcp-keepalive",
	} {
		if r := result(t, report, id); r.Outcome != doctor.OutcomeSkip || r.Detail != "the user may not run "+what || r.Moot {
			t.Errorf("%+v", r)
		}
	}
	// Mode and role are in HELLO too; that nobody gave a password is tried, not asked.
	expect(t, result(t, report, "RC-P001"), doctor.OutcomePass, "standalone")
	expect(t, result(t, report, "RC-S007"), doctor.OutcomeWarn, "no password is needed")
}

func TestWhoMayNotTryIsToldWhatAnAdministratorTypes(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~*", "+@all", "-acl|dryrun"))
	options := only(t, "RC-L001")
	options.Permissions = []doctor.Permission{{Commands: []string{"get"}, Keys: []string{"cache:*"}}}
	r := result(t, doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "app", "secret"
	}), options), "RC-L001")
	expect(t, r, doctor.OutcomeSkip, "may not run ACL DRYRUN")
	if len(r.Fix) != 1 || !strings.HasSuffix(r.Fix[0].Command, "ACL DRYRUN app get cache:doctor") {
		t.Errorf("%+v", r.Fix)
	}
}

func TestACommandThatDoesNotExistIsNotAllowed(t *testing.T) {
	options := only(t, "RC-L001")
	options.Permissions = []doctor.Permission{{Commands: []string{"nosuch"}}}
	r := result(t, doctor.Run(t.Context(), configFor(redisconntest.NewServer(t).Addr()), options), "RC-L001")
	expect(t, r, doctor.OutcomeFail, "'nosuch' not found")
}

func TestAnOfflineExaminationConnectsNowhere(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	calls := server.CommandCalls("hello")
	report := doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, "/no/such/ca.pem" }), doctor.Options{Offline: true})
	if got := ids(report, doctor.OutcomeFail); got != "RC-C202" || report.ExitCode() != doctor.ExitConfig {
		t.Errorf("fails: %s, exit code %d", got, report.ExitCode())
	}
	report = doctor.Run(t.Context(), configFor(server.Addr()), doctor.Options{Offline: true, Wait: time.Minute})
	if !report.Success() || report.Took > 20*time.Second {
		t.Errorf("%s after %s", report.Summary(), report.Took)
	}
	for _, r := range report.Results {
		if r.Layer != doctor.LayerConfig {
			expect(t, r, doctor.OutcomeSkip, "not made offline")
		}
	}
	// The layer config alone needs no connection either.
	if report = doctor.Run(t.Context(), configFor(server.Addr()), only(t, "config")); !report.Success() {
		t.Errorf("%s", report.Summary())
	}
	if again := server.CommandCalls("hello"); again != calls {
		t.Errorf("%d connections", again-calls)
	}
}

func TestWaitingEndsWithTheServerOrTheTime(t *testing.T) {
	redisconntest.NoLeaks(t)
	addr := redisconntest.ReserveAddr(t)
	options := only(t, "handshake")
	options.Wait = 300 * time.Millisecond
	report := doctor.Run(t.Context(), configFor(addr), options)
	if !report.WaitOver || report.ExitCode() != doctor.ExitDeadline || ids(report, doctor.OutcomeFail) != "RC-N010" {
		t.Errorf("%s, exit code %d", report.Summary(), report.ExitCode())
	}

	waiting, heard := make(chan struct{}), false
	options.Wait = 30 * time.Second
	options.OnWait = func(redisconn.Event) {
		if !heard {
			close(waiting)
		}
		heard = true
	}
	ended := make(chan *doctor.Report)
	go func() { ended <- doctor.Run(t.Context(), configFor(addr), options) }()
	<-waiting
	redisconntest.NewServer(t, redisconntest.WithAddr(addr))
	if report := <-ended; !report.Success() || report.WaitOver {
		t.Errorf("%s", report.Summary())
	}
}

func TestABuilderTellsWhereMistakesComeFrom(t *testing.T) {
	b := redisconn.NewBuilder().Environ("REDIS_", []string{"REDIS_POOL_SIZE=many", "REDIS_PASWORD=x", "REDIS_HOST=cache"})
	report := doctor.RunBuilder(t.Context(), b, doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "RC-C000" || report.ExitCode() != doctor.ExitConfig || report.Target != "" {
		t.Errorf("fails: %s", got)
	}
	broken := result(t, report, "RC-C000")
	if len(broken.Evidence) != 1 || broken.Evidence[0].Name != "pool.size" || !strings.Contains(fmt.Sprint(broken.Evidence[0].Value), "(env REDIS_POOL_SIZE)") {
		t.Errorf("%+v", broken)
	}
	expect(t, result(t, report, "RC-C102"), doctor.OutcomeWarn, "REDIS_PASWORD")

	b = redisconn.NewBuilder().Environ("REDIS_", []string{"REDIS_HOST=", "REDIS_TLS=true", "REDIS_TLS_CA_FILE=/no/such/ca.pem", "REDIS_DB=-1"})
	if r := result(t, doctor.RunBuilder(t.Context(), b, doctor.Options{}), "RC-C000"); r.Outcome != doctor.OutcomeFail {
		t.Errorf("%+v", r)
	}
	b = redisconn.NewBuilder().PoolSize(-1).DB(-1)
	if r := result(t, doctor.RunBuilder(t.Context(), b, doctor.Options{}), "RC-C000"); r.Detail != "2 problems" || len(r.Evidence) != 2 || len(r.Fix) < 2 {
		t.Errorf("%+v", r)
	}
}

func TestTheEmbeddedServerIsExaminedWithoutANetwork(t *testing.T) {
	redisconntest.NoLeaks(t)
	cfg := redisconn.Config{Mode: redisconn.ModeEmbedded}
	report := doctor.Run(t.Context(), cfg, doctor.Options{Client: []redisconn.Option{embedded.Option()}})
	if got := ids(report, doctor.OutcomeFail); got != "" || report.Target != "embedded" {
		t.Errorf("fails: %s\n%+v", got, report.Results)
	}
	// Without its option nobody can start it, which is a fault of the program.
	if got := ids(doctor.Run(t.Context(), cfg, doctor.Options{}), doctor.OutcomeFail); got != "RC-C000" {
		t.Errorf("fails: %s", got)
	}
}

func TestAUnixSocketHasNoNameAndNoPort(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUnixSocket())
	report := doctor.Run(t.Context(), configFor(server.Addr()), doctor.Options{})
	if got := ids(report, doctor.OutcomeFail); got != "" {
		t.Errorf("fails: %s", got)
	}
	expect(t, result(t, report, "RC-N001"), doctor.OutcomeSkip, "a unix socket has no name")
	expect(t, result(t, report, "RC-S007"), doctor.OutcomePass, "its own machine alone")
	for _, id := range []string{"RC-W002", "RC-W003"} {
		if r := result(t, report, id); !r.Moot {
			t.Errorf("%+v", r)
		}
	}
	report = doctor.Run(t.Context(), configFor(server.Addr()+"x"), only(t, "tcp"))
	if r := result(t, report, "RC-N010"); r.Fix[0].Command != "ls -l "+server.Addr()+"x" {
		t.Errorf("%+v", r.Fix)
	}
}

// A user that may do nothing but come in is let in nevertheless.
func TestNobodyIsLetInAlsoWhereHeMayDoNothing(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithDirective("bind", "0.0.0.0"),
		redisconntest.WithUser("default", "", "~*", "+@all", "-ping"), redisconntest.WithUser("app", "secret"))
	r := examined(t, configFor(server.Addr(), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "app", "secret"
	}), "RC-S007")
	expect(t, r, doctor.OutcomeWarn, "no password is needed")
}

// One attempt of a client's ends with Timeouts.Connect, which is shorter than many waits.
func TestWaitingOutlastsTheTimeOfOneConnect(t *testing.T) {
	options := only(t, "tcp")
	options.Wait = 1200 * time.Millisecond
	began := time.Now()
	report := doctor.Run(t.Context(), configFor(redisconntest.ReserveAddr(t), func(c *redisconn.Config) { c.Timeouts.Connect = 100 * time.Millisecond }), options)
	if took := time.Since(began); took < options.Wait || !report.WaitOver {
		t.Errorf("it gave up after %s", took)
	}
}

func TestTheFirstCertificateOfTheChainToEndCounts(t *testing.T) {
	ca := redisconntest.NewCA(t) // lasts a day
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(60*24*time.Hour))))
	r := examined(t, configFor(server.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, ca.CAFile() }), "RC-K002")
	expect(t, r, doctor.OutcomeWarn, "ends at")
}

func TestAProgramAddsChecksOfItsOwn(t *testing.T) {
	server := redisconntest.NewServer(t)
	own := doctor.Check{
		ID: "APP-1", Layer: doctor.LayerExtra, Title: "the cache is warm", Needs: []string{"RC-H010"}, Cause: "a flush",
		Fix: []doctor.Remedy{{Text: "warm it", Command: "{cli} SET warm 1"}},
		Run: func(ctx context.Context, p *doctor.Patient) doctor.Finding {
			if n := p.Client().Exists(ctx, "warm").Val(); n == 0 {
				return doctor.Fail("", "the key warm is missing from "+p.Config().Connection.Addrs[0])
			}
			return doctor.Pass("the cache is warm")
		},
	}
	examine := func(addr string) doctor.Result {
		options := only(t, "RC-H010")
		options.Checks = append(options.Checks, own)
		return result(t, doctor.Run(t.Context(), configFor(addr), options), "APP-1")
	}
	if r := examine(server.Addr()); r.Outcome != doctor.OutcomeFail || r.Cause != "a flush" || !strings.HasPrefix(r.Fix[0].Command, "redis-cli -h 127.0.0.1") || r.DocURL != "" {
		t.Errorf("%+v", r)
	}
	command(t, server, "SET", "warm", "1")
	expect(t, examine(server.Addr()), doctor.OutcomePass, "warm")
	if r := examine(redisconntest.ReserveAddr(t)); r.Outcome != doctor.OutcomeSkip || r.Root != "RC-N010" {
		t.Errorf("%+v", r)
	}
}

// A program that reaches Redis through a tunnel has names that only its dialer knows.
func TestTheProgramsOwnDialerOpensEveryConnection(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertHosts("cache.internal")))
	var dials atomic.Int64
	tunnel := func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		if addr != "cache.internal:6379" {
			t.Errorf("%s was dialled", addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, server.Addr())
	}
	report := doctor.Run(t.Context(), configFor("cache.internal:6379", func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, ca.CAFile() }), doctor.Options{Dial: tunnel})
	if got := ids(report, doctor.OutcomeFail); got != "" {
		t.Errorf("fails: %s", got)
	}
	if n := dials.Load(); n < 4 { // the client's probe and pool, the look at the certificate, nobody's way in
		t.Errorf("%d connections", n)
	}
	expect(t, result(t, report, "RC-N001"), doctor.OutcomeSkip, "dials by itself")
	expect(t, result(t, report, "RC-T003"), doctor.OutcomePass, "cache.internal")
	expect(t, result(t, report, "RC-W003"), doctor.OutcomePass, "noticed within 15s")
}

func TestAPatientThatIsNotConnectedHasNoClient(t *testing.T) {
	met := false
	own := doctor.Check{ID: "APP-1", Layer: doctor.LayerExtra, Run: func(_ context.Context, p *doctor.Patient) doctor.Finding {
		met = true
		if p.Client() != nil {
			return doctor.Fail("", "there is a client")
		}
		return doctor.Skip("there is none")
	}}
	report := doctor.Run(t.Context(), configFor(redisconntest.ReserveAddr(t)), doctor.Options{Checks: []doctor.Check{own}})
	if expect(t, report.Results[0], doctor.OutcomeSkip, "none"); !met || report.Worst() != doctor.OutcomeSkip {
		t.Errorf("%+v", report.Results)
	}
}

func TestAnExaminationThatIsInterruptedSkipsTheRest(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report := doctor.Run(ctx, configFor(server.Addr()), doctor.Options{OnResult: func(r doctor.Result) {
		if r.ID == "RC-H010" {
			cancel()
		}
	}})
	expect(t, result(t, report, "RC-S002"), doctor.OutcomeSkip, "interrupted")

	ended, stop := context.WithCancel(t.Context())
	stop()
	if r := doctor.Run(ended, configFor(server.Addr()), doctor.Options{}); ids(r, doctor.OutcomePass)+ids(r, doctor.OutcomeFail) != "" {
		t.Errorf("%s", r.Summary())
	}
}

func TestAServerThatStopsInTheMiddleCostsEachCheckItsOwnTimeOnly(t *testing.T) {
	server := redisconntest.NewServer(t)
	options := doctor.Options{Timeout: 50 * time.Millisecond, OnResult: func(r doctor.Result) {
		if r.ID == "RC-H010" {
			server.Pause()
		}
	}}
	began := time.Now()
	report := doctor.Run(t.Context(), configFor(server.Addr()), options)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if failed := ids(report, doctor.OutcomeFail); !strings.Contains(failed, "RC-K001") {
		t.Errorf("fails: %s", failed)
	}
}

func TestReportsAreJSONWhereverTheyAreMarshalled(t *testing.T) {
	text, err := json.Marshal(sample())
	if err != nil || !strings.Contains(string(text), `"ping_p99_ms":1.3`) {
		t.Errorf("%s, %v", text, err)
	}
}
