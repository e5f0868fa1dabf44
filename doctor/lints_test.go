package doctor_test

import (
	"os"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// lintsTripped are variables that trip each lint.
func lintsTripped(t *testing.T) map[string][]string {
	ca := redisconntest.NewCA(t)
	client := ca.ClientCert(redisconntest.CertValid(time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)))
	shared := t.TempDir() + "/password"
	writeFile(t, shared, "secret\n")
	for _, path := range []string{shared, client.KeyFile} {
		if err := os.Chmod(path, 0o644); err != nil { // the umask may have withheld some of it
			t.Fatal(err)
		}
	}
	const away = "REDIS_ADDRS=10.0.0.7:6379"
	mutual := []string{"REDIS_TLS=true", "REDIS_TLS_CA_FILE=" + ca.CAFile(), "REDIS_TLS_CERT_FILE=" + client.CertFile, "REDIS_TLS_KEY_FILE=" + client.KeyFile}
	return map[string][]string{
		"RC-C001": {"REDIS_TLS=true", "REDIS_TLS_INSECURE_SKIP_VERIFY=true"},
		"RC-C002": {away, "REDIS_PASSWORD=secret"},
		"RC-C003": {"REDIS_DB=1", "REDIS_COMPAT=true"},
		"RC-C004": {"REDIS_DB=16"},
		"RC-C005": {"REDIS_USERNAME=app"},
		"RC-C006": {away, "REDIS_TLS=true"},
		"RC-C030": {away, "REDIS_SENTINEL_MASTER=main", "REDIS_SENTINEL_PASSWORD=secret"},
		"RC-C031": {away, "REDIS_SENTINEL_MASTER=main"},
		"RC-C010": {"REDIS_DIAL_TIMEOUT=1m"},
		"RC-C011": {"REDIS_READ_TIMEOUT=1m"},
		"RC-C012": {"REDIS_WRITE_TIMEOUT=1m"},
		"RC-C013": {"REDIS_POOL_WAIT=1m"},
		"RC-C014": {"REDIS_OPERATION_TIMEOUT=5m"},
		"RC-C015": {"REDIS_RETRY_MAX_BACKOFF=1m"},
		"RC-C016": {"REDIS_HEALTH_TIMEOUT=1m"},
		"RC-C017": {"REDIS_HEALTH_WARN_LATENCY=1m"},
		"RC-C018": {away, "REDIS_POOL_IDLE_TIMEOUT=10m"},
		"RC-C019": {"REDIS_POOL_IDLE_TIMEOUT=2m", "REDIS_POOL_MAX_LIFETIME=1m"},
		"RC-C020": {"REDIS_POOL_SIZE=1001"},
		"RC-C021": {"REDIS_RETRY_EFFECT=unknown"},
		"RC-C101": {"REDIS_PORT=tcp://10.0.0.1:6379"},
		"RC-C102": {"REDIS_PASWORD=secret"},
		"RC-C103": {"REDIS_PASSWORD_FILE=" + shared},
		"RC-C104": mutual,
		"RC-C105": mutual,
	}
}

func TestEveryLintWarnsUnderTheCheckOfItsCode(t *testing.T) {
	tripped := lintsTripped(t)
	for _, lint := range redisconn.Lints() {
		env, known := tripped[lint.Code]
		if !known {
			t.Errorf("nothing here trips %s, %s", lint.Code, lint.About)
			continue
		}
		report := doctor.RunBuilder(t.Context(), redisconn.NewBuilder().Environ("REDIS_", env), doctor.Options{Offline: true})
		r := result(t, report, lint.Code)
		expect(t, r, doctor.OutcomeWarn, "")
		if got := ids(report, doctor.OutcomeFail); got != "" || r.Evidence[0].Value != lint.Field {
			t.Errorf("%s: %+v, fails: %s", lint.Code, r.Evidence, got)
		}
		sound(t, report)
	}
}

func TestALintOfAFileIsMendedAtThatFile(t *testing.T) {
	env := lintsTripped(t)["RC-C104"]
	report := doctor.RunBuilder(t.Context(), redisconn.NewBuilder().Environ("REDIS_", env), doctor.Options{Offline: true})
	if got, want := result(t, report, "RC-C104").Command(), "chmod 0400 "+env[3][len("REDIS_TLS_KEY_FILE="):]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
