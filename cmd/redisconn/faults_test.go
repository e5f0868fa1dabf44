package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// fault is a setup that is broken in one way, and what check must say of it.
type fault struct {
	name  string
	args  []string
	stage redisconn.Stage
	class redisconn.Class
	code  int
}

// Two commands that examine the same connection must not blame different things.
func TestCheckNamesTheBrokenStageOfEveryFaultAndTheCheckThatDoctorNames(t *testing.T) {
	redisconntest.NoLeaks(t)
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			verdict, o := checked(t, call{}, f.args...)
			o.expect(t, f.code)
			if verdict.Class != f.class || verdict.ExitCode != f.code || verdict.Success {
				t.Errorf("class %s, exit code %d, success %t", verdict.Class, verdict.ExitCode, verdict.Success)
			}
			broken := false
			for _, s := range verdict.Stages {
				switch {
				case s.Stage == f.stage:
					broken = true
					if s.Result != "fail" || s.Fault == nil || s.Fault.Class != f.class || s.Fault.Next == "" {
						t.Fatalf("the broken stage is %+v", s)
					}
					document, _ := diagnosed(t, call{}, f.args...)
					root := document.root(t)
					if document.ExitCode != f.code || root.Class != string(f.class) || root.ID != s.Fault.Check || s.Fault.Command == "" || root.command() != s.Fault.Command {
						t.Errorf("check says %s and %q, doctor %s and %q, exit code %d", s.Fault.Check, s.Fault.Command, root.ID, root.command(), document.ExitCode)
					}
				case s.Result == "fail", broken && s.Result == "pass":
					t.Errorf("%s: %s %s", s.Stage, s.Result, s.Detail)
				}
			}
		})
	}
}

// faults starts what the setups need.
func faults(t *testing.T) []fault {
	ca, otherCA := redisconntest.NewCA(t), redisconntest.NewCA(t)
	plain := redisconntest.NewServer(t)
	guarded := redisconntest.NewServer(t, redisconntest.WithPassword("right"),
		redisconntest.WithUser("nobody", "right", "off"), redisconntest.WithUser("mute", "right", "~*", "+@all", "-ping"))
	encrypted := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	expired := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertExpired()))
	elsewhere := redisconntest.NewServer(t, redisconntest.WithTLS(ca, redisconntest.CertHosts("cache.internal")))
	mutual := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	loading := redisconntest.NewProxy(t, plain.Addr())
	loading.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
	full := redisconntest.NewProxy(t, plain.Addr())
	full.Answer(redisconntest.Any, redisconntest.Always, redisconntest.MaxClients)
	exposed := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(exposed, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(exposed, 0o666); err != nil { // the umask may have withheld some of it
		t.Fatal(err)
	}
	const (
		configuration = redisconn.StageConfig
		resolve       = redisconn.StageResolve
		dial          = redisconn.StageDial
		tls           = redisconn.StageTLS
		handshake     = redisconn.StageHandshake
		ready         = redisconn.StageReady
	)
	at := func(addr string, more ...string) []string { return append([]string{"--addrs", addr}, more...) }
	trusting := func(addr string, more ...string) []string {
		return at(addr, append([]string{"--tls", "--tls-ca-file", ca.CAFile()}, more...)...)
	}
	return []fault{
		{"ADefaultIsAskedForByZero", []string{"--pool-size", "0"}, configuration, redisconn.ClassConfig, exitUsage},
		{"AURLIsNone", []string{"--url", "localhost"}, configuration, redisconn.ClassConfig, exitUsage},
		{"TheAuthorityIsMissing", []string{"--tls", "--tls-ca-file", "/no/such/ca.pem"}, configuration, redisconn.ClassConfig, exitUsage},
		{"EverybodyCanChangeThePassword", at(plain.Addr(), "--password-file", exposed), configuration, redisconn.ClassConfig, exitUsage},
		{"TheNameDoesNotExist", at("no..such.host"), resolve, redisconn.ClassDNS, exitFailed},
		{"NothingListens", at(redisconntest.ReserveAddr(t)), dial, redisconn.ClassRefused, exitFailed},
		{"TheSocketDoesNotExist", at(filepath.Join(t.TempDir(), "redis.sock")), dial, redisconn.ClassRefused, exitFailed},
		{"PacketsAreDropped", at(redisconntest.NewUnreachable(t), "--dial-timeout", "300ms"), dial, redisconn.ClassUnreachable, exitFailed},
		{"TheAuthorityIsAnother", at(encrypted.Addr(), "--tls", "--tls-ca-file", otherCA.CAFile()), tls, redisconn.ClassTLS, exitFailed},
		{"TheAuthorityIsNotTheSystems", at(encrypted.Addr(), "--tls"), tls, redisconn.ClassTLS, exitFailed},
		{"TheCertificateHasExpired", trusting(expired.Addr()), tls, redisconn.ClassTLS, exitFailed},
		{"TheCertificateNamesAnotherHost", trusting(elsewhere.Addr()), tls, redisconn.ClassTLS, exitFailed},
		{"ThePortSpeaksNoTLS", trusting(plain.Addr()), tls, redisconn.ClassTLSMismatch, exitFailed},
		{"ThePortSpeaksTLS", at(encrypted.Addr()), handshake, redisconn.ClassTLSMismatch, exitFailed},
		{"TheServerWantsACertificate", trusting(mutual.Addr()), handshake, redisconn.ClassTLS, exitFailed},
		{"ThePasswordIsWrong", at(guarded.Addr(), "--password", "wrong"), handshake, redisconn.ClassAuth, exitFailed},
		{"ThePasswordIsMissing", at(guarded.Addr()), handshake, redisconn.ClassAuth, exitFailed},
		{"TheUserIsOff", at(guarded.Addr(), "--username", "nobody", "--password", "right"), handshake, redisconn.ClassAuth, exitFailed},
		{"TheUserMayNotPing", at(guarded.Addr(), "--username", "mute", "--password", "right"), handshake, redisconn.ClassACL, exitFailed},
		{"TheDatabaseDoesNotExist", at(plain.Addr(), "--db", "99"), handshake, redisconn.ClassDatabase, exitFailed},
		{"NobodyAnswers", at(redisconntest.NewUnanswered(t), "--dial-timeout", "300ms"), handshake, redisconn.ClassTimeout, exitFailed},
		{"AWebServerAnswers", at(redisconntest.NewScripted(t, redisconntest.HTTPAnswer).Addr()), handshake, redisconn.ClassProtocol, exitFailed},
		{"TheServerHangsUp", at(redisconntest.NewScripted(t, redisconntest.HangUp).Addr()), handshake, redisconn.ClassLost, exitFailed},
		{"TheServerIsFull", at(full.Addr()), handshake, redisconn.ClassMaxClients, exitFailed},
		{"TheServerIsLoading", at(loading.Addr()), ready, redisconn.ClassLoading, exitFailed},
	}
}
