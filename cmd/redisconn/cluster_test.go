package main

import (
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/redisconntest"
)

// The commands were written before a client could speak to a cluster.
func TestTheCommandsSpeakToACluster(t *testing.T) {
	redisconntest.NoLeaks(t)
	cluster := redisconntest.NewCluster(t, 3, 0)
	url := "redis+cluster://" + strings.Join(cluster.Addrs(), ",")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"check"}, "master, not loading; cluster: 3 shards, 3 nodes"},
		{[]string{"ping", "-n", "3", "--interval", "0"}, "3 pings, 0 failed"},
		{[]string{"watch", "--once"}, "16384 of 16384 slots covered"},
		{[]string{"doctor", "--only", "topology"}, "all 3 nodes answer"},
		{[]string{"config"}, "scheme redis+cluster"},
	} {
		if o := invoke(t, append(c.args, "--url", url)...).expect(t, exitOK); !strings.Contains(o.stdout, c.says) {
			t.Errorf("%v does not say %q:\n%s", c.args, c.says, o.stdout)
		}
	}
	dead := cluster.KillMaster(1).Addr()
	var o outcome
	redisconntest.Eventually(t, 30*time.Second, "the cluster to miss its shard", func() bool {
		o = invoke(t, "doctor", "--only", "topology", "-o", "short", "--url", url)
		return strings.Contains(o.stdout, "RC-P010")
	})
	if o.expect(t, exitFailed); !strings.Contains(o.stdout, "RC-P003") || !strings.Contains(o.stdout, dead) {
		t.Error(o.stdout)
	}
}
