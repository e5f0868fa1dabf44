package doctor_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// answering is the address of a real server that gives other answers to some
// commands: the states of a server that cannot be brought about in a second.
func answering(t *testing.T, server *redisconntest.Server, answers map[string]string) string {
	t.Helper()
	proxy := redisconntest.NewProxy(t, server.Addr())
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		proxy.Answer(redisconntest.Command(name), redisconntest.Always, answers[name])
	}
	return proxy.Addr()
}

// bulk is a text as a reply.
func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// infos is INFO of the server with some fields changed; an empty one is left out.
func infos(t *testing.T, server *redisconntest.Server, changes map[string]string) map[string]string {
	t.Helper()
	fields := infoOf(t, server)
	maps.Copy(fields, changes)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if fields[key] != "" {
			fmt.Fprintf(&text, "%s:%s\r\n", key, fields[key])
		}
	}
	return map[string]string{"info": bulk(text.String())}
}

func TestWhatAServerTellsIsJudged(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	told := func(pairs ...string) map[string]string {
		changes := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			changes[pairs[i]] = pairs[i+1]
		}
		return infos(t, server, changes)
	}
	with := func(answers map[string]string, pairs ...string) map[string]string {
		for i := 0; i < len(pairs); i += 2 {
			answers[pairs[i]] = pairs[i+1]
		}
		return answers
	}
	setting := func(name, value string) string { return "*2\r\n" + bulk(name) + bulk(value) }
	now := func(skew time.Duration) string {
		seconds := fmt.Sprint(time.Now().Add(skew).Unix())
		return "*2\r\n" + bulk(seconds) + bulk("0")
	}
	for _, row := range []struct {
		name    string
		id      string
		answers map[string]string
		outcome doctor.Outcome
		detail  string
	}{
		{"nearly full", "RC-S002", told("used_memory", "95", "used_memory_human", "95B", "maxmemory", "100", "maxmemory_human", "100B"), doctor.OutcomeWarn, "95B of 100B used, policy noeviction: writes will be refused"},
		{"evicting", "RC-S002", told("used_memory", "100", "maxmemory", "100", "maxmemory_policy", "allkeys-lru"), doctor.OutcomePass, "policy allkeys-lru"},
		{"memory untold", "RC-S002", told("maxmemory_policy", ""), doctor.OutcomeSkip, "does not tell maxmemory_policy"},
		{"an old server's limit", "RC-S003", with(told("maxclients", ""), "config", setting("maxclients", "15")), doctor.OutcomeFail, "takes 15 clients in all"},
		{"no limit told", "RC-S003", with(told("maxclients", ""), "config", "-NOPERM no"), doctor.OutcomeSkip, "may not run CONFIG GET maxclients"},
		{"an append-only file that cannot be written", "RC-S004", told("aof_enabled", "1", "aof_last_write_status", "err"), doctor.OutcomeFail, "MISCONF"},
		{"an append-only file that cannot be rewritten", "RC-S004", told("aof_enabled", "1", "aof_last_bgrewrite_status", "err"), doctor.OutcomeWarn, "grows"},
		{"a replica that copies", "RC-S005", told("connected_slaves", "2", "slave0", "ip=10.0.0.7,state=online", "slave1", "ip=10.0.0.8,state=wait_bgsave"), doctor.OutcomeWarn, "not in step: ip=10.0.0.8"},
		{"Valkey", "RC-S006", told("valkey_version", "8.0.1"), doctor.OutcomeWarn, "valkey 8.0.1 as released has a hole"},
		{"a new server", "RC-S006", told("redis_version", "8.4.0"), doctor.OutcomePass, "no hole is known in redis 8.4.0"},
		{"where it listens untold", "RC-S007", map[string]string{"config": "-NOPERM no"}, doctor.OutcomeWarn, "no password"},
		{"protected", "RC-S008", map[string]string{"config": setting("protected-mode", "yes")}, doctor.OutcomePass, "is on"},
		{"ahead", "RC-K001", map[string]string{"time": now(time.Hour)}, doctor.OutcomeWarn, "ahead"},
		{"behind", "RC-K001", map[string]string{"time": now(-time.Hour)}, doctor.OutcomeWarn, "behind"},
		{"renamed", "RC-K001", map[string]string{"time": "-ERR unknown command 'TIME'"}, doctor.OutcomeSkip, "does not know TIME"},
		{"a server with patience", "RC-W001", map[string]string{"config": setting("timeout", "86400")}, doctor.OutcomePass, "24h0m0s"},
		{"no such setting", "RC-W001", map[string]string{"config": "*0"}, doctor.OutcomeSkip, "no setting timeout"},
		{"neither INFO nor HELLO", "RC-P001", map[string]string{"info": "-NOPERM no", "hello": "-ERR unknown command"}, doctor.OutcomeSkip, "does not say"},
		{"a role untold", "RC-P002", told("role", ""), doctor.OutcomeSkip, "no role"},
		{"no more PINGs", "RC-Y003", map[string]string{}, doctor.OutcomeFail, "PING"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := configFor(answering(t, server, row.answers))
			options := only(t, row.id)
			if row.name == "no more PINGs" {
				proxy := redisconntest.NewProxy(t, server.Addr())
				cfg = configFor(proxy.Addr())
				options.OnResult = func(r doctor.Result) {
					if r.ID == "RC-Y001" {
						proxy.Answer(redisconntest.Nth(2, redisconntest.Command("ping")), 1, redisconntest.Busy)
					}
				}
			}
			report := doctor.Run(t.Context(), cfg, options)
			sound(t, report)
			r := result(t, report, row.id)
			if r.Outcome != row.outcome || !strings.Contains(r.Detail, row.detail) {
				t.Errorf("%s %q, want %s and %q", r.Outcome, r.Detail, row.outcome, row.detail)
			}
		})
	}
}

