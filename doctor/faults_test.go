package doctor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// fault is a setup that is broken in one way, the checks that must fail, all of
// them, and those that must warn, among others that may.
type fault struct {
	name   string
	cfg    redisconn.Config
	can    string
	fails  string
	warns  string
	class  redisconn.Class // of the first that fails
	many   int             // instances of the program
	types  string          // how the first command of its repair ends
	broken func(t *testing.T)
}

func TestEveryFaultEndsInItsCheck(t *testing.T) {
	redisconntest.NoLeaks(t)
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			if f.broken != nil {
				f.broken(t)
			}
			options := doctor.Options{Instances: f.many}
			if f.can != "" {
				permission, err := doctor.ParsePermission(f.can)
				if err != nil {
					t.Fatal(err)
				}
				options.Permissions = []doctor.Permission{permission}
			}
			report := doctor.Run(t.Context(), f.cfg, options)
			if got := ids(report, doctor.OutcomeFail); got != f.fails {
				t.Errorf("fails: %s, want %s", got, f.fails)
			}
			if f.fails != "" {
				worst := f.fails
				if len(worst) > 7 {
					worst = worst[:7]
				}
				if r := result(t, report, worst); r.Class != f.class || !strings.HasSuffix(r.Fix[0].Command, f.types) {
					t.Errorf("%+v", r)
				}
			}
			if f.warns != "" {
				expect(t, result(t, report, f.warns), doctor.OutcomeWarn, "")
			}
			sound(t, report)
			for _, r := range report.Results {
				if r.Outcome == doctor.OutcomeSkip && r.Detail == "" {
					t.Errorf("%s was skipped for no reason", r.ID)
				}
			}
		})
	}
}

