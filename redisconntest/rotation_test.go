package redisconntest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/redisconntest"
)

// serverSerial returns the serial number of the certificate that a server shows to a new connection.
func serverSerial(t testing.TB, server *redisconntest.Server) string {
	t.Helper()
	conn, err := tls.Dial("tcp", server.Addr(), server.TLSConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestPasswordsRotateUnderSessionsThatStay(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("first"), redisconntest.WithUser("worker", "1st"))
	with := func(user, password string) *redis.Client {
		return plain(t, server.Addr(), once, func(o *redis.Options) { o.Username, o.Password = user, password })
	}
	ping := func(client *redis.Client) error { return client.Ping(within(t, time.Second)).Err() }
	old := with("", "first")
	if err := ping(old); err != nil {
		t.Fatal(err)
	}
	server.AddPassword("default", "second")
	server.AddPassword("worker", "2nd")
	for _, client := range []*redis.Client{with("", "first"), with("", "second"), with("worker", "1st"), with("worker", "2nd")} {
		if err := ping(client); err != nil {
			t.Errorf("while both passwords are valid: %v", err)
		}
	}
	if server.Password() != "second" || server.Options().Password != "second" {
		t.Errorf("Password() is %q, want the newest", server.Password())
	}
	server.RemovePassword("default", "first")
	wantError(t, ping(with("", "first")), "WRONGPASS")
	if err := ping(old); err != nil {
		t.Errorf("a session that was authenticated is refused: %v", err)
	}
	if n := server.Disconnect("default"); n < 1 {
		t.Errorf("%d sessions were closed", n)
	}
	wantError(t, ping(old), "WRONGPASS")

	server.Restart()
	wantError(t, ping(with("", "first")), "WRONGPASS")
	if err := ping(with("worker", "2nd")); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestRotationsThatFailAreReportedWithoutThePassword(t *testing.T) {
	redisconntest.RequireRedis(t)
	err := redisconntest.Run(func(t testing.TB) {
		server := redisconntest.NewServer(t)
		server.RemovePassword("default", "canary")
		server.AddPassword("nobody", "canary")
		server.RotateCertificate()
		server.Kill()
		server.AddPassword("default", "canary")
		server.Disconnect("default")
	})
	wantError(t, err, `RemovePassword("default"): `, "does not exist", `AddPassword("nobody"): `, "no such user", "started without WithTLS",
		`AddPassword("default"): `, `Disconnect("default"): `)
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the password is in the report: %v", err)
	}
}

func TestServerShowsItsNewCertificateToNewConnections(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	first := serverSerial(t, server)
	old := plain(t, server.Addr(), once, func(o *redis.Options) { o.TLSConfig, o.PoolSize = server.TLSConfig(), 1 })
	id := must[int64](t)(old.ClientID(within(t, 5*time.Second)).Result())

	server.RotateCertificate()
	if serverSerial(t, server) == first {
		t.Error("the certificate is the old one")
	}
	if now := must[int64](t)(old.ClientID(within(t, 5*time.Second)).Result()); now != id {
		t.Error("the connection did not stay")
	}
	server.RotateCertificate(redisconntest.CertExpired())
	fresh := plain(t, server.Addr(), once, func(o *redis.Options) { o.TLSConfig = server.TLSConfig() })
	wantError(t, fresh.Ping(within(t, 5*time.Second)).Err(), "expired")
	server.RotateCertificate()
	if err := fresh.Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("after it was renewed: %v", err)
	}
}

