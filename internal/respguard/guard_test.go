package respguard_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/internal/respguard"
)

// everyType holds one reply of each type of RESP2 and RESP3, and the odd forms a parser must agree on.
var everyType = []string{
	"+OK\r\n",
	"-ERR unknown command\r\n",
	":1\r\n",
	":-9223372036854775808\r\n",
	":1700000000000\r\n",
	"$5\r\nhello\r\n",
	"$0\r\n\r\n",
	"$-1\r\n",
	"$12\r\nline\r\nbreaks\r\n",
	"*-1\r\n",
	"*0\r\n",
	"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
	"*3\r\n:1\r\n*2\r\n+a\r\n-b\r\n$-1\r\n",
	"_\r\n",
	"#t\r\n",
	",1.23\r\n",
	",-inf\r\n",
	"(3492890328409238509324850943850943825024385\r\n",
	"!21\r\nSYNTAX invalid syntax\r\n",
	"=15\r\ntxt:Some string\r\n",
	"%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n",
	"%0\r\n",
	"~3\r\n+a\r\n+b\r\n~0\r\n",
	">3\r\n+message\r\n+channel\r\n$2\r\nhi\r\n",
	"|1\r\n+ttl\r\n:3600\r\n$5\r\nhello\r\n",
	"*2\r\n:1\r\n|1\r\n+key-popularity\r\n%1\r\n+a\r\n,0.1\r\n:2\r\n",
	"|0\r\n+OK\r\n",
	"$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;0\r\n",
	"*?\r\n:1\r\n+two\r\n*1\r\n_\r\n.\r\n",
	"%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
	"~?\r\n.\r\n",
	"|?\r\n+a\r\n:1\r\n.\r\n+OK\r\n",
	"*2\r\n$?\r\n;1\r\nx\r\n;0\r\n:1\r\n",
	"$+5\r\nhello\r\n",
	"$0000000000000000005\r\nhello\r\n",
	"$-0\r\n\r\n",
	"%?\r\n+" + strings.Repeat("k", 300) + "\r\n$300\r\n" + strings.Repeat("v", 300) + "\r\n.\r\n",
	"+" + strings.Repeat("s", 1000) + "\r\n",
	"*1000\r\n" + strings.Repeat("$3\r\nabc\r\n", 1000),
	"*1000\r\n" + strings.Repeat("*2\r\n$3\r\nabc\r\n,1.5\r\n", 1000),
}

func TestEveryReplyTypeEndsWhereItEnds(t *testing.T) {
	for _, reply := range everyType {
		guard := respguard.New(respguard.Limits{})
		for at := range len(reply) {
			if err := guard.Check([]byte(reply[at : at+1])); err != nil {
				t.Fatalf("%.40q: byte %d: %v", reply, at, err)
			}
			if done := at == len(reply)-1; guard.BetweenReplies() != done {
				t.Fatalf("%.40q: after byte %d of %d, between replies: %v", reply, at+1, len(reply), !done)
			}
		}
		if err := guard.Check([]byte(reply + reply)); err != nil || !guard.BetweenReplies() {
			t.Errorf("%.40q twice in one read: err %v, between replies: %v", reply, err, guard.BetweenReplies())
		}
	}
}

func TestOneReadMayHoldManyReplies(t *testing.T) {
	guard := respguard.New(respguard.Limits{})
	if err := guard.Check([]byte(strings.Join(everyType, ""))); err != nil || !guard.BetweenReplies() {
		t.Errorf("err %v, between replies: %v", err, guard.BetweenReplies())
	}
}

func TestTheZeroGuardAppliesTheDefaults(t *testing.T) {
	var guard respguard.Guard
	if err := guard.Check([]byte("+OK\r\n")); err != nil {
		t.Errorf("+OK: %v", err)
	}
	assertRefused(t, guard.Check([]byte("*2147483647\r\n")), "Elements", 2147483647, 16<<20)
}

