package redisconn_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// aclUser finds the user's rules in the security page, so that what the page
// recommends is what is tested.
var aclUser = regexp.MustCompile(`ACL SETUSER app on >PASSWORD (.+)`)

func TestTheUserOfTheSecurityPageIsEnough(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := aclUser.FindStringSubmatch(string(page))
	if rules == nil {
		t.Fatal("docs/security.md does not name a user")
	}
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "app-password", strings.Fields(rules[1])...))
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{
		Addrs: []string{server.Addr()}, Username: "app", Password: "app-password", ClientName: "orders",
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client, err := redisconn.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	if err := client.Set(ctx, "app:greeting", "hello", time.Minute).Err(); err != nil {
		t.Errorf("a write: %v", err)
	}
	if _, err := client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "app:counter")
		p.Get(ctx, "app:greeting")
		return nil
	}); err != nil {
		t.Errorf("a transaction: %v", err)
	}
	health := client.Health(ctx)
	if health.Status != redisconn.StatusPass || health.Server.Version == "" || health.Server.Role != "master" {
		t.Errorf("health is %s (%s), server %+v: HELLO alone tells version and role", health.Status, health.Reason, health.Server)
	}
	if health.Server.Loading != nil || health.Server.Replicas != nil {
		t.Errorf("server %+v: what only INFO tells must be absent for a user without it", health.Server)
	}
	if err := client.Set(ctx, "other:key", "x", 0).Err(); redisconn.ClassOf(err) != redisconn.ClassACL {
		t.Errorf("a key of another service: %v, want class %s", err, redisconn.ClassACL)
	}
	if err := client.FlushAll(ctx).Err(); redisconn.ClassOf(err) != redisconn.ClassACL {
		t.Errorf("FLUSHALL: %v, want class %s", err, redisconn.ClassACL)
	}
}
