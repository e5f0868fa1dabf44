package effect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
	"github.com/redisconn/redisconn/redisconntest"
)

// The COMMAND reply of a live server is the authority on names, flags and key positions.
func TestTheTableAgreesWithTheCommandsOfALiveServer(t *testing.T) {
	client := startRedis(t)

	// The plain form of these only reads; the server flags them for their options.
	readsUnlessToldOtherwise := []string{"bitfield", "georadius", "georadiusbymember", "getex", "sort"}

	seen := 0
	for _, command := range liveCommands(t, client) {
		seen++
		row, ok := effect.Lookup(command.name)
		if !ok {
			t.Errorf("%s is not in the table", command.name)
			continue
		}
		if command.has("readonly") && row.Effect != effect.Read {
			t.Errorf("%s is flagged readonly, the table says %s", command.name, row.Effect)
		}
		if command.has("write") && row.Effect == effect.Read && !slices.Contains(readsUnlessToldOtherwise, command.name) {
			t.Errorf("%s is flagged write, the table says read", command.name)
		}
		if command.has("blocking") && !effect.Blocks(command.name) {
			t.Errorf("%s is flagged blocking, Blocks says no", command.name)
		}
		if got := [3]int{row.Keys.First, row.Keys.Last, row.Keys.Step}; got != command.keys {
			t.Errorf("%s has its keys at %v, the table says %v", command.name, command.keys, got)
		}
	}
	if seen < 350 {
		t.Errorf("only %d commands and subcommands in the COMMAND reply", seen)
	}
}

// COMMAND GETKEYS lets the server itself find the keys of a command whose keys move.
func TestKeyCountAgreesWithALiveServer(t *testing.T) {
	client := startRedis(t)
	for _, line := range []string{
		"GET k", "MSET a 1 b 2 c 3", "DEL a b c", "BITOP AND d a b", "BLPOP a b 0", "BZPOPMIN a b c 0.5", "LCS a b",
		"MEMORY USAGE k", "OBJECT ENCODING k", "XGROUP CREATE k g $", "XINFO STREAM k", "WATCH a b",
		"EVAL script 2 a b c", "EVAL_RO script 1 a b c", "EVALSHA sha 1 a", "FCALL f 1 a b", "FCALL_RO f 2 a b",
		"LMPOP 2 a b LEFT", "BLMPOP 0 2 a b LEFT", "ZMPOP 1 a MIN", "BZMPOP 0 2 a b MIN", "SINTERCARD 3 a b c LIMIT 1",
		"ZUNION 2 a b", "ZINTER 2 a b WITHSCORES", "ZDIFF 1 a", "ZINTERCARD 2 a b", "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
		"ZINTERSTORE d 1 a", "ZDIFFSTORE d 2 a b",
		"XREAD STREAMS a b 0 0", "XREAD COUNT 1 BLOCK 1 STREAMS a 0", "XREADGROUP GROUP streams block STREAMS a b > >",
		"XREADGROUP GROUP g c COUNT 2 NOACK STREAMS a >",
		"SORT k", "SORT k BY store ALPHA", "SORT k LIMIT 0 1 GET store GET # STORE d", "SORT k STORE a STORE b",
		"GEORADIUS k 1 2 3 m", "GEORADIUS k 1 2 3 m COUNT 1 STORE d", "GEORADIUSBYMEMBER k store 3 m STOREDIST d",
		"MIGRATE host 6379 k 0 100", "MIGRATE host 6379  0 100 COPY AUTH keys KEYS a b c",
	} {
		args := words(line)
		keys, err := client.Do(t.Context(), append([]any{"COMMAND", "GETKEYS"}, args...)...).Slice()
		if err != nil {
			t.Errorf("COMMAND GETKEYS %s: %v", line, err)
		}
		if got := effect.KeyCount(args); got != len(keys) {
			t.Errorf("%s names %v, KeyCount says %d", line, keys, got)
		}
	}
}