// faults starts what the setups need.
func faults(t *testing.T) []fault {
	var (
		ca, otherCA = redisconntest.NewCA(t), redisconntest.NewCA(t)
		plain       = redisconntest.NewServer(t)
		guarded     = redisconntest.NewServer(t, redisconntest.WithPassword("right"),
			redisconntest.WithUser("nobody", "right", "off"), redisconntest.WithUser("mute", "right", "~*", "+@all", "-ping"),
			redisconntest.WithUser("reader", "right", "~cache:*", "+@all", "-set"))
		encrypted = redisconntest.NewServer(t, redisconntest.WithTLS(ca))
		expired   = redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertExpired()))
		future    = redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertValid(time.Now().Add(time.Hour), time.Now().Add(48*time.Hour))))
		elsewhere = redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertHosts("cache.internal")))
		mutual    = redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
		old       = redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithDirective("tls-protocols", "TLSv1.2"))
		settings  = redisconntest.NewServer(t, redisconntest.WithDirective("timeout", "60"), redisconntest.WithDirective("tcp-keepalive", "0"))
		small     = redisconntest.NewServer(t, redisconntest.WithDirective("maxclients", "12"))
		full      = redisconntest.NewServer(t, redisconntest.WithDirective("maxmemory", "1"), redisconntest.WithDirective("maxmemory-policy", "noeviction"))
		master    = redisconntest.NewServer(t)
		replica   = redisconntest.NewServer(t, redisconntest.WithReplicaOf(master))
		alone     = redisconntest.NewServer(t, redisconntest.WithDirective("min-replicas-to-write", "1"))
		exposed   = redisconntest.NewServer(t, redisconntest.WithDirective("protected-mode", "no"), redisconntest.WithDirective("bind", "0.0.0.0"))
		unsaved   = redisconntest.NewServer(t, redisconntest.WithDirective("dbfilename", "taken"))
		source    = redisconntest.NewServer(t)
		honest    = redisconntest.NewServer(t, redisconntest.WithReplicaOf(source), redisconntest.WithDirective("replica-serve-stale-data", "no"))
		shy       = inProtectedMode(t)
		busy      = redisconntest.NewServer(t, redisconntest.WithDirective("lua-time-limit", "50"))
		appending = redisconntest.NewServer(t, redisconntest.WithAppendOnly())
		loading   = redisconntest.NewProxy(t, plain.Addr())
		crowded   = redisconntest.NewProxy(t, plain.Addr())
		slow      = redisconntest.NewProxy(t, plain.Addr())
		hole      = redisconntest.NewProxy(t, plain.Addr())
		reset     = redisconntest.NewProxy(t, plain.Addr())
		finished  = redisconntest.NewProxy(t, plain.Addr())
	)
	loading.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
	crowded.Answer(redisconntest.Any, redisconntest.Always, redisconntest.MaxClients)
	slow.Delay(70 * time.Millisecond)
	hole.Blackhole()
	reset.DropRequest(redisconntest.Any, redisconntest.Always)
	finished.CutWith(redisconntest.Finish)
	finished.DropRequest(redisconntest.Any, redisconntest.Always)
	dir := t.TempDir()
	writable := filepath.Join(dir, "password")
	writeFile(t, writable, "right\n")
	if err := os.Chmod(writable, 0o666); err != nil { // the umask may have withheld some of it
		t.Fatal(err)
	}
	stranger := otherCA.ClientCert()

	quick := func(c *redisconn.Config) { c.Timeouts.Dial = 300 * time.Millisecond }
	password := func(user, password string) func(*redisconn.Config) {
		return func(c *redisconn.Config) {
			c.Connection.Username, c.Connection.Password = user, redisconn.Secret(password)
		}
	}
	trusting := func(ca *redisconntest.CA) func(*redisconn.Config) {
		return func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, ca.CAFile() }
	}
	tls := func(s *redisconntest.Server, changes ...func(*redisconn.Config)) redisconn.Config {
		return configFor(s.Addr(), append([]func(*redisconn.Config){trusting(ca)}, changes...)...)
	}
	return []fault{
		{name: "ADefaultIsAskedForByAnImpossibleValue", cfg: configFor(plain.Addr(), func(c *redisconn.Config) { c.Pool.Size = -1 }), fails: "RC-C000", class: redisconn.ClassConfig},
		{name: "EverybodyCanChangeThePassword", cfg: configFor(plain.Addr(), func(c *redisconn.Config) { c.Connection.PasswordFile = writable }), fails: "RC-C201", class: redisconn.ClassConfig},
		{name: "TheAuthorityIsMissing", cfg: configFor(encrypted.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, "/no/such/ca.pem" }), fails: "RC-C202", class: redisconn.ClassConfig},
		{name: "TheKeyIsAnothers", cfg: tls(mutual, func(c *redisconn.Config) {
			c.TLS.CertFile, c.TLS.KeyFile = ca.ClientCert().CertFile, stranger.KeyFile
		}), fails: "RC-C203", class: redisconn.ClassConfig},
		{name: "ATimeoutIsLongerThanItsWhole", cfg: configFor(plain.Addr(), func(c *redisconn.Config) { c.Timeouts.Read = time.Minute }), warns: "RC-C011"},

		{name: "TheNameDoesNotExist", cfg: configFor("no..such.host:6379"), fails: "RC-N001", class: redisconn.ClassDNS},
		{name: "NothingListens", cfg: configFor(redisconntest.ReserveAddr(t)), fails: "RC-N010", class: redisconn.ClassRefused},
		{name: "TheSocketDoesNotExist", cfg: configFor(filepath.Join(dir, "redis.sock")), fails: "RC-N010", class: redisconn.ClassRefused},
		{name: "PacketsAreDropped", cfg: configFor(redisconntest.NewUnreachable(t), quick), fails: "RC-N010", class: redisconn.ClassUnreachable},

		{name: "ThePortSpeaksNoTLS", cfg: tls(plain), fails: "RC-T001", class: redisconn.ClassTLSMismatch},
		{name: "ThePortSpeaksTLS", cfg: configFor(encrypted.Addr()), fails: "RC-T001", class: redisconn.ClassTLSMismatch},
		{name: "TheServerSpeaksAnOlderTLS", cfg: tls(old, func(c *redisconn.Config) { c.TLS.MinVersion = "1.3" }), fails: "RC-T001", class: redisconn.ClassTLS},
		{name: "TheAuthorityIsAnother", cfg: configFor(encrypted.Addr(), trusting(otherCA)), fails: "RC-T002", class: redisconn.ClassTLS},
		{name: "TheAuthorityIsNotTheSystems", cfg: configFor(encrypted.Addr(), func(c *redisconn.Config) { c.TLS.Enabled = true }), fails: "RC-T002", class: redisconn.ClassTLS},
		{name: "TheCertificateNamesAnotherHost", cfg: tls(elsewhere), fails: "RC-T003", class: redisconn.ClassTLS},
		{name: "TheCertificateHasExpired", cfg: tls(expired), fails: "RC-T004", class: redisconn.ClassTLS},
		{name: "TheCertificateHasNotBegun", cfg: tls(future), fails: "RC-T004", class: redisconn.ClassTLS},
		{name: "NoCertificateIsVerified", cfg: configFor(encrypted.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.InsecureSkipVerify = true, true }), warns: "RC-T002"},
		{name: "TheServerWantsACertificate", cfg: tls(mutual), fails: "RC-T005", class: redisconn.ClassTLS},
		{name: "TheServerWantsAnotherCertificate", cfg: tls(mutual, func(c *redisconn.Config) {
			c.TLS.CertFile, c.TLS.KeyFile = stranger.CertFile, stranger.KeyFile
		}), fails: "RC-T005", class: redisconn.ClassTLS},
		{name: "TheCertificateIsAboutToEnd", cfg: tls(encrypted), warns: "RC-K002"}, // the kit's last a day

		{name: "ThePasswordIsMissing", cfg: configFor(guarded.Addr()), fails: "RC-A001", class: redisconn.ClassAuth, types: "redisconn config"},
		{name: "TheServerIsInProtectedMode", cfg: configFor(shy.Addr()), fails: "RC-A001", class: redisconn.ClassAuth, types: "CONFIG SET requirepass PASSWORD"},
		{name: "ThePasswordIsWrong", cfg: configFor(guarded.Addr(), password("", "wrong")), fails: "RC-A002", class: redisconn.ClassAuth},
		{name: "TheUserIsOff", cfg: configFor(guarded.Addr(), password("nobody", "right")), fails: "RC-A002", class: redisconn.ClassAuth},
		{name: "TheUserMayNotPing", cfg: configFor(guarded.Addr(), password("mute", "right")), fails: "RC-A003", class: redisconn.ClassACL},
		{name: "TheUserMayNotWrite", cfg: configFor(guarded.Addr(), password("reader", "right")), can: "get,set cache:*", fails: "RC-L001", class: redisconn.ClassACL},
		{name: "TheUserMayNotTouchTheKeys", cfg: configFor(guarded.Addr(), password("reader", "right")), can: "get,mget session:*", fails: "RC-L001", class: redisconn.ClassACL},

		{name: "AWebServerAnswers", cfg: configFor(redisconntest.NewScripted(t, redisconntest.HTTPAnswer).Addr()), fails: "RC-H001", class: redisconn.ClassProtocol},
		{name: "NoProtocolAnswers", cfg: configFor(redisconntest.NewScripted(t, redisconntest.Garbage).Addr()), fails: "RC-H001", class: redisconn.ClassProtocol},
		{name: "WhatIsSentVanishes", cfg: configFor(hole.Addr(), quick), fails: "RC-H001", class: redisconn.ClassTimeout},
		{name: "TheConnectionIsReset", cfg: configFor(reset.Addr()), fails: "RC-H001", class: redisconn.ClassLost},
		{name: "TheConnectionIsFinished", cfg: configFor(finished.Addr()), fails: "RC-H001", class: redisconn.ClassLost},
		{name: "NobodyAnswers", cfg: configFor(redisconntest.NewUnanswered(t), quick), fails: "RC-H001", class: redisconn.ClassTimeout},
		{name: "TheServerHangsUp", cfg: configFor(redisconntest.NewScripted(t, redisconntest.HangUp).Addr()), fails: "RC-H001", class: redisconn.ClassLost},
		{name: "TheServerIsCrowded", cfg: configFor(crowded.Addr()), fails: "RC-H002", class: redisconn.ClassMaxClients},
		{name: "TheDatabaseDoesNotExist", cfg: configFor(plain.Addr(), func(c *redisconn.Config) { c.Connection.DB = 99 }), fails: "RC-H003", class: redisconn.ClassDatabase},
		{name: "TheServerIsLoading", cfg: configFor(loading.Addr()), fails: "RC-H004", class: redisconn.ClassLoading, types: "INFO persistence"},
		{name: "AScriptHoldsTheServerUp", cfg: configFor(busy.Addr()), fails: "RC-H004", class: redisconn.ClassBusy, types: "SCRIPT KILL", broken: func(t *testing.T) { holdUp(t, busy) }},
		{name: "TheReplicaWithoutAMasterIsSilent", cfg: configFor(honest.Addr()), fails: "RC-H004", class: redisconn.ClassMasterDown, types: "INFO replication", broken: func(t *testing.T) { loseMaster(t, source, honest) }},

		{name: "TheServerIsAReplica", cfg: configFor(replica.Addr()), warns: "RC-P002"},
		{name: "TheServerIsSlow", cfg: configFor(slow.Addr()), warns: "RC-Y003"},
		{name: "TheServerIsFull", cfg: configFor(full.Addr()), fails: "RC-S002", class: redisconn.ClassOOM},
		{name: "ThePoolIsLargerThanTheServer", cfg: configFor(small.Addr(), func(c *redisconn.Config) { c.Pool.Size = 13 }), fails: "RC-S003", class: redisconn.ClassMaxClients},
		{name: "ThePoolsTogetherAreLargerThanTheServer", cfg: configFor(small.Addr(), func(c *redisconn.Config) { c.Pool.Size = 5 }), many: 3, fails: "RC-S003", class: redisconn.ClassMaxClients},
		{name: "KeepaliveComesTooLate", cfg: configFor(plain.Addr(), func(c *redisconn.Config) { c.Timeouts.Silence = 10 * time.Minute }), warns: "RC-W003"},
		{name: "ThePoolHasNoRoom", cfg: configFor(small.Addr(), func(c *redisconn.Config) { c.Pool.Size = 12 }), warns: "RC-S003"},
		{name: "TheLastSnapshotFailed", cfg: configFor(unsaved.Addr()), fails: "RC-S004", class: redisconn.ClassReply, broken: func(t *testing.T) { failSnapshot(t, unsaved) }},
		{name: "TheAppendOnlyFileCannotBeRewritten", cfg: configFor(appending.Addr()), warns: "RC-S004", broken: func(t *testing.T) { failRewrite(t, appending) }},
		{name: "TooFewReplicas", cfg: configFor(alone.Addr()), fails: "RC-S005", class: redisconn.ClassNoReplicas},
		{name: "AnybodyIsLetIn", cfg: configFor("127.0.0.1:" + strconv.Itoa(exposed.Port())), fails: "RC-S008", warns: "RC-S007"},
		{name: "TheServerClosesIdleConnections", cfg: configFor(settings.Addr()), warns: "RC-W001"},
		{name: "TheServerForgetsNobody", cfg: configFor(settings.Addr()), warns: "RC-W002"},
		{name: "TheReplicaHasLostItsMaster", cfg: configFor(replica.Addr()), fails: "RC-S005", class: redisconn.ClassMasterDown, broken: func(t *testing.T) { loseMaster(t, master, replica) }},
	}
}