func TestDefaultLimits(t *testing.T) {
	for _, tt := range []struct {
		reply    string
		limit    string
		got, max int64
	}{
		{"*2147483647\r\n", "Elements", 2147483647, 16 << 20},
		{"*16777217\r\n", "Elements", 16<<20 + 1, 16 << 20},
		{"~100000000\r\n", "Elements", 100000000, 16 << 20},
		{">100000000\r\n", "Elements", 100000000, 16 << 20},
		{"%1000000000\r\n", "Elements", 2000000000, 16 << 20},
		{"|8388608\r\n", "Elements", 16<<20 + 1, 16 << 20},
		{"*9223372036854775807\r\n", "Elements", math.MaxInt64, 16 << 20},
		{"*99999999999999999999999\r\n", "Elements", math.MaxInt64, 16 << 20},
		{"%9223372036854775807\r\n", "Elements", math.MaxInt64, 16 << 20},
		{"|9223372036854775807\r\n", "Elements", math.MaxInt64, 16 << 20},
		{"*16777216\r\n*16777216\r\n", "Elements", 32 << 20, 16 << 20},
		{"*2\r\n*9223372036854775807\r\n", "Elements", math.MaxInt64, 16 << 20},
		{"$1073741824\r\n", "BulkBytes", 1 << 30, 512 << 20},
		{"$536870913\r\n", "BulkBytes", 512<<20 + 1, 512 << 20},
		{"$9223372036854775807\r\n", "BulkBytes", math.MaxInt64, 512 << 20},
		{"=1073741824\r\n", "BulkBytes", 1 << 30, 512 << 20},
		{"!1073741824\r\n", "BulkBytes", 1 << 30, 512 << 20},
		{"$?\r\n;1073741824\r\n", "BulkBytes", 1 << 30, 512 << 20},
		{"$?\r\n;1\r\nx\r\n;9223372036854775807\r\n", "BulkBytes", math.MaxInt64, 512 << 20},
		{strings.Repeat("*1\r\n", 33), "Depth", 33, 32},
		{strings.Repeat("|0\r\n", 33), "Depth", 33, 32},
		{strings.Repeat("*?\r\n", 33), "Depth", 33, 32},
		{strings.Repeat("*2\r\n", 32) + "$?\r\n", "Depth", 33, 32},
		{"+" + strings.Repeat("A", 64<<10), "LineBytes", 64<<10 + 1, 64 << 10},
		{"$" + strings.Repeat("0", 64<<10), "LineBytes", 64<<10 + 1, 64 << 10},
		{strings.Repeat("\x00", 64<<10), "LineBytes", 64<<10 + 1, 64 << 10},
	} {
		err := respguard.New(respguard.Limits{}).Check([]byte(tt.reply))
		assertRefused(t, err, tt.limit, tt.got, tt.max)
	}
	for _, reply := range []string{
		"*16777216\r\n", "%8388608\r\n", "|8388607\r\n", "$536870912\r\n", strings.Repeat("*1\r\n", 32),
		strings.Repeat("|0\r\n", 32), "+" + strings.Repeat("A", 64<<10-3) + "\r\n",
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n400 Bad Request",
	} {
		if err := respguard.New(respguard.Limits{}).Check([]byte(reply)); err != nil {
			t.Errorf("%.40q stands at the limit and is refused: %v", reply, err)
		}
	}
}

func TestSumsOverOneReplyAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits respguard.Limits
		reply  string
		limit  string
		got    int64
	}{
		{"elements delivered one aggregate after the other", respguard.Limits{ReplyElements: 10},
			"*3\r\n*3\r\n:1\r\n:2\r\n:3\r\n*3\r\n:4\r\n:5\r\n:6\r\n*2\r\n", "ReplyElements", 11},
		{"elements of a stream", respguard.Limits{ReplyElements: 3},
			"*?\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "ReplyElements", 4},
		{"elements announced and not delivered", respguard.Limits{Elements: 10},
			"*6\r\n:1\r\n*6\r\n", "Elements", 11},
		{"bytes of many bulk strings", respguard.Limits{ReplyBytes: 40},
			"*3\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n$10\r\n", "ReplyBytes", 55},
		{"bytes of many lines", respguard.Limits{ReplyBytes: 39},
			"*9\r\n+123456789\r\n+123456789\r\n+123456789\r\n", "ReplyBytes", 40},
		{"chunks of one string", respguard.Limits{BulkBytes: 10},
			"$?\r\n;6\r\n012345\r\n;6\r\n", "BulkBytes", 12},
	} {
		guard := respguard.New(tt.limits)
		err := guard.Check([]byte(tt.reply))
		var limitErr *respguard.LimitError
		if !errors.As(err, &limitErr) || limitErr.Limit != tt.limit || limitErr.Got != tt.got {
			t.Errorf("%s: %v, want %s %d", tt.name, err, tt.limit, tt.got)
		}
	}
}

func TestSumsStartAgainWithEachReply(t *testing.T) {
	guard := respguard.New(respguard.Limits{ReplyElements: 3, ReplyBytes: 60})
	for range 100 {
		if err := guard.Check([]byte("*3\r\n:1\r\n:2\r\n:3\r\n$20\r\n01234567890123456789\r\n*1\r\n*1\r\n_\r\n")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARefusedConnectionStaysRefused(t *testing.T) {
	guard := respguard.New(respguard.Limits{})
	first := guard.Check([]byte("+OK\r\n*2147483647\r\n+OK\r\n"))
	if again := guard.Check([]byte("+OK\r\n")); first == nil || again != first {
		t.Errorf("first %v, then %v", first, again)
	}
}

func TestTheErrorNamesLimitAndCauseAndQuotesNothing(t *testing.T) {
	err := respguard.New(respguard.Limits{LineBytes: 64}).Check([]byte("+" + strings.Repeat("SECRET", 20)))
	const want = "reply exceeds the LineBytes limit: 65, at most 64 allowed: the peer is no Redis server, or is hostile, " +
		"or the limit is too low for this data; the connection must be closed"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	guard := respguard.New(respguard.Limits{})
	replies := []byte(strings.Join(everyType, ""))
	if allocs := testing.AllocsPerRun(10, func() {
		for at := range replies {
			if err := guard.Check(replies[at : at+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := guard.Check(replies); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func assertRefused(t *testing.T, err error, limit string, got, most int64) {
	t.Helper()
	var limitErr *respguard.LimitError
	if !errors.As(err, &limitErr) || *limitErr != (respguard.LimitError{Limit: limit, Got: got, Max: most}) {
		t.Errorf("got %v, want %s", err, fmt.Sprintf("%s: %d of %d", limit, got, most))
	}
}
