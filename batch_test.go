package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// quickly makes retries quick and every budget short enough for a test.
func quickly(cfg *redisconn.Config) {
	cfg.Timeouts.Operation = 2 * time.Second
	cfg.Retry.MinBackoff = time.Millisecond
	cfg.Retry.MaxBackoff = 5 * time.Millisecond
}

// batchClient opens a quiet client, which is closed when the test ends.
func batchClient(t testing.TB, cfg redisconn.Config, opts ...redisconn.Option) *redisconn.Client {
	t.Helper()
	quickly(&cfg)
	client, err := redisconn.Open(t.Context(), cfg, append(opts, redisconn.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, redisconn.ErrDrainIncomplete) {
			t.Errorf("Close: %v", err)
		}
	})
	return client
}

// behindProxy is a server, a proxy in front of it and a client that only knows the proxy.
func behindProxy(t *testing.T, opts ...redisconn.Option) (*redisconntest.Server, *redisconntest.Proxy, *redisconn.Client) {
	t.Helper()
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := server.Config()
	cfg.Connection.Addrs = []string{proxy.Addr()}
	return server, proxy, batchClient(t, cfg, opts...)
}

// settled waits until the server has executed all that the proxy forwarded.
func settled(t *testing.T, proxy *redisconntest.Proxy) {
	t.Helper()
	if !proxy.Settle(5 * time.Second) {
		t.Fatal("the server still owes replies after 5 s")
	}
}