// failSnapshot makes a snapshot fail: its file is a directory.
func failSnapshot(t *testing.T, s *redisconntest.Server) {
	dir := s.Client().ConfigGet(t.Context(), "dir").Val()["dir"]
	if err := os.MkdirAll(filepath.Join(dir, "taken", "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, s, "BGSAVE")
	redisconntest.Eventually(t, 20*time.Second, "the snapshot to fail", func() bool {
		return infoOf(t, s)["rdb_last_bgsave_status"] == "err"
	})
}

// failRewrite makes a rewrite of the append-only file fail: there is a file where its
// directory belongs.
func failRewrite(t *testing.T, s *redisconntest.Server) {
	dir := filepath.Join(s.Client().ConfigGet(t.Context(), "dir").Val()["dir"], "appendonlydir")
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "")
	if err := s.Client().BgRewriteAOF(t.Context()).Err(); err == nil {
		t.Fatal("the rewrite did not fail")
	}
}

// holdUp keeps a server busy with a script until the test is over.
func holdUp(t *testing.T, s *redisconntest.Server) {
	running, other := make(chan error, 1), redis.NewClient(s.Options())
	command(t, s, "PING") // a connection that is there already: the driver cannot greet a busy server
	go func() { running <- other.Eval(context.WithoutCancel(t.Context()), "while true do end", nil).Err() }()
	redisconntest.Eventually(t, 20*time.Second, "the server to be busy", func() bool {
		return redisconn.ClassOf(s.Client().Ping(t.Context()).Err()) == redisconn.ClassBusy
	})
	t.Cleanup(func() {
		if err := s.Client().ScriptKill(context.WithoutCancel(t.Context())).Err(); err != nil {
			t.Error(err)
		}
		if err := <-running; err == nil {
			t.Error("the script came to an end")
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
}

// inProtectedMode is what a server in protected mode says to whoever comes from
// another machine. A script says it: these tests never leave the loopback device.
func inProtectedMode(t *testing.T) *redisconntest.Scripted {
	return redisconntest.NewScripted(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte("-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.\r\n"))
	})
}

// loseMaster kills a master and waits until its replica has noticed.
func loseMaster(t *testing.T, master, replica *redisconntest.Server) {
	master.Kill()
	redisconntest.Eventually(t, 20*time.Second, "the replica to lose its master", func() bool {
		return infoOf(t, replica)["master_link_status"] == "down"
	})
}