// Each line is applied twice to a live server that holds the same data each time.
func TestASecondApplicationDoesWhatTheTableSays(t *testing.T) {
	client := startRedis(t)
	applied := map[string]bool{}
	for _, line := range applications {
		args := words(line)
		name, _, _ := strings.Cut(strings.ToLower(line), " ")
		if hasSubcommands(name) {
			name += "|" + strings.ToLower(args[1].(string))
		}
		applied[name] = true

		t.Run(line, func(t *testing.T) {
			fill(t, client)
			for i, arg := range args {
				switch arg {
				case "DUMP":
					args[i] = client.Dump(t.Context(), "s").Val()
				case "FUNCTIONS":
					args[i] = client.FunctionDump(t.Context()).Val()
				case "CODE":
					args[i] = library("new")
				}
			}
			before := state(t, client)
			first := client.Do(t.Context(), args...)
			once := state(t, client)
			second := client.Do(t.Context(), args...)
			twice := state(t, client)

			if err := first.Err(); err != nil && !errors.Is(err, redis.Nil) {
				t.Fatalf("the first application: %v", err)
			}
			sameReply := fmt.Sprint(first.Result()) == fmt.Sprint(second.Result())
			switch said := effect.Of(args); said {
			case effect.Read:
				if before != once || once != twice {
					t.Error("a read that writes")
				}
			case effect.Idempotent:
				if err := second.Err(); once != twice || err != nil && !errors.Is(err, redis.Nil) {
					t.Errorf("idempotent, and the second application changes data or fails: %v", err)
				}
			case effect.Conditional:
				if sameReply && once == twice && !slices.Contains(conditionalOutOfCare, line) {
					t.Errorf("conditional, and the second application goes as the first: %v", first)
				}
			case effect.Accumulating:
				if before == once || once == twice {
					t.Error("accumulating, and an application changes nothing")
				}
			default:
				t.Error(said)
			}
		})
	}

	// XAUTOCLAIM takes the next entries only once the first are too young; MIGRATE needs a second server; PFDEBUG is
	// of unknown effect.
	notApplied := []string{"migrate", "pfdebug", "xautoclaim"}
	for _, command := range liveCommands(t, client) {
		if command.has("write") && !applied[command.name] && !slices.Contains(notApplied, command.name) {
			t.Errorf("%s writes and is not applied here", command.name)
		}
	}
}

const data = `SET s 10
SET bits abc
SETBIT flags 1 1
SET ttl v EX 1000
HSET h a 1 b 2 c 3
RPUSH l a b a c a d e f g
RPUSH l2 x y z
RPUSH nums 3 1 2 5 4
SADD set a b c d e f
SADD set2 b c x
ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
ZADD z2 7 a 8 x
GEOADD geo 13.361389 38.115556 p 15.087269 37.502669 q
XADD st 1-1 f v
XADD st 2-1 f v
XADD st 3-1 f v
XADD st 4-1 f v
XGROUP CREATE st g 0
XREADGROUP GROUP g c COUNT 2 STREAMS st >
PFADD hll a b c
PFADD hll2 c d`