func TestNodesAreJudgedOneByOne(t *testing.T) {
	well := redisconn.NodeHealth{Addr: "10.0.0.7:6379", Status: redisconn.StatusPass}
	bad := redisconn.NodeHealth{Addr: "10.0.0.8:6379", Status: redisconn.StatusFail, Reason: "nothing listens"}
	for want, nodes := range map[string][]redisconn.NodeHealth{
		"skip there is one server":                      nil,
		"pass all 2 nodes answer":                       {well, well},
		"warn 1 of 2 nodes are not well: 10.0.0.8:6379": {well, bad},
	} {
		if f := doctor.JudgeNodes(nodes); string(f.Outcome)+" "+f.Detail != want || len(f.Evidence) != len(nodes) {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

func TestWhatChangesDuringAnExaminationIsSaid(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	cfg := func() redisconn.Config {
		return configFor(server.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, ca.CAFile() })
	}
	meanwhile := func(id, after string, change func()) doctor.Result {
		options := only(t, id)
		options.OnResult = func(r doctor.Result) {
			if r.ID == after {
				change()
			}
		}
		report := doctor.Run(t.Context(), cfg(), options)
		sound(t, report)
		return result(t, report, id)
	}
	expect(t, meanwhile("RC-T002", "RC-T001", func() { writeFile(t, ca.CAFile(), "nothing") }), doctor.OutcomeFail, "no certificate any more")
	writeFile(t, ca.CAFile(), string(ca.PEM()))
	expect(t, meanwhile("RC-T002", "RC-T001", func() {
		if err := os.Remove(ca.CAFile()); err != nil {
			t.Fatal(err)
		}
	}), doctor.OutcomeFail, "no such file")
	writeFile(t, ca.CAFile(), string(ca.PEM()))
	expect(t, meanwhile("RC-T001", "RC-N010", server.Kill), doctor.OutcomeFail, "connection refused")
}

func TestAServerThatHangsUpDuringTLSIsNotTakenForABadCertificate(t *testing.T) {
	r := doctor.Run(t.Context(), configFor(redisconntest.NewScripted(t, redisconntest.HangUp).Addr(), func(c *redisconn.Config) { c.TLS.Enabled = true }), doctor.Options{})
	if got := ids(r, doctor.OutcomeFail); got != "RC-T001" || result(t, r, "RC-T001").Class != redisconn.ClassLost {
		t.Errorf("fails: %s %+v", got, result(t, r, "RC-T001"))
	}
}

func TestAServerThatStopsAnsweringAfterItsGreetingFailsTheAnswer(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Answer(redisconntest.Nth(2, redisconntest.Command("ping")), 1, redisconntest.Busy)
	report := doctor.Run(t.Context(), configFor(proxy.Addr()), only(t, "handshake"))
	if got := ids(report, doctor.OutcomeFail); got != "RC-H010" || result(t, report, "RC-H010").Class != redisconn.ClassBusy {
		t.Errorf("fails: %s", got)
	}
	sound(t, report)
}

func TestAConnectionThatOpensSlowlyIsWarnedAbout(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	proxy.Delay(450 * time.Millisecond)
	cfg := configFor(proxy.Addr(), func(c *redisconn.Config) { c.Timeouts.Dial = 3 * time.Second })
	expect(t, examined(t, cfg, "RC-Y002"), doctor.OutcomeWarn, "more than half of timeouts.dial")
}

func TestPermissionsOfALoadingServerAreNotTried(t *testing.T) {
	addr := answering(t, redisconntest.NewServer(t), map[string]string{"ping": redisconntest.Loading})
	options := only(t, "acl")
	options.Permissions = []doctor.Permission{{Commands: []string{"get"}}}
	expect(t, result(t, doctor.Run(t.Context(), configFor(addr), options), "RC-L001"), doctor.OutcomeSkip, "see RC-H004")
}

func TestACommandThatMayNotBeLookedUpSkipsThePermissions(t *testing.T) {
	addr := answering(t, redisconntest.NewServer(t), map[string]string{"command": "-NOPERM no"})
	options := only(t, "acl")
	options.Permissions = []doctor.Permission{{Commands: []string{"get"}}}
	expect(t, result(t, doctor.Run(t.Context(), configFor(addr), options), "RC-L001"), doctor.OutcomeSkip, "may not run COMMAND INFO get")
}

func TestAKeyThatComesAfterTheLeastOfArgumentsIsTriedInItsPlace(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~cache:*", "+@all"))
	options := only(t, "acl")
	options.Permissions = []doctor.Permission{{Commands: []string{"object freq", "memory usage", "xgroup create"}, Keys: []string{"session:?"}}}
	r := result(t, doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) {
		c.Connection.Username, c.Connection.Password = "app", "secret"
	}), options), "RC-L001")
	expect(t, r, doctor.OutcomeFail, "user app may not: object freq session:?; memory usage session:?; xgroup create session:?")
	if !strings.HasSuffix(r.Fix[0].Command, "ACL SETUSER app '~session:?'") {
		t.Errorf("%+v", r.Fix)
	}
}

func TestAClassExplainsWhatACheckDoesNot(t *testing.T) {
	own := doctor.Check{ID: "APP-1", Layer: doctor.LayerExtra, Run: func(context.Context, *doctor.Patient) doctor.Finding {
		return doctor.Fail(redisconn.ClassOOM, "no room")
	}}
	report := doctor.Run(t.Context(), configFor(redisconntest.ReserveAddr(t)), doctor.Options{Checks: []doctor.Check{own}})
	if r := report.Results[0]; r.Cause != redisconn.ClassOOM.Info().Causes || r.Fix[0].Text != redisconn.ClassOOM.Info().Next {
		t.Errorf("%+v", r)
	}
}

// A list of checks without what they need met a certificate that nobody had looked at.
func TestAListOfChecksIsCompletedByWhatTheyNeed(t *testing.T) {
	ca := redisconntest.NewCA(t)
	server := redisconntest.NewServer(t, redisconntest.WithTLS(ca))
	renewal, _ := doctor.Find("RC-K002")
	report := doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) { c.TLS.Enabled, c.TLS.CAFile = true, ca.CAFile() }), doctor.Options{Checks: []doctor.Check{renewal}})
	expect(t, result(t, report, "RC-K002"), doctor.OutcomeWarn, "ends at")
}