// stored reads a key behind the client's back; "" when it is not there.
func stored(t *testing.T, server *redisconntest.Server, key string) string {
	t.Helper()
	value, err := server.Client().Get(t.Context(), key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	return value
}

// wantCommandError checks an error's class and what it says of the effect.
func wantCommandError(t *testing.T, err error, class redisconn.Class, applied redisconn.Applied) *redisconn.CommandError {
	t.Helper()
	var command *redisconn.CommandError
	if !errors.As(err, &command) {
		t.Fatalf("error %v (%T), want a CommandError", err, err)
	}
	if command.Class != class || command.Applied != applied {
		t.Errorf("class %s, applied %s, want %s, %s: %v", command.Class, command.Applied, class, applied, err)
	}
	return command
}

// pipelined runs commands, each a line of words, through the client's Pipelined.
func pipelined(t *testing.T, client *redisconn.Client, lines ...string) []redis.Cmder {
	t.Helper()
	cmds, _ := client.Pipelined(t.Context(), queued(t.Context(), lines...))
	return cmds
}

func queued(ctx context.Context, lines ...string) func(redis.Pipeliner) error {
	return func(p redis.Pipeliner) error {
		for _, line := range lines {
			var args []any
			for _, word := range strings.Fields(line) {
				args = append(args, word)
			}
			p.Do(ctx, args...)
		}
		return nil
	}
}

func TestALostReplyRepeatsTheTailBehindTheLastCommandThatMayNotBeRepeated(t *testing.T) {
	server, proxy, client := behindProxy(t)
	events := client.History()
	proxy.DropReply(redisconntest.Command("incr"), 1)

	cmds := pipelined(t, client, "set a 1", "incr n", "set b 2", "get b")
	settled(t, proxy)

	if err := cmds[0].Err(); err != nil {
		t.Errorf("SET a, whose reply came: %v", err)
	}
	lost := wantCommandError(t, cmds[1].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if lost.Command != "incr" || lost.Keys != 1 || lost.Attempts != 1 {
		t.Errorf("the error tells of %q, %d keys, %d attempts", lost.Command, lost.Keys, lost.Attempts)
	}
	if got := cmds[3].(*redis.Cmd).Val(); cmds[2].Err() != nil || got != "2" {
		t.Errorf("SET b: %v, GET b: %v, want both repeated with success", cmds[2].Err(), got)
	}
	if n := stored(t, server, "n"); n != "1" {
		t.Errorf("n is %s: INCR was applied twice", n)
	}
	if told := client.History()[len(events):]; len(told) != 1 || told[0].Kind != redisconn.EventMaybeApplied || told[0].Detail != "1 command" {
		t.Errorf("the flight recorder has %+v, want one entry for the pipeline", told)
	}
}

func TestWhatPrecedesACommandThatMayNotBeRepeatedIsNotRepeatedEither(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.CommandKey("set", "a"), 1)

	cmds := pipelined(t, client, "set a 1", "incr n")
	settled(t, proxy)

	for _, cmd := range cmds {
		wantCommandError(t, cmd.Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	}
	if calls := server.CommandCalls("set"); calls != 1 {
		t.Errorf("SET was executed %d times", calls)
	}
	if n := stored(t, server, "n"); n != "" && n != "1" {
		t.Errorf("n is %s", n)
	}
}

// Each command of a pipeline may be harmless to repeat and the pipeline not. One
// that moved a set by SUNIONSTORE and DEL lost its replies, was repeated whole,
// and the second SUNIONSTORE stored the nothing that DEL had left.
func TestALostReplyDoesNotLoseASetThatThePipelineMoves(t *testing.T) {
	server, proxy, client := behindProxy(t)
	if err := server.Client().SAdd(t.Context(), "new", "x", "y").Err(); err != nil {
		t.Fatal(err)
	}
	proxy.DropReply(redisconntest.Command("sunionstore"), 1)

	cmds := pipelined(t, client, "sunionstore all new", "del new")
	settled(t, proxy)

	wantCommandError(t, cmds[0].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if err := cmds[1].Err(); err != nil {
		t.Errorf("DEL, which may be repeated: %v", err)
	}
	if members := server.Client().SCard(t.Context(), "all").Val(); members != 2 {
		t.Errorf("all has %d members, want the 2 of new", members)
	}
}

// A GET before a SET of the same key was repeated with it and returned the value
// that the SET behind it had already stored.
func TestAReadDoesNotSeeWhatItsOwnPipelineWritesLater(t *testing.T) {
	server, proxy, client := behindProxy(t)
	if err := server.Client().Set(t.Context(), "k", "old", 0).Err(); err != nil {
		t.Fatal(err)
	}
	proxy.DropReply(redisconntest.Command("get"), 1)

	cmds := pipelined(t, client, "get k", "set k new")

	wantCommandError(t, cmds[0].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if err := cmds[1].Err(); err != nil {
		t.Errorf("SET: %v", err)
	}
}

// A pipeline that had changed its connection was cut, and its tail repeated on
// another one: behind a SELECT, which is refused by now, its key landed in database 0.
func TestATailIsNotRepeatedOnAConnectionThatItWasNotWrittenFor(t *testing.T) {
	server, proxy, client := behindProxy(t)
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	proxy.DropReply(redisconntest.Command("set"), 1)

	cmds := pipelined(t, client, "multi", "exec", "set a 1")
	settled(t, proxy)

	wantCommandError(t, cmds[2].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if calls := server.CommandCalls("set"); calls != 1 {
		t.Errorf("SET was sent %d times, want once", calls)
	}
}

// Whether a pipeline was sent again used to hang on its first failure. When that
// was a LOADING, which proves that its own command did nothing, an INCR behind
// it whose reply was lost was sent again too.
func TestARefusalDoesNotSpeakForTheCommandsBehindIt(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Command("set"), 1, redisconntest.Loading)
	proxy.DropReply(redisconntest.Command("incr"), 1)

	cmds := pipelined(t, client, "set a 1", "incr n")
	settled(t, proxy)

	wantCommandError(t, cmds[0].Err(), redisconn.ClassLoading, redisconn.AppliedNo)
	wantCommandError(t, cmds[1].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if n := stored(t, server, "n"); n != "1" {
		t.Errorf("n is %s, want 1", n)
	}
}

func TestACommandThatWasRefusedForTheMomentIsSentAgainWithItsTail(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Any, 2, redisconntest.Loading)

	cmds := pipelined(t, client, "incr n", "incr n")

	for _, cmd := range cmds {
		if cmd.Err() != nil {
			t.Errorf("%v: %v", cmd.Args(), cmd.Err())
		}
	}
	if n := stored(t, server, "n"); n != "2" {
		t.Errorf("n is %s, want 2", n)
	}
}

func TestACommandThatWasRefusedIsNotSentAgainBehindOneThatWasExecuted(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Command("set"), 1, redisconntest.ReadOnly)

	cmds := pipelined(t, client, "set a 1", "incr n")

	refused := wantCommandError(t, cmds[0].Err(), redisconn.ClassReadOnly, redisconn.AppliedNo)
	if refused.Attempts != 1 || cmds[1].Err() != nil {
		t.Errorf("%d attempts, INCR: %v", refused.Attempts, cmds[1].Err())
	}
	if server.CommandCalls("set") != 0 {
		t.Error("SET was sent again, behind the INCR")
	}
}

func TestAnAnswerOfTheServerIsLeftAlone(t *testing.T) {
	server, _, client := behindProxy(t)
	if err := server.Client().Set(t.Context(), "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}

	cmds, err := client.Pipelined(t.Context(), queued(t.Context(), "get none", "incr text", "set a 1"))

	if err != redis.Nil || cmds[0].Err() != redis.Nil {
		t.Errorf("Pipelined: %v, GET: %v, want redis.Nil untouched", err, cmds[0].Err())
	}
	var reply redis.Error
	if !errors.As(cmds[1].Err(), &reply) || redisconn.ClassOf(cmds[1].Err()) != redisconn.ClassReply || cmds[2].Err() != nil {
		t.Errorf("INCR: %v, SET: %v", cmds[1].Err(), cmds[2].Err())
	}
}

// A script may say TRYAGAIN after it has written. That reads like the cluster's
// refusal, for which everything may be sent again.
func TestAScriptsOwnErrorIsNoReasonToRunItAgain(t *testing.T) {
	server, _, client := behindProxy(t)
	const script = "redis.call('incr', KEYS[1]); return redis.error_reply('TRYAGAIN later')"
	eval := func(ctx context.Context) func(redis.Pipeliner) error {
		return func(p redis.Pipeliner) error {
			p.Eval(ctx, script, []string{"n"})
			return nil
		}
	}
	for i, run := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := client.Pipelined(ctx, eval(ctx)); return err },
		func(ctx context.Context) error { _, err := client.TxPipelined(ctx, eval(ctx)); return err },
		func(ctx context.Context) error {
			return client.Watch(ctx, func(tx *redis.Tx) error { return tx.Eval(ctx, script, []string{"n"}).Err() })
		},
	} {
		if err := run(t.Context()); err == nil || err.Error() != "TRYAGAIN later" {
			t.Errorf("way %d: %v", i, err)
		}
		if n := stored(t, server, "n"); n != strconv.Itoa(i+1) {
			t.Errorf("way %d: n is %s, want %d", i, n, i+1)
		}
	}
}

func TestAPipelineWaitsForAServerThatIsGone(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.Refuse()
	finished := make(chan []redis.Cmder)
	go func() { finished <- pipelined(t, client, "incr n", "incr n") }()

	redisconntest.Eventually(t, 5*time.Second, "the client to notice", func() bool { return client.Stats().Retries > 0 })
	proxy.Accept()

	for _, cmd := range <-finished {
		if cmd.Err() != nil {
			t.Error(cmd.Err())
		}
	}
	if n := stored(t, server, "n"); n != "2" {
		t.Errorf("n is %s, want 2", n)
	}
}

func TestASilentServerCostsABatchItsBudgetAndNoMore(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.Blackhole()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, run := range map[string]func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error){
		"pipeline": client.Pipelined, "transaction": client.TxPipelined,
	} {
		began := time.Now()
		cmds, err := run(ctx, queued(ctx, "set a 1", "incr n"))
		if took := time.Since(began); took > 250*time.Millisecond {
			t.Errorf("a %s with 100 ms took %s", name, took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || len(cmds) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABatchThatComesDuringADrainIsRefused(t *testing.T) {
	_, _, client := behindProxy(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error){client.Pipelined, client.TxPipelined} {
		cmds, err := run(t.Context(), queued(t.Context(), "set a 1", "incr n"))
		if !errors.Is(err, redisconn.ErrClosed) || cmds[1].Err() == nil || !redisconn.SafeToRetry(err) {
			t.Errorf("%v: %v", cmds, err)
		}
	}
}

func TestABatchOfAClientThatWasNeverConnectedSaysSo(t *testing.T) {
	client, err := redisconn.New(redisconn.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cmds := pipelined(t, client, "mget a b", "incr n")
	if refused := wantCommandError(t, cmds[0].Err(), redisconn.ClassDown, redisconn.AppliedNo); refused.Keys != 3 {
		t.Errorf("the error speaks of %d keys, want 3", refused.Keys)
	}
}

func TestABatchIsNotSentAgainOnceTheRetryBudgetIsSpent(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.Command("set"), redisconntest.Always)
	proxy.Answer(redisconntest.Command("incr"), redisconntest.Always, redisconntest.Loading)

	cmds := pipelined(t, client, "set a 1", "set b 1")
	wantCommandError(t, cmds[0].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	_, err := client.TxPipelined(t.Context(), queued(t.Context(), "incr n"))
	wantCommandError(t, err, redisconn.ClassLoading, redisconn.AppliedNo)

	for _, err := range []error{cmds[1].Err(), err} {
		if !strings.Contains(err.Error(), "the retry budget is spent") {
			t.Errorf("the error does not say why it was not sent again: %v", err)
		}
	}
}

func TestABatchEndsWithItsContext(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Any, redisconntest.Always, redisconntest.Loading)
	for _, run := range []func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error){client.Pipelined, client.TxPipelined} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := run(ctx, queued(ctx, "incr n"))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || !redisconn.SafeToRetry(err) || took > 150*time.Millisecond {
			t.Errorf("after %s: %v", took, err)
		}
	}
}

func TestAHookThatLetsNothingThroughSendsNothing(t *testing.T) {
	server, _, client := behindProxy(t, redisconn.WithHooks(pipelineHook(func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
		return func(ctx context.Context, _ []redis.Cmder) error { return next(ctx, nil) }
	})))
	if _, err := client.Pipelined(t.Context(), queued(t.Context(), "set a 1")); err != nil {
		t.Error(err)
	}
	if value := stored(t, server, "a"); value != "" {
		t.Errorf("a is %q", value)
	}
}

// pipelineHook is a hook for batches alone.
type pipelineHook func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook

func (pipelineHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (pipelineHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h pipelineHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return h(next)
}

// A program may frame a pipeline by MULTI and EXEC itself. It was taken for the
// driver's transaction, framed once more, and its own two commands had no reply.
func TestAProgramsOwnMultiAndExecAreSentAsTheyAre(t *testing.T) {
	_, _, client := behindProxy(t)
	cmds := pipelined(t, client, "multi", "incr n", "exec")
	if queued := cmds[1].(*redis.Cmd).Val(); queued != "QUEUED" {
		t.Errorf("INCR inside of the program's MULTI says %v, %v", queued, cmds[1].Err())
	}
	if replies, err := cmds[2].(*redis.Cmd).Slice(); err != nil || len(replies) != 1 || replies[0] != int64(1) {
		t.Errorf("EXEC says %v, %v", replies, err)
	}
	if cmds := pipelined(t, client, "get none"); cmds[0].Err() != redis.Nil {
		t.Errorf("a pipeline of one: %v", cmds[0].Err())
	}
}

func TestATransactionIsSentAgainWholeWhileItDidNothing(t *testing.T) {
	server, proxy, client := behindProxy(t)
	for name, fault := range map[string]func(){
		"a command refused when it was queued": func() { proxy.Answer(redisconntest.Command("incr"), 1, redisconntest.Loading) },
		"EXEC refused":                         func() { proxy.Answer(redisconntest.Command("exec"), 1, redisconntest.MasterDown) },
		"EXEC discarded": func() {
			proxy.Answer(redisconntest.Command("exec"), 1, "-EXECABORT Transaction discarded because of: "+redisconntest.ReadOnly[1:])
		},
		"the connection closed by the server": func() { proxy.CutAll() },
	} {
		server.Client().FlushAll(t.Context())
		fault()
		cmds, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1", "incr n"))
		if err != nil || cmds[1].(*redis.Cmd).Val() != int64(1) {
			t.Errorf("%s: %v, %v", name, cmds, err)
		}
		if n := stored(t, server, "n"); n != "1" {
			t.Errorf("%s: n is %q", name, n)
		}
	}
}

func TestATransactionWhoseReplyIsLostIsNotSentAgain(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.Command("exec"), 1)

	cmds, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1", "incr n"))
	settled(t, proxy)

	lost := wantCommandError(t, err, redisconn.ClassLost, redisconn.AppliedMaybe)
	if lost.Command != "transaction" || lost.Keys != 2 || lost.Attempts != 1 || !errors.Is(cmds[0].Err(), redisconn.ErrMaybeApplied) {
		t.Errorf("%+v; SET: %v", lost, cmds[0].Err())
	}
	if n := stored(t, server, "n"); n != "1" {
		t.Errorf("n is %s", n)
	}
}

func TestATransactionThatTheServerRefusedForGoodIsLeftAlone(t *testing.T) {
	server, _, client := behindProxy(t)
	cmds, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1", "nosuchcommand"))
	if !redis.IsExecAbortError(err) || !redis.IsExecAbortError(cmds[0].Err()) || redis.IsExecAbortError(cmds[1].Err()) {
		t.Errorf("%v; SET: %v; the culprit: %v", err, cmds[0].Err(), cmds[1].Err())
	}
	if value := stored(t, server, "a"); value != "" {
		t.Errorf("a is %s", value)
	}
}

func TestATransactionThatNobodyIsAllowedIsAFailure(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.Answer(redisconntest.Command("exec"), 1, redisconntest.NoAuth)
	_, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1"))
	wantCommandError(t, err, redisconn.ClassAuth, redisconn.AppliedNo)
}

// A connection that the server refused in its handshake left the commands of a
// batch without an error, as if they had succeeded.
func TestABatchWhoseConnectionIsRefusedInTheHandshakeFails(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := server.Config()
	cfg.Connection.Addrs, cfg.Connection.DB = []string{proxy.Addr()}, 1
	client := batchClient(t, cfg)
	refuse := func() {
		proxy.CutAll()
		proxy.Answer(redisconntest.Command("select"), redisconntest.Always, "-ERR DB index is out of range")
	}
	defer proxy.Clear()

	refuse()
	res, err := client.RunPipeline(t.Context(), queued(t.Context(), "set a 1", "incr n"))
	if res.Failed != 2 || redisconn.ClassOf(err) != redisconn.ClassDatabase || !redisconn.SafeToRetry(err) {
		t.Errorf("%+v: %v", res, err)
	}
	tx, err := client.RunTransaction(t.Context(), queued(t.Context(), "set a 1", "incr n"))
	if tx.Applied != redisconn.AppliedNo || redisconn.ClassOf(err) != redisconn.ClassDatabase || !redisconn.SafeToRetry(err) {
		t.Errorf("%+v: %v", tx, err)
	}
	if server.CommandCalls("incr") != 0 {
		t.Error("INCR was executed")
	}
}

// A server that refuses MULTI executes what follows one by one. The driver reads
// the refusal as the transaction's, which suggests that nothing was done.
func TestATransactionOfAUserWithoutMultiMayHaveBeenAppliedInParts(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "secret", "~*", "&*", "+@all", "-multi"))
	cfg := server.Config()
	cfg.Connection.Username, cfg.Connection.Password = "app", "secret"
	client := batchClient(t, cfg)

	_, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1", "incr n"))
	wantCommandError(t, err, redisconn.ClassACL, redisconn.AppliedMaybe)

	redisconntest.Eventually(t, 5*time.Second, "the server to execute what came behind MULTI", func() bool { return stored(t, server, "n") == "1" })
	if value, err := client.Get(t.Context(), "n").Result(); value != "1" {
		t.Errorf("the next command reads %q, %v: a reply of the transaction's", value, err)
	}
}

