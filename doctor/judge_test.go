package doctor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
)

func TestADeadAddressBehindANameIsWarnedAbout(t *testing.T) {
	refused := errors.New("connection refused")
	for name, row := range map[string]struct {
		met     []doctor.Reached
		outcome doctor.Outcome
		detail  string
	}{
		"one":               {[]doctor.Reached{doctor.MeetAddress("10.0.0.7:6379", nil)}, doctor.OutcomePass, "1 address behind"},
		"two":               {[]doctor.Reached{doctor.MeetAddress("10.0.0.7:6379", nil), doctor.MeetAddress("10.0.0.8:6379", nil)}, doctor.OutcomePass, "all 2 addresses"},
		"one of two":        {[]doctor.Reached{doctor.MeetAddress("10.0.0.7:6379", refused), doctor.MeetAddress("10.0.0.8:6379", nil)}, doctor.OutcomeWarn, "1 of 2 addresses cannot be reached: 10.0.0.7:6379"},
		"this machine's ::": {[]doctor.Reached{doctor.MeetAddress("[::1]:6379", refused), doctor.MeetAddress("127.0.0.1:6379", nil)}, doctor.OutcomePass, "all 2 addresses"},
	} {
		if f := doctor.JudgeAddresses(row.met); f.Outcome != row.outcome || !strings.Contains(f.Detail, row.detail) || len(f.Evidence) != len(row.met) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// A service that was throttled blamed Redis for its own pauses.
func TestSlowPingsAreBlamedOnAMachineThatStandsStill(t *testing.T) {
	const limit = 50 * time.Millisecond
	quick, slow := []time.Duration{time.Millisecond, 2 * time.Millisecond}, []time.Duration{time.Millisecond, 80 * time.Millisecond}
	if f := doctor.JudgePings(quick, time.Microsecond, limit); f.Outcome != doctor.OutcomePass || f.Detail != "PING takes 1ms, 2ms at the 99th percentile" {
		t.Errorf("%+v", f)
	}
	if f := doctor.JudgePings(slow, time.Millisecond, limit); f.Outcome != doctor.OutcomeWarn || f.Cause != "" {
		t.Errorf("the server's: %+v", f)
	}
	if f := doctor.JudgePings(slow, 70*time.Millisecond, limit); f.Outcome != doctor.OutcomeWarn || !strings.Contains(f.Cause, "this machine, which stood still for 70ms") {
		t.Errorf("this machine's: %+v", f)
	}
	if f := doctor.JudgeMachine(limit, limit); f.Outcome != doctor.OutcomeWarn {
		t.Errorf("%+v", f)
	}
	if f := doctor.JudgeMachine(limit-1, limit); f.Outcome != doctor.OutcomePass {
		t.Errorf("%+v", f)
	}
}

func TestAServerOfAnotherKindIsNamed(t *testing.T) {
	for want, row := range map[string]struct {
		found     string
		asCluster bool
	}{
		"pass the server is standalone": {"standalone", false}, "pass the server is cluster": {"cluster", true},
		"fail the server is a node of a cluster": {"cluster", false}, "fail the server is no node of a cluster": {"standalone", true},
		"skip the server does not say": {"", false},
	} {
		if f := doctor.JudgeMode(row.found, row.asCluster); !strings.HasPrefix(string(f.Outcome)+" "+f.Detail, want) {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

func TestSentinelsThatAnswerAreCountedAgainstBothMajorities(t *testing.T) {
	for q, want := range map[redisconn.Quorum]doctor.Outcome{
		{Master: "main", Sentinels: 3, Answering: 3, Needed: 2}: doctor.OutcomePass,
		{Master: "main", Sentinels: 3, Answering: 2, Needed: 2}: doctor.OutcomeWarn,
		{Master: "main", Sentinels: 3, Answering: 1, Needed: 2}: doctor.OutcomeFail,
		{Master: "main", Sentinels: 5, Answering: 2, Needed: 1}: doctor.OutcomeFail, // nobody can be elected
		{Master: "main", Sentinels: 1, Answering: 1, Needed: 1}: doctor.OutcomePass,
	} {
		if f := doctor.JudgeQuorum(q); f.Outcome != want || !strings.Contains(f.Detail, "sentinels of main answer") {
			t.Errorf("%+v: %+v, want %s", q, f, want)
		}
	}
}

func TestReplicasThatAreUpAreCounted(t *testing.T) {
	master := redisconn.NodeHealth{Role: "master", Status: redisconn.StatusPass}
	up, behind := redisconn.NodeHealth{Role: "replica", Link: "up"}, redisconn.NodeHealth{Role: "replica"}
	down := redisconn.NodeHealth{Role: "replica", Link: "down"}
	for want, nodes := range map[string][]redisconn.NodeHealth{
		"warn there is no replica": {master}, "warn none of 1 replica follows": {master, down},
		"pass 2 of 3 replicas could take over": {master, up, behind, down},
	} {
		if f := doctor.JudgeReplicas(nodes); !strings.HasPrefix(string(f.Outcome)+" "+f.Detail, want) {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

func TestReleasesWithHolesAreKnown(t *testing.T) {
	for release, open := range map[string]bool{
		"redis 2.8.24": true, "redis 6.0.16": true, "redis 6.2.19": true, "redis 6.2.20": false, "redis 7.0.15": true, "redis 7.2.10": true,
		"redis 7.2.11": false, "redis 7.4.6": false, "redis 8.0.3": true, "redis 8.2.2": false, "redis 8.4.0": false, "redis 9.0.0": false,
		"valkey 7.2.10": true, "valkey 8.0.6": false, "valkey 8.1.3": true, "valkey 9.0.0": false,
		"redis unstable": false, "redis 255.255.255": false, "redis 7.x.1": false, "dragonfly 1.0.0": false,
	} {
		server, version, _ := strings.Cut(release, " ")
		if got := doctor.HasHole(server, version); got != open {
			t.Errorf("%s: %t", release, got)
		}
	}
}

func TestTextsOfAPeerStayOnTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain, with ünicode": "plain, with ünicode",
		"two\nlines\x1b[2J":   `"two\nlines\x1b[2J"`,
		"\xff":                `"\xff"`,
	} {
		if got := doctor.Printable(text); got != want {
			t.Errorf("%q is shown as %s", text, got)
		}
	}
	if got := doctor.Printable(strings.Repeat("ü", 1000)); len(got) > 410 || !strings.HasSuffix(got, "ü…") {
		t.Errorf("%d bytes, %s", len(got), got[len(got)-8:])
	}
}

func TestFactsReadAsPeopleWriteThem(t *testing.T) {
	for want, value := range map[string]any{
		"1.23ms": 1234567 * time.Nanosecond, "12.3s": 12345 * time.Millisecond, "-1.5s": -1500 * time.Millisecond, "0s": time.Duration(0),
		"2026-03-01T03:00:00Z": time.Date(2026, 3, 1, 4, 0, 0, 0, time.FixedZone("CET", 3600)), "42": 42, "true": true, "text": "text",
	} {
		if got := (doctor.Fact{Value: value}).String(); got != want {
			t.Errorf("%v reads %s, want %s", value, got, want)
		}
	}
}
