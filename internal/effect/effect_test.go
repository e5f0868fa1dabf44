package effect_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redisconn/redisconn/internal/effect"
)

// Commands whose arguments decide, and which the installed server may not know; the others are applied to a live
// server in TestASecondApplicationDoesWhatTheTableSays.
func TestArgumentsDecideOverTheEffect(t *testing.T) {
	for _, tt := range []struct {
		said  effect.Effect
		lines []string
	}{
		{effect.Unknown, []string{
			"", "NOSUCH", "CLIENT", "CLIENT NOSUCH", "COMMAND NOSUCH", "CONFIG", "EVAL script 0", "EVALSHA sha 0", "FCALL f 0", "EXEC",
			"SHUTDOWN", "FAILOVER", "DEBUG SLEEP 1", "CLUSTER FAILOVER", "CLUSTER MIGRATION IMPORT 0 1", "CLUSTER MIGRATION",
			strings.Repeat("X", 100), "CLIENT " + strings.Repeat("X", 100),
		}},
		{effect.Read, []string{
			"PING", "ping", "COMMAND", "COMMAND COUNT", "CLIENT LIST", "client list", "INFO", "EVAL_RO script 1 k", "FCALL_RO f 0",
			"SORT k BY store", "GETEX k", "HGETEX k FIELDS 1 f", "BITFIELD k", "BITFIELD k GET u8 0 GET u8 8", "WAIT 1 0",
			"CLUSTER MIGRATION STATUS ALL", "GEORADIUS store 1 2 3 m", "XREAD STREAMS s 0", "FT.SEARCH i q", "TS.READ k 0", "VSIM v ELE e",
		}},
		{effect.Idempotent, []string{
			"SET k v", "SET k NX", "SET k v ex 10", "SET k v PXAT 1 KEEPTTL", "set k v EX nx", "GETEX k EX 10", "GETEX k PERSIST",
			"MSETEX 2 a 1 b 2", "MSETEX 1 NX NX EX 10", "DELEX k", "HSETEX k FIELDS 1 FNX v", "HSETEX k EX 10 KEEPTTL FIELDS 1 f v",
			"HGETEX k EX 10 FIELDS 1 f", "HEXPIRE k 10 FIELDS 1 NX", "EXPIRE k 10", "COPY a b DB 1 REPLACE", "RESTORE k 0 p ABSTTL REPLACE",
			"FUNCTION LOAD REPLACE code", "FUNCTION RESTORE p REPLACE", "ZADD k 1 NX", "ZADD k CH 1.5 m", "ZADD k -inf m", "GEOADD k CH 1 2 m",
			"SORT k STORE d", "BITOP AND d a b", "SDIFFSTORE d a b", "ZUNIONSTORE d 2 a b WEIGHTS 1 d", "ZRANGESTORE d s 0 1",
			"LREM k 0 v", "LTRIM k 0 99", "LTRIM k -100 -1", "ZREMRANGEBYRANK k 0 -101", "ZREMRANGEBYRANK k 100 -1",
			"XADD s IDMP p i * f v", "XADD s NOMKSTREAM IDMPAUTO p MAXLEN ~ 9 LIMIT 1 * f v", "JSON.SET k $ {}", "JSON.SET k $ [] FPHA FP32",
			"JSON.DEL k", "JSON.DEL k $.a.b", "JSON.ARRTRIM k $ 0 9", "TS.ADD k 1 2 ON_DUPLICATE last", "TS.ADD k 1 2 RETENTION 5 ON_DUPLICATE MIN",
			"CMS.MERGE d 2 a b", "TDIGEST.MERGE d 2 a b COMPRESSION 9 OVERRIDE", "FT.SUGADD k s 1", "FT.SUGADD k INCR 1 PAYLOAD INCR",
		}},
		{effect.Conditional, []string{
			"SET k v NX", "SET k v nx EX 10", "SET k v EX 10 XX", "SET k v GET", "SET k v IFEQ x", "SET k v NEWOPTION", "MSETEX 1 a 1 NX",
			"MSETEX x a 1", "GETEX k NEWOPTION", "DELEX k IFEQ v", "HSETEX k FNX FIELDS 1 f v", "HSETEX k EX 10 FXX FIELDS 1 f v",
			"HGETEX k NEWOPTION FIELDS 1 f", "HEXPIRE k 10 NX FIELDS 1 f", "HPEXPIREAT k 10 GT FIELDS 1 f", "EXPIRE k 10 LT", "COPY replace replace",
			"COPY a b", "RESTORE REPLACE 0 REPLACE", "FUNCTION LOAD REPLACE", "FUNCTION LOAD code", "FUNCTION RESTORE p APPEND", "ZADD k NX 1 m",
			"ZADD k CH XX 1 m", "ZADD k LT 1 m", "GEOADD k XX 1 2 m", "BITFIELD k GET u8 0 SET u8 0 1", "XADD s 1-1 f v", "XADD s MAXLEN 9 1-1 f v",
			"XADD s MINID = 9 1 f v", "XREADGROUP GROUP g c STREAMS a b 0 1-1", "JSON.SET k $ {} NX", "JSON.SET k $ {} xx",
			"TS.ADD k 1 2 ON_DUPLICATE BLOCK", "FT.SUGADD k s 1 NEWOPTION", "MOVE k 1", "SMOVE a b m", "RENAME a b", "GETDEL k", "HGETDEL k FIELDS 1 f",
			"FLUSHALL", "CLIENT KILL ID 1", "WATCH k", "MULTI",
		}},
		{effect.Accumulating, []string{
			"INCR k", "INCREX k BYINT 1", "ZADD k INCR 1 m", "ZADD k NX INCR 1 m", "BITFIELD k INCRBY u8 0 1", "BITFIELD k SET u8 0 1 INCRBY u8 0 1",
			"BITFIELD k NEWOPERATION", "SORT k STORE k", "GEORADIUS k 1 2 3 m STORE k", "BITOP NOT k k", "SDIFFSTORE a b a", "ZUNIONSTORE a 2 b a",
			"ZRANGESTORE a a 0 1", "LREM k 1 v", "LREM k x v", "LTRIM k 1 -1", "LTRIM k x 1", "LTRIM k 1", "ZREMRANGEBYRANK k 0 9",
			"ZREMRANGEBYRANK k 0", "XADD s * f v", "XADD s 5-* f v", "XADD s MAXLEN 9 * f v", "XADD s NEWOPTION 1-1 f v", "XADD s",
			"XREADGROUP GROUP g c STREAMS a >", "XREADGROUP GROUP g c STREAMS a b 0 >", "XREADGROUP GROUP g c STREAMS", "XREADGROUP",
			"JSON.DEL k $.a[0]", "JSON.ARRTRIM k $ 1 9", "TS.ADD k * 2", "TS.ADD k 1 2", "TS.ADD k 1 2 ON_DUPLICATE SUM", "TS.ADD k",
			"TS.ADD k 1 2 LABELS ON_DUPLICATE LAST", "CMS.MERGE a 2 a b", "TDIGEST.MERGE d 2 a override", "TDIGEST.MERGE d 2 a d OVERRIDE",
			"FT.SUGADD k s 1 INCR", "PUBLISH c m", "SPUBLISH c m", "SWAPDB 0 1", "LMOVE a b LEFT RIGHT", "LMOVEM a b LEFT RIGHT", "XAUTOCLAIM s g c 0 0",
		}},
	} {
		for _, line := range tt.lines {
			if got := effect.Of(words(line)); got != tt.said {
				t.Errorf("%s: %s, want %s", line, got, tt.said)
			}
		}
	}
	if got := effect.Of(nil); got != effect.Unknown {
		t.Errorf("no command at all: %s", got)
	}
}