// faultyConn is a connection of which a test sees, and may break, what passes.
type faultyConn struct {
	net.Conn
	faults *faultsOfConn
}

// faultsOfConn are set by the test while connections are open.
type faultsOfConn struct {
	mu        sync.Mutex
	torn      bool                // all but the last byte of a write that fails is passed on
	failWrite func(p []byte) bool // fail this write instead of doing it
	cutRead   []byte              // the reply that ends with this is the last
}

func (f *faultsOfConn) set(change func(*faultsOfConn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faultsOfConn) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return faultyConn{Conn: conn, faults: f}, err
}

func (c faultyConn) Write(p []byte) (int, error) {
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	if fail := c.faults.failWrite; fail != nil && fail(p) {
		c.faults.failWrite = nil
		n := 0
		if c.faults.torn {
			n, _ = c.Conn.Write(p[:len(p)-1])
		}
		_ = c.Conn.Close() // as a broken link would be
		return n, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	return c.Conn.Write(p)
}

func (c faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	if mark := c.faults.cutRead; mark != nil {
		if end := bytes.Index(p[:n], mark); end >= 0 {
			c.faults.cutRead = nil
			_ = c.Conn.Close()
			return end + len(mark), io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// throughFaults is a client whose connections break as the test says.
func throughFaults(t *testing.T) (*redisconntest.Server, *faultsOfConn, *redisconn.Client) {
	t.Helper()
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	f := &faultsOfConn{}
	return server, f, batchClient(t, server.Config(), redisconn.WithDialer(f.dial))
}

func TestAFailedWriteProvesSomethingOfTheLastCommandOnly(t *testing.T) {
	server, faults, client := throughFaults(t)
	failNext := func() {
		faults.set(func(f *faultsOfConn) {
			f.torn = true
			f.failWrite = func(p []byte) bool { return bytes.Contains(p, []byte("incr")) }
		})
	}

	failNext()
	cmds := pipelined(t, client, "incr n", "incr m")
	wantCommandError(t, cmds[0].Err(), redisconn.ClassLost, redisconn.AppliedMaybe)
	if err := cmds[1].Err(); err != nil {
		t.Errorf("the last command, which was not written whole: %v", err)
	}

	failNext()
	if _, err := client.TxPipelined(t.Context(), queued(t.Context(), "incr n", "incr m")); err != nil {
		t.Errorf("a transaction whose EXEC was not written: %v", err)
	}
	if n, m := stored(t, server, "n"), stored(t, server, "m"); n != "2" || m != "2" {
		t.Errorf("n is %s, m is %s, want 2 and 2", n, m)
	}
}

// When the kernel took nothing at all, every command of the pipeline is proved not
// to have been executed, and is sent again whatever its effect.
func TestAWriteOfWhichNothingWasTakenProvesSomethingOfEveryCommand(t *testing.T) {
	server, faults, client := throughFaults(t)
	for _, send := range []func() error{
		func() error { return firstErrorOf(pipelined(t, client, "incr n", "incr m")) },
		func() error {
			_, err := client.TxPipelined(t.Context(), queued(t.Context(), "incr n", "incr m"))
			return err
		},
	} {
		faults.set(func(f *faultsOfConn) {
			f.failWrite = func(p []byte) bool { return bytes.Contains(p, []byte("incr")) }
		})
		if err := send(); err != nil {
			t.Error(err)
		}
	}
	if n, m := stored(t, server, "n"), stored(t, server, "m"); n != "2" || m != "2" {
		t.Errorf("n is %s, m is %s, want 2 and 2", n, m)
	}
}

func firstErrorOf(cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return nil
}

// The connection broke in the middle of EXEC's reply. That there was one means
// that everything was executed, also what has no result.
func TestATransactionWhoseReplyBreaksOffWasApplied(t *testing.T) {
	server, faults, client := throughFaults(t)
	faults.set(func(f *faultsOfConn) { f.cutRead = []byte("*3\r\n+OK\r\n") })

	cmds, err := client.TxPipelined(t.Context(), queued(t.Context(), "set a 1", "incr n", "incr n"))

	wantCommandError(t, err, redisconn.ClassLost, redisconn.AppliedYes)
	if cmds[0].Err() != nil || cmds[0].(*redis.Cmd).Val() != "OK" {
		t.Errorf("SET, whose result came: %v", cmds[0])
	}
	if errors.Is(err, redisconn.ErrMaybeApplied) || redisconn.SafeToRetry(err) {
		t.Errorf("applied: maybe %t, safe to retry %t", errors.Is(err, redisconn.ErrMaybeApplied), redisconn.SafeToRetry(err))
	}
	if n := stored(t, server, "n"); n != "2" {
		t.Errorf("n is %s", n)
	}
}
