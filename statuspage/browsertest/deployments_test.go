package browsertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
	"github.com/redisconn/redisconn/statuspage"
)

// newDeployments is a service with a cluster that has lost a shard, over TLS, and
// a deployment with sentinels one of which is down.
func newDeployments(t *testing.T) (s *scene, lost, silent string) {
	t.Helper()
	ca := redisconntest.NewCA(t)
	cluster := redisconntest.NewCluster(t, 3, 0, redisconntest.WithTLS(ca), redisconntest.WithPassword(canary),
		redisconntest.WithDirective("cluster-require-full-coverage", "no"))
	deployment := redisconntest.NewSentinel(t, redisconntest.WithReplicas(2))
	s = &scene{clients: redisconn.Named{}}
	for name, environ := range map[string][]string{
		"orders": {"REDIS_MODE=cluster", "REDIS_ADDRS=" + strings.Join(cluster.Addrs(), ","), "REDIS_PASSWORD=" + canary,
			"REDIS_TLS=true", "REDIS_TLS_CA_FILE=" + ca.CAFile()},
		"sessions": {"REDIS_ADDRS=" + strings.Join(deployment.SentinelAddrs(), ","), "REDIS_SENTINEL_MASTER=" + deployment.MasterName()},
	} {
		cfg, err := redisconn.NewBuilder().Environ("REDIS_", environ).Build()
		if err != nil {
			t.Fatal(err)
		}
		client, err := redisconn.Open(t.Context(), cfg, quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = client.Drain(context.Background()) }) // whatever became of its servers
		s.clients[name] = client
	}
	s.client = s.clients["orders"]
	s.mount(t, statuspage.Options{})
	s.work(t)
	if *screenshots != "" {
		time.Sleep(30 * time.Second) // a picture needs a past
	}
	lost = cluster.KillMaster(1).Addr()
	sentinel := deployment.Sentinels()[2]
	sentinel.Kill()
	return s, lost, sentinel.Addr()
}

func TestTheNodesOfDeploymentsAreListedWithWhatIsWrongWithThem(t *testing.T) {
	s, lost, silent := newDeployments(t)
	b := newBrowser(t, 1200, 900)
	b.open(s.url)
	b.await("a live page", linkText+` === "live"`)
	row := func(addr, status, found string) {
		t.Helper()
		b.await(addr+" to "+status, fmt.Sprintf(`[...document.querySelectorAll("tbody tr")].some((row) =>
			(row.querySelector("th code") || {}).textContent === %q && row.querySelector(".status.%s") && row.textContent.includes(%q))`, addr, status, found))
	}
	row(lost, "fail", "refused")
	row(silent, "warn", "does not help")
	part := func(n int) string {
		return fmt.Sprintf(`document.getElementById("client-%d-nodes-part").textContent`, n)
	}
	b.await("the slots that nobody serves", part(1)+`.includes("of 16384 slots are served; nobody serves ")`)
	b.await("what the sentinels can do", part(2)+`.includes("2 of 3 sentinels answer, 2 must agree")`)
	b.await("the certificates of the cluster", part(1)+`.includes("Certificate of the server")`)
	for _, scheme := range []string{"light", "dark"} {
		b.prefer("prefers-color-scheme", scheme)
		for _, wrong := range value[[]string](b, accessibility) {
			t.Errorf("%s: %s", scheme, wrong)
		}
	}
	if complaints := b.complained(); len(complaints) > 0 {
		t.Errorf("the browser complains: %v", complaints)
	}
	if strings.Contains(string(s.said), canary) {
		t.Error("the password is in a response")
	}
	if *screenshots != "" {
		b.picture("statuspage-deployments.png", "light")
	}
}