// applications are applied to data. DUMP stands for the payload of s, FUNCTIONS for that of all
// libraries, CODE for a new one.
var applications = []string{
	"COPY s s2", "COPY s s2 REPLACE", "DEL s ttl", "UNLINK s", "MOVE s 1", "RENAME s s2", "RENAMENX s s2", "PERSIST ttl",
	"EXPIRE s 100", "EXPIRE s 100 NX", "EXPIREAT s 99999999999", "EXPIREAT s 99999999999 NX", "PEXPIRE s 100000",
	"EXPIREAT ttl 99999999999 GT", "PEXPIREAT s 99999999999999", "PEXPIREAT s 99999999999999 XX", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1",
	"RESTORE copy 0 DUMP", "RESTORE copy 0 DUMP REPLACE", "RESTORE-ASKING copy 0 DUMP",
	"SORT nums", "SORT nums STORE sorted", "SORT nums LIMIT 1 100 STORE nums", "SORT set ALPHA GET # STORE sorted",

	"APPEND s x", "DECR s", "DECRBY s 2", "GET s", "GETDEL s", "GETEX ttl", "GETEX ttl PERSIST", "GETEX s EXAT 99999999999",
	"GETSET s new", "INCR s", "INCRBY s 3", "INCRBYFLOAT s 1.5", "MSET a 1 b 2", "MSETNX a 1 b 2", "PSETEX s 100000 v",
	"SET s v", "SET s v KEEPTTL", "SET s v EX 100", "SET new v NX", "SET s new GET", "SETEX s 100 v",
	"SETNX new v", "SETRANGE s 3 abc", "SUBSTR s 0 1",

	"SETBIT flags 7 1", "BITOP NOT inverted bits", "BITOP NOT bits bits", "BITOP XOR flags flags bits", "BITOP OR both flags bits",
	"BITFIELD bits GET u8 0", "BITFIELD bits SET u8 0 7", "BITFIELD bits OVERFLOW WRAP INCRBY u8 0 1 GET u8 0",

	"HSET h a 9 z 1", "HMSET h a 9", "HSETNX h z 1", "HDEL h a b", "HINCRBY h a 1", "HINCRBYFLOAT h a 0.5", "HGETALL h",

	"LPUSH l x", "RPUSH l x", "LPUSHX l x", "RPUSHX l x", "LPOP l", "RPOP l", "LPOP l 2", "LINSERT l BEFORE b x", "LSET l 0 x",
	"LREM l 0 a", "LREM l 1 a", "LREM l -1 a", "LTRIM l 1 -1", "LTRIM l 0 -2", "LTRIM l 0 3", "LTRIM l -3 -1", "LTRIM l 0 -1",
	"LTRIM l 1 0", "LTRIM l -1 -2", "LMOVE l l2 LEFT RIGHT", "RPOPLPUSH l l2", "BRPOPLPUSH l l2 1", "BLMOVE l l2 LEFT RIGHT 1",
	"LMPOP 2 none l LEFT", "BLPOP l 1", "BRPOP l 1", "BLMPOP 1 1 l LEFT", "LRANGE l 0 -1",

	"SADD set z", "SREM set a", "SPOP set", "SPOP set 2", "SMOVE set set2 a", "SUNIONSTORE d set set2", "SUNIONSTORE set set set2",
	"SINTERSTORE d set set2", "SINTERSTORE set set set2", "SDIFFSTORE d set set2", "SDIFFSTORE set set2 set", "SMEMBERS set",

	"ZADD z 9 a", "ZADD z CH 9 a", "ZADD z NX 1 new", "ZADD z XX CH 9 a", "ZADD z GT CH 9 a", "ZADD z INCR 1 a", "ZINCRBY z 1 a",
	"ZREM z a", "ZPOPMIN z", "ZPOPMAX z 2", "BZPOPMIN z 1", "BZPOPMAX z 1", "ZMPOP 1 z MIN", "BZMPOP 1 1 z MIN",
	"ZREMRANGEBYSCORE z 1 3", "ZREMRANGEBYLEX z - +", "ZREMRANGEBYRANK z 0 1", "ZREMRANGEBYRANK z 0 -4", "ZREMRANGEBYRANK z 3 -1",
	"ZUNIONSTORE d 2 z z2", "ZUNIONSTORE z 2 z z2", "ZINTERSTORE d 2 z z2", "ZINTERSTORE z 2 z z2", "ZDIFFSTORE d 2 z z2",
	"ZDIFFSTORE z 2 z2 z", "ZRANGESTORE d z 0 2", "ZRANGESTORE z z 1 -1", "ZRANGE z 0 -1",

	"GEOADD geo 1 2 r", "GEOADD geo NX 1 2 r", "GEOSEARCHSTORE d geo FROMMEMBER p BYRADIUS 999 km ASC COUNT 1",
	"GEOSEARCHSTORE geo geo FROMLONLAT 15 37 BYRADIUS 999 km STOREDIST", "GEORADIUS geo 15 37 999 km",
	"GEORADIUS geo 15 37 999 km STORE d", "GEORADIUS geo 15 37 999 km STOREDIST geo", "GEORADIUSBYMEMBER geo p 999 km STOREDIST d",
	"GEORADIUSBYMEMBER geo p 999 km STOREDIST geo",

	"XADD st * f v", "XADD st MAXLEN ~ 1000 LIMIT 10 * f v", "XADD st 5-* f v", "XADD st 5-1 f v", "XADD st NOMKSTREAM 5-1 f v",
	"XACK st g 1-1", "XDEL st 1-1", "XTRIM st MAXLEN 2", "XTRIM st MINID 3-0", "XSETID st 9-1", "XGROUP CREATE st g2 0",
	"XGROUP CREATECONSUMER st g c2", "XGROUP DELCONSUMER st g c", "XGROUP DESTROY st g", "XGROUP SETID st g 1-1",
	"XREADGROUP GROUP g c COUNT 1 STREAMS st >", "XREADGROUP GROUP g c STREAMS st 0", "XCLAIM st g c2 0 1-1",
	"XREAD COUNT 1 STREAMS st 0", "XRANGE st - +",

	"PFADD hll z", "PFMERGE hll3 hll hll2", "PFMERGE hll hll2",

	"FUNCTION LOAD CODE", "FUNCTION LOAD REPLACE CODE", "FUNCTION FLUSH", "FUNCTION DELETE old",
	"FUNCTION RESTORE FUNCTIONS FLUSH", "FUNCTION RESTORE FUNCTIONS REPLACE",
}