func TestAuthorityRotatesWithoutLockingAnybodyOut(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca), redisconntest.WithTLSClientAuth())
	early := ca.ClientCert()
	earlyTrust := ca.ClientConfig()
	ping := func(config *tls.Config, cert redisconntest.Cert) error {
		config = config.Clone()
		config.Certificates = []tls.Certificate{cert.TLS}
		return plain(t, server.Addr(), once, func(o *redis.Options) { o.TLSConfig = config }).Ping(within(t, 5*time.Second)).Err()
	}
	ca.Rotate()
	if err := ping(ca.ClientConfig(), early); err != nil {
		t.Errorf("rotated, before the server knows: %v", err)
	}
	server.RotateCertificate()
	late := ca.Reissue(early)
	for name, cert := range map[string]redisconntest.Cert{"old": early, "new": late} {
		if err := ping(ca.ClientConfig(), cert); err != nil {
			t.Errorf("%s client certificate while both authorities are trusted: %v", name, err)
		}
	}
	wantError(t, ping(earlyTrust, late), "unknown authority")

	ca.Retire()
	server.RotateCertificate()
	if err := ping(ca.ClientConfig(), late); err != nil {
		t.Errorf("after the old authority was retired: %v", err)
	}
	if err := ping(ca.ClientConfig(), early); err == nil {
		t.Error("a certificate of the retired authority was accepted")
	}
	if err := server.Client().Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("the kit itself is locked out: %v", err)
	}
	server.Restart() // the driver does not see that a TLS connection was closed, and repeats no command of Client
	if err := server.Client().Ping(within(t, 5*time.Second)).Err(); err != nil {
		t.Errorf("the kit itself after a restart: %v", err)
	}
	ca.Rotate(redisconntest.CertExpired())
	server.RotateCertificate()
	ca.Retire()
	wantError(t, ping(ca.ClientConfig(), late), "expired")
}

func TestReissuedCertificateTakesTheFilesAndTheNames(t *testing.T) {
	ca := redisconntest.NewCA(t)
	first := ca.ServerCert(redisconntest.CertHosts("redis.example"))
	for _, expired := range []bool{true, false} {
		var opts []redisconntest.CertOption
		if expired {
			opts = append(opts, redisconntest.CertExpired())
		}
		second := ca.Reissue(first, opts...)
		if second.CertFile != first.CertFile || second.KeyFile != first.KeyFile {
			t.Errorf("files %s and %s", second.CertFile, second.KeyFile)
		}
		pair := must[tls.Certificate](t)(tls.LoadX509KeyPair(first.CertFile, first.KeyFile))
		if !pair.Leaf.Equal(second.TLS.Leaf) || pair.Leaf.Equal(first.TLS.Leaf) {
			t.Error("the files do not hold the new certificate")
		}
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: ca.CertPool(), DNSName: "redis.example"})
		if (err != nil) != expired {
			t.Errorf("expired: %t, verification: %v", expired, err)
		}
		if info, err := os.Stat(second.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the new key: %v, %v", info.Mode(), err)
		}
	}
}

func TestReplacedFileIsNeverReadInPart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	redisconntest.ReplaceFile(t, file, []byte(contents[0]))
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			redisconntest.ReplaceFile(t, file, []byte(contents[i%2]))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if text := string(must[[]byte](t)(os.ReadFile(file))); !slices.Contains(contents, text) {
			t.Fatalf("%d bytes, beginning with %.10q", len(text), text)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode changed: %v, %v", info.Mode(), err)
	}
	if left := must[[]os.DirEntry](t)(os.ReadDir(filepath.Dir(file))); len(left) != 1 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestFilesThatCannotBeReplacedAreReported(t *testing.T) {
	dir := t.TempDir()
	wantError(t, redisconntest.Run(func(t testing.TB) {
		redisconntest.ReplaceFile(t, filepath.Join(dir, "absent", "f"), nil)
		redisconntest.ReplaceFile(t, dir, nil) // a directory is not replaced by a file
		volume := redisconntest.NewSecretVolume(t, nil)
		volume.Update(map[string][]byte{"no/such/dir": nil})
		if err := os.Mkdir(volume.Path("..3"), 0o700); err != nil {
			t.Fatal(err)
		}
		volume.Update(nil)
		redisconntest.NewSecretVolume(t, map[string][]byte{"a/b": nil})
	}), "absent", "ReplaceFile: rename", "no/such/dir", "..3: file exists", "NewSecretVolume: ")
	if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) != 0 {
		t.Errorf("files left behind: %v", left)
	}
}

