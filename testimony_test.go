package redisconn_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestTheLatestConfigurationNamesTheMaster(t *testing.T) {
	for name, c := range map[string]struct {
		words []redisconn.Word
		want  []string
	}{
		"all agree":                     {[]redisconn.Word{{Sentinel: "s1", Master: "a", Epoch: 3}, {Sentinel: "s2", Master: "a", Epoch: 3}}, []string{"a"}},
		"one knows of a later failover": {[]redisconn.Word{{Sentinel: "s1", Master: "a", Epoch: 3}, {Sentinel: "s2", Master: "a", Epoch: 3}, {Sentinel: "s3", Master: "b", Epoch: 4}}, []string{"b", "a"}},
		"one was away":                  {[]redisconn.Word{{Sentinel: "s1", Master: "a", Epoch: 3}, {Sentinel: "s2", Master: "b", Epoch: 4}}, []string{"b", "a"}},
		"a majority of equals":          {[]redisconn.Word{{Sentinel: "s1", Master: "x"}, {Sentinel: "s2", Master: "a"}, {Sentinel: "s3", Master: "a"}}, []string{"a", "x"}},
		"only those who answer count":   {[]redisconn.Word{{Sentinel: "s1", Err: syscall.ECONNREFUSED}, {Sentinel: "s2", Master: "a"}}, []string{"a"}},
		"nobody answers":                {[]redisconn.Word{{Sentinel: "s1", Err: syscall.ECONNREFUSED}}, nil},
	} {
		if got := redisconn.Candidates(c.words...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTheErrorOfAllSentinelsSaysWhatEachSaid(t *testing.T) {
	refused := redisconn.LinkError("dial", syscall.ECONNREFUSED)
	err := redisconn.NoMasterError("orders", map[string]error{
		"s1:26379": refused, "s2:26379": redisconn.ErrUnknownMaster, "s3:26379": replied("WRONGPASS invalid username-password pair or user is disabled."),
	})
	for _, want := range []string{"orders", "s1:26379 refused", "s2:26379 knows no master of that name", "s3:26379 WRONGPASS"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q in it", err, want)
		}
	}
	if got := redisconn.ClassOf(err); got != redisconn.ClassRefused {
		t.Errorf("class %s: one that may come back is worth another attempt", got)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) || !redisconn.SafeToRetry(err) {
		t.Error("what each met is lost")
	}
	all := map[string]error{}
	for i := range 16 {
		all[fmt.Sprintf("s%02d:26379", i)] = replied("WRONGPASS " + strings.Repeat("x", 10_000))
	}
	many := redisconn.NoMasterError("orders", all)
	if text := redisconn.PeerText(many); len(text) > 2000 || !strings.Contains(text, "and 11 more") {
		t.Errorf("%d bytes: %.300s", len(text), text)
	}
	if got := redisconn.ClassOf(many); got != redisconn.ClassAuth {
		t.Errorf("class %s: all of them say the same", got)
	}
}

func TestAnnouncementsAboutOthersAreIgnored(t *testing.T) {
	for _, c := range []struct {
		channel, payload string
		want             bool
	}{
		{"+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2", true},
		{"+switch-master", "other 127.0.0.1 1 127.0.0.1 2", false},
		{"+sdown", "master mymaster 127.0.0.1 1", true},
		{"+sdown", "master other 127.0.0.1 1", false},
		{"+selected-slave", "slave 127.0.0.1:2 127.0.0.1 2 @ mymaster 127.0.0.1 1", true},
		{"+selected-slave", "slave 127.0.0.1:2 127.0.0.1 2 @ other 127.0.0.1 1", false},
		{"+new-epoch", "7", false},
		{"+switch-master", "", false},
	} {
		if got := redisconn.Concerns(c.channel, c.payload, "mymaster"); got != c.want {
			t.Errorf("%s %s: %v", c.channel, c.payload, got)
		}
	}
}

func TestTheQuorumNeedsThoseWhoAgreeAndThoseWhoAllow(t *testing.T) {
	for _, c := range []struct {
		quorum redisconn.Quorum
		want   string
	}{
		{redisconn.Quorum{Sentinels: 3, Answering: 3, Needed: 2}, ""},
		{redisconn.Quorum{Sentinels: 3, Answering: 2, Needed: 2}, ""},
		{redisconn.Quorum{Sentinels: 3, Answering: 1, Needed: 2}, "2 must agree"},
		{redisconn.Quorum{Sentinels: 5, Answering: 2, Needed: 2}, "3 must allow"},
		{redisconn.Quorum{Sentinels: 1, Answering: 0, Needed: 0}, "1 must allow"},
	} {
		if got := redisconn.QuorumFault(c.quorum); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.quorum, got, c.want)
		}
	}
}

func TestLagsOfReplicasComeFromTheMaster(t *testing.T) {
	got := redisconn.ReplicaLags(map[string]string{
		"master_repl_offset": "1000", "slave_repl_offset": "5",
		"slave0": "ip=10.0.0.1,port=6379,state=online,offset=900,lag=0",
		"slave1": "ip=10.0.0.2,port=6379,state=online,offset=1001,lag=1",
		"slave2": "ip=,port=x,offset=1",
	})
	if len(got) != 2 || got["10.0.0.1:6379"] != 100 || got["10.0.0.2:6379"] != 0 {
		t.Errorf("%v", got)
	}
	if got := redisconn.ReplicaLags(map[string]string{}); got != nil {
		t.Errorf("a replica's own report: %v", got)
	}
}
