package redisconn

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// serverFacts is what the server says about itself. Each fact may be missing:
// an ACL can forbid the commands, a proxy may not know them.
type serverFacts struct {
	Name     string // "redis", "valkey" …
	Version  string
	Mode     string // "standalone", "sentinel", "cluster"
	Role     string // "master" or "replica"
	Protocol int
	Loading  *bool
	Replicas *int             // connected replicas, of a master
	Link     string           // "up" or "down", of a replica
	Lags     map[string]int64 // of a master's replicas, by their addresses: how many bytes they are behind
	Offset   *int64           // how much of the replication stream it has written, or read
}

// facts asks HELLO, which any user may, and INFO, which is in @dangerous.
// Answers that are errors leave their facts out. HELLO repeats the version that
// is spoken already, which Redis before 6.2 demands and which changes nothing:
// https://redis.io/docs/latest/commands/hello/.
func (p *probe) facts(ctx context.Context) serverFacts {
	var facts serverFacts
	pipe := p.client.Pipeline()
	hello := pipe.Do(ctx, "HELLO", p.client.Options().Protocol)
	server := pipe.Info(ctx, "server")
	replication := pipe.Info(ctx, "replication")
	persistence := pipe.Info(ctx, "persistence")
	_, _ = pipe.Exec(ctx) // each command's own error is looked at below

	facts.learnFromHello(hello)
	if info := infoFields(server); info != nil {
		facts.Version = firstText(info["valkey_version"], info["redis_version"], facts.Version)
		facts.Mode = firstText(info["redis_mode"], facts.Mode)
	}
	if info := infoFields(replication); info != nil {
		facts.Role = firstText(roleName(info["role"]), facts.Role)
		facts.Link = info["master_link_status"]
		facts.Lags = replicaLags(info)
		if n, err := strconv.Atoi(info["connected_slaves"]); err == nil && facts.Role == "master" {
			facts.Replicas = &n
		}
	}
	offset := "master_repl_offset"
	if facts.Role == "replica" {
		offset = "slave_repl_offset"
	}
	if n, err := strconv.ParseInt(infoFields(replication)[offset], 10, 64); err == nil {
		facts.Offset = &n
	}
	if info := infoFields(persistence); info != nil && info["loading"] != "" {
		loading := info["loading"] == "1"
		facts.Loading = &loading
	}
	return facts
}

// renew asks again once the facts have got old.
func (p *probe) renew(ctx context.Context, facts *serverFacts, at *time.Time) {
	if time.Since(*at) > factsEvery {
		*facts, *at = p.facts(ctx), time.Now()
	}
}

// learnFromHello reads HELLO's map, which RESP 2 flattens to a list.
func (f *serverFacts) learnFromHello(hello *redis.Cmd) {
	fields := map[string]any{}
	switch reply := hello.Val().(type) {
	case map[any]any:
		for key, value := range reply {
			if name, ok := key.(string); ok {
				fields[name] = value
			}
		}
	case []any:
		for i := 0; i+1 < len(reply); i += 2 {
			if name, ok := reply[i].(string); ok {
				fields[name] = reply[i+1]
			}
		}
	}
	f.Name, _ = fields["server"].(string)
	f.Version, _ = fields["version"].(string)
	f.Mode, _ = fields["mode"].(string)
	role, _ := fields["role"].(string)
	f.Role = roleName(role)
	if proto, ok := fields["proto"].(int64); ok {
		f.Protocol = int(proto)
	}
}

// roleName uses today's word for what INFO still calls a slave.
func roleName(role string) string {
	if role == "slave" {
		return "replica"
	}
	return role
}

// infoFields parses INFO's key:value lines; nil when the server would not say.
func infoFields(info *redis.StringCmd) map[string]string {
	if info.Err() != nil {
		return nil
	}
	fields := map[string]string{}
	for line := range strings.Lines(info.Val()) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[key] = value
		}
	}
	return fields
}

func firstText(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// greeting states what the handshake proved.
func (f serverFacts) greeting(cfg Config) string {
	user := cfg.Connection.Username
	if user == "" {
		user = "default"
	}
	text := firstText(f.Name, "server") + " " + firstText(f.Version, "of unknown version") + " accepts user " + user
	if f.Protocol > 0 {
		text += " on RESP" + strconv.Itoa(f.Protocol)
	}
	return text + ", database " + strconv.Itoa(cfg.Connection.DB)
}

// readiness states what is known of the server's state.
func (f serverFacts) readiness() string {
	role := firstText(f.Role, "a server of unknown role")
	if f.Role == "replica" {
		role += " (read-only)"
	}
	return role + ", not loading"
}

// info is the public view of the facts.
func (f serverFacts) info() *ServerInfo {
	return &ServerInfo{
		Name: f.Name, Version: f.Version, Mode: f.Mode, Role: f.Role, Protocol: f.Protocol,
		Loading: f.Loading, Replicas: f.Replicas, Link: f.Link,
	}
}