// Kubernetes updates a mounted Secret without touching the entry that a program opens: it is a link to a link, and
// the second one moves. Certificate and key change together.
func TestSecretVolumeChangesAllFilesInOneInstantAsKubernetesDoes(t *testing.T) {
	ca := redisconntest.NewCA(t)
	cert := ca.ServerCert()
	volume := redisconntest.NewSecretVolume(t, ca.TLSSecret(cert))
	if target := must[string](t)(os.Readlink(volume.Path("tls.crt"))); target != "..data/tls.crt" || volume.Dir() != filepath.Dir(volume.Path("x")) {
		t.Errorf("tls.crt in %s is a link to %s", volume.Dir(), target)
	}
	entry := must[os.FileInfo](t)(os.Lstat(volume.Path("tls.crt")))
	load := func() (tls.Certificate, error) { // as a careful reader does: both files of one version
		version, err := filepath.EvalSymlinks(volume.Path("..data"))
		if err != nil {
			return tls.Certificate{}, err
		}
		return tls.LoadX509KeyPair(filepath.Join(version, "tls.crt"), filepath.Join(version, "tls.key"))
	}
	loaded := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			cert = ca.Reissue(cert)
			volume.Update(ca.TLSSecret(cert))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		_, err := load()
		switch {
		case err == nil:
			loaded++
		case !os.IsNotExist(err): // the version was removed while we read it: a reader tries again
			t.Fatal(err)
		}
	}
	if pair := must[tls.Certificate](t)(load()); !pair.Leaf.Equal(cert.TLS.Leaf) || loaded == 0 {
		t.Errorf("the last version is not the last certificate, after %d loads", loaded)
	}
	if now := must[os.FileInfo](t)(os.Lstat(volume.Path("tls.crt"))); !os.SameFile(entry, now) || !now.ModTime().Equal(entry.ModTime()) {
		t.Error("the program's entry changed")
	}
	info := must[os.FileInfo](t)(os.Stat(volume.Path("tls.key")))
	if info.Mode().Perm() != 0o400 {
		t.Errorf("the key has mode %v", info.Mode())
	}

	volume.Update(map[string][]byte{"password": []byte("pw")})
	names := map[string]bool{}
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(volume.Dir())) {
		names[entry.Name()] = true
	}
	if got := fmt.Sprint(slices.Sorted(maps.Keys(names))); got != "[..52 ..data password]" {
		t.Errorf("after an update with other files the directory holds %s", got)
	}
	if string(must[[]byte](t)(os.ReadFile(volume.Path("password")))) != "pw" {
		t.Error("the new file is not there")
	}
}

func TestAuthorityWhoseFileCannotBeWrittenFailsTheTest(t *testing.T) {
	err := redisconntest.Run(func(t testing.TB) {
		ca := redisconntest.NewCA(t)
		if err := os.RemoveAll(filepath.Dir(ca.CAFile())); err != nil {
			t.Fatal(err)
		}
		ca.Rotate()
	})
	wantError(t, err, "cannot write the authority's certificate")
}

// A test that panics must not leave a dozen processes behind.
func TestTopologiesEndWithATestThatPanics(t *testing.T) {
	t.Parallel()
	redisconntest.RequireRedis(t)
	var pids []int
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = redisconntest.Run(func(t testing.TB) {
			s := redisconntest.NewSentinel(t, redisconntest.WithSentinels(2))
			c := redisconntest.NewCluster(t, 1, 1)
			s.PauseMaster()
			for _, server := range slices.Concat(s.Nodes(), s.Sentinels(), c.Nodes()) {
				pids = append(pids, server.PID())
			}
			panic("on purpose")
		})
	}()
	if len(pids) != 6 || slices.Contains(pids, 0) {
		t.Fatalf("processes %v, want six", pids)
	}
	for _, pid := range pids {
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Signal(syscall.Signal(0))
		}
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("process %d is still there (%v)", pid, err)
		}
	}
}