// unreadable is text only its own code can tell.
type unreadable string

func (unreadable) MarshalBinary() ([]byte, error) { panic("effect runs foreign code") }

func TestArgumentsMayBeOfAnyTypeTheDriverWrites(t *testing.T) {
	nx, lpop, three := "NX", "lPop", 3
	for _, tt := range []struct {
		args []any
		want effect.Effect
	}{
		{[]any{[]byte("GET"), "k"}, effect.Read},
		{[]any{&lpop, "k"}, effect.Accumulating},
		{[]any{"CLIENT", []byte("List")}, effect.Read},
		{[]any{"SET", "k", "v", []byte("nx")}, effect.Conditional},
		{[]any{"SET", "k", "v", &nx}, effect.Conditional},
		{[]any{"SET", "k", "v", unreadable("EX"), 10}, effect.Conditional},
		{[]any{"SET", "k", unreadable("v"), "EX", 10}, effect.Idempotent},
		{[]any{"SET", "k", strings.Repeat("v", 1<<20), "PX", time.Second}, effect.Idempotent},
		{[]any{"LREM", "k", 0, "v"}, effect.Idempotent},
		{[]any{"LREM", "k", uint8(0), "v"}, effect.Idempotent},
		{[]any{"LREM", "k", 0.0, "v"}, effect.Idempotent},
		{[]any{"LREM", "k", &three, "v"}, effect.Accumulating},
		{[]any{"LREM", "k", (*int)(nil), "v"}, effect.Accumulating},
		{[]any{"LREM", "k", strings.Repeat("0", 100), "v"}, effect.Accumulating},
		{[]any{"ZADD", "k", 1.5, "m"}, effect.Idempotent},
		{[]any{"ZADD", "k", []byte("XX"), 1.5, "m"}, effect.Conditional},
		{[]any{"ZUNIONSTORE", "7", 1, 7}, effect.Accumulating},
		{[]any{"ZUNIONSTORE", "k", 1, unreadable("k")}, effect.Accumulating},
		{[]any{"ZUNIONSTORE", strings.Repeat("k", 1000), int64(1), []byte(strings.Repeat("k", 1000))}, effect.Accumulating},
		{[]any{"JSON.DEL", "k", unreadable("$.a")}, effect.Accumulating},
		{[]any{nil}, effect.Unknown},
		{[]any{42}, effect.Unknown},
		{[]any{(*string)(nil)}, effect.Unknown},
		{[]any{"CLIENT", (*string)(nil)}, effect.Unknown},
		{[]any{"CLIENT", struct{}{}}, effect.Unknown},
		{[]any{unreadable("GET"), "k"}, effect.Unknown},
	} {
		if got := effect.Of(tt.args); got != tt.want {
			t.Errorf("%.60v: %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestEffectsReadAsWords(t *testing.T) {
	for e, want := range map[effect.Effect]string{
		effect.Unknown: "unknown", effect.Read: "read", effect.Idempotent: "idempotent", effect.Conditional: "conditional",
		effect.Accumulating: "accumulating", 99: "unknown",
	} {
		if got := e.String(); got != want {
			t.Errorf("%d: %q, want %q", e, got, want)
		}
	}
}

func TestBlockingTimeout(t *testing.T) {
	const forever = 0
	for _, tt := range []struct {
		line    string
		timeout time.Duration
	}{
		{"BLPOP a b 2", 2 * time.Second}, {"BRPOP a 0", forever}, {"BRPOPLPUSH a b 1.5", 1500 * time.Millisecond},
		{"BLMOVE a b LEFT RIGHT 3", 3 * time.Second}, {"BLMOVEM a b LEFT RIGHT 3 COUNT 2 BULK", 3 * time.Second},
		{"BLMPOP 0.25 1 a LEFT", 250 * time.Millisecond}, {"BZMPOP 1 1 a MIN", time.Second}, {"BZPOPMIN a 0.0001", time.Millisecond},
		{"BZPOPMAX a 1e-30", time.Millisecond}, {"BLPOP a 1e300", math.MaxInt64}, {"BLPOP a nan", forever}, {"BLPOP a -1", forever},
		{"BLPOP a soon", forever}, {"BLPOP", forever}, {"BLMOVE a b", forever},
		{"XREAD BLOCK 100 STREAMS s $", 100 * time.Millisecond}, {"XREAD COUNT 1 BLOCK 0 STREAMS s $", forever},
		{"XREAD COUNT 1 MAXCOUNT 5 block 7 STREAMS s $", 7 * time.Millisecond}, {"XREAD BLOCK", forever},
		{"XREADGROUP GROUP streams streams BLOCK 5 NOACK STREAMS s >", 5 * time.Millisecond},
		{"WAIT 1 100", 100 * time.Millisecond}, {"WAITAOF 1 1 0", forever}, {"TS.READ k 0 BLOCK 100 1", 100 * time.Millisecond},
	} {
		if got, blocking := effect.BlockingTimeout(words(tt.line)); !blocking || got != tt.timeout {
			t.Errorf("%s: %v, blocking %v; want %v", tt.line, got, blocking, tt.timeout)
		}
	}
	for _, line := range []string{
		"GET k", "LPOP k", "NOSUCH", "XREAD STREAMS block 0", "XREAD COUNT block STREAMS s 0", "XREAD",
		"XREADGROUP GROUP block block STREAMS s >", "TS.READ block block", "TS.READ k 0 MAX_COUNT 1",
	} {
		if timeout, blocking := effect.BlockingTimeout(words(line)); blocking || timeout != 0 {
			t.Errorf("%s: said to block for %v", line, timeout)
		}
	}
}

func TestCommandsThatChangeTheirConnectionAreStateful(t *testing.T) {
	for _, line := range []string{
		"SELECT 1", "auth password", "HELLO 3", "MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH", "SUBSCRIBE c", "PSUBSCRIBE c", "SSUBSCRIBE c",
		"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR", "RESET", "READONLY", "READWRITE", "ASKING", "QUIT", "CLIENT REPLY OFF",
		"CLIENT SETNAME n", "CLIENT SETINFO LIB-NAME n", "CLIENT TRACKING ON", "CLIENT CACHING YES", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON",
		"HIMPORT PREPARE fs f", "HIMPORT DISCARDALL", "SCRIPT DEBUG YES",
	} {
		if !effect.Stateful(words(line)) {
			t.Errorf("%s is not stateful", line)
		}
	}
	for _, line := range []string{"GET k", "CLIENT LIST", "CLIENT GETNAME", "CLIENT", "PUBLISH c m", "HIMPORT SET k fs v", "NOSUCH"} {
		if effect.Stateful(words(line)) {
			t.Errorf("%s is stateful", line)
		}
	}
}

// What a live server can tell is compared in TestKeyCountAgreesWithALiveServer.
func TestKeyCountOfUnusualCommands(t *testing.T) {
	for line, want := range map[string]int{
		"": 0, "NOSUCH k": 0, "PING": 0, "GET": 0, "MSET": 0, "MSET a": 1, "MSET a 1 b": 2, "BLPOP a": 0, "LCS a": 1, "JSON.MGET a b $": 2, "JSON.MSET a $ 1 b $ 2": 2,
		"MSETEX 2 a 1 b 2 EX 9": 2, "MSETEX 9 a 1 b": 2, "MSETEX -1 a 1": 0, "MSETEX x": 0, "MSETEX": 0, "EVAL s 9 a b": 2, "EVAL s -1 a": 0, "EVAL s x a": 0,
		"EVAL s 9223372036854775807 a": 1, "EVAL": 0, "ZUNIONSTORE": 0, "ZUNIONSTORE d": 1, "ZUNIONSTORE d 9 a": 2, "XREAD": 0, "XREAD COUNT": 0, "XREAD STREAMS": 0,
		"XREAD STREAMS a b 0": 1, "SORT": 0, "SORT k STORE": 1, "GEORADIUS": 0, "MIGRATE host 6379": 0, "MIGRATE host 6379  0 1 AUTH2 keys keys KEYS a": 1,
		"SDIFFCARD 2 a b": 2, "TS.NRANGE 2 a b - +": 2, "HIMPORT SET k fs v": 1, "TS.CREATERULE a b": 2,
	} {
		if got := effect.KeyCount(words(line)); got != want {
			t.Errorf("%s: %d keys, want %d", line, got, want)
		}
	}
}

func TestRowsAreInOrderAndFoundByName(t *testing.T) {
	var names []string
	for name, row := range effect.Rows() {
		names = append(names, name)
		found, ok := effect.Lookup(strings.ToUpper(name))
		if !ok || found.Effect != row.Effect {
			t.Errorf("Lookup does not find %s", name)
		}
		if name != strings.ToLower(name) || len(name) > effect.MaxNameBytes {
			t.Errorf("%s can not be looked up", name)
		}
		if row.Blocking() != effect.Blocks(name) {
			t.Errorf("%s: the row says blocking %v, Blocks the opposite", name, row.Blocking())
		}
		if parent, _, isSub := strings.Cut(name, "|"); isSub && effect.Of([]any{parent}) == effect.Read && parent != "command" {
			t.Errorf("%s alone is no command", parent)
		}
	}
	if !slices.IsSorted(names) || len(names) != effect.GroupedRows() {
		t.Errorf("%d rows in order %v, from %d in groups: a name is in two", len(names), slices.IsSorted(names), effect.GroupedRows())
	}
	if row, ok := effect.Lookup("set"); !ok || !row.Varies() || row.Why == "" || row.Keys.First != 1 {
		t.Errorf("SET: %+v", row)
	}
	if row, _ := effect.Lookup("get"); row.Varies() {
		t.Error("the effect of GET varies")
	}
	for range effect.Rows() {
		break // a caller may stop at once
	}
	if _, ok := effect.Lookup("nosuch"); ok {
		t.Error("Lookup finds what is not there")
	}
}

func TestQuestionsAllocateNothing(t *testing.T) {
	lines := [][]any{
		words("SET k v EX 10 NX"), words("XREADGROUP GROUP g c BLOCK 5 STREAMS a b 0 0"), words("ZUNIONSTORE d 2 a b"),
		{"LTRIM", "k", 0, 99}, {[]byte("CLIENT"), []byte("SETNAME"), "n"}, {"BLPOP", "k", 1.5}, {"BITFIELD", "k", "GET", "u8", 0},
	}
	if allocs := testing.AllocsPerRun(10, func() {
		for _, args := range lines {
			effect.Of(args)
			effect.BlockingTimeout(args)
			effect.Stateful(args)
			effect.KeyCount(args)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzOf builds commands of every kind of argument and asks all questions: none may panic or contradict another.
func FuzzOf(f *testing.F) {
	for _, line := range applications {
		f.Add(line, uint64(0))
	}
	for name := range effect.Rows() {
		f.Add(strings.ReplaceAll(name, "|", " ")+" 2 a b c 1 2 3", uint64(0x1234567))
	}
	f.Fuzz(func(t *testing.T, line string, kinds uint64) {
		args := words(line)
		for i := range args {
			text := args[i].(string)
			args[i] = []any{
				text, []byte(text), &text, len(text), float64(len(text)) - 0.5, unreadable(text), nil, struct{}{},
			}[kinds>>(3*min(i, 21))&7]
		}
		said := effect.Of(args)
		if said > effect.Accumulating {
			t.Errorf("%q: effect %d", line, said)
		}
		if n := effect.KeyCount(args); n < 0 || n >= max(len(args), 1) {
			t.Errorf("%q: %d keys in %d arguments", line, n, len(args))
		}
		timeout, blocking := effect.BlockingTimeout(args)
		if timeout < 0 || timeout > 0 && !blocking {
			t.Errorf("%q: blocking %v for %v", line, blocking, timeout)
		}
		if name, ok := args[0].(string); ok && blocking && !effect.Blocks(strings.ToLower(name)) {
			t.Errorf("%q blocks and Blocks says no", line)
		}
		effect.Stateful(args)
	})
}

func BenchmarkBlocks(b *testing.B) {
	names := []string{"get", "set", "blpop", "hgetall", "xread", "zadd", "incr", "zunionstore"}
	for i := 0; b.Loop(); i++ {
		blocks = effect.Blocks(names[i&7])
	}
}

func BenchmarkOf(b *testing.B) {
	args := words("SET k v EX 10 NX")
	b.ReportAllocs()
	for b.Loop() {
		effect.Of(args)
	}
}

var blocks bool