// conditionalOutOfCare go the same way twice here, and otherwise when others write or time passes in between.
var conditionalOutOfCare = []string{
	"FLUSHALL", "FLUSHDB", "FUNCTION FLUSH", "FUNCTION RESTORE FUNCTIONS FLUSH", "PEXPIREAT s 99999999999999 XX",
	"XSETID st 9-1", "XGROUP SETID st g 1-1", "XREADGROUP GROUP g c STREAMS st 0", "XCLAIM st g c2 0 1-1",
}

func fill(t *testing.T, client *redis.Client) {
	t.Helper()
	client.FlushAll(t.Context())
	client.FunctionFlush(t.Context())
	for line := range strings.SplitSeq(data, "\n") {
		if err := client.Do(t.Context(), words(line)...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if err := client.FunctionLoad(t.Context(), library("old")).Err(); err != nil {
		t.Fatal(err)
	}
}

func library(name string) string {
	return fmt.Sprintf("#!lua name=%[1]s\nredis.register_function('%[1]s', function() return 1 end)", name)
}

// state tells everything that a command may change, but for times.
func state(t *testing.T, client *redis.Client) string {
	t.Helper()
	var all strings.Builder
	for _, question := range []string{"DEBUG DIGEST", "XINFO GROUPS st", "XPENDING st g", "FUNCTION LIST WITHCODE"} {
		fmt.Fprintln(&all, client.Do(t.Context(), words(question)...))
	}
	return all.String()
}

type liveCommand struct {
	name  string
	flags []any
	keys  [3]int
}

func (c liveCommand) has(flag string) bool { return slices.Contains(c.flags, any(flag)) }

// liveCommands reads COMMAND: commands, and their subcommands behind them.
func liveCommands(t *testing.T, client *redis.Client) (all []liveCommand) {
	t.Helper()
	reply, err := client.Do(t.Context(), "COMMAND").Slice()
	if err != nil {
		t.Fatal(err)
	}
	for len(reply) > 0 {
		entry := reply[0].([]any)
		reply = append(reply[1:], entry[9].([]any)...)
		command := liveCommand{name: entry[0].(string), flags: entry[2].([]any)}
		for i := range command.keys {
			command.keys[i] = int(entry[3+i].(int64))
		}
		all = append(all, command)
	}
	return all
}

// words splits a command at its spaces; two in a row hold an empty argument.
func words(line string) []any {
	var args []any
	for word := range strings.SplitSeq(line, " ") {
		args = append(args, word)
	}
	return args
}

// startRedis starts a redis-server for this test and returns a client of it.
func startRedis(t *testing.T) *redis.Client {
	t.Helper()
	options := redisconntest.NewServer(t, redisconntest.WithUnixSocket(), redisconntest.WithDirective("enable-debug-command", "yes")).Options()
	options.Protocol, options.MaxRetries = 2, -1
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}
