package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestAPipelineTellsWhatBecameOfEachCommand(t *testing.T) {
	server, _, client := behindProxy(t)
	if err := server.Client().Set(t.Context(), "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var get *redis.StringCmd
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "a", "1", 0)
		p.Incr(t.Context(), "text")
		p.Get(t.Context(), "none")
		get = p.Get(t.Context(), "a")
		return nil
	})
	if res.Commands != 4 || res.Succeeded != 3 || res.Failed != 1 || res.MaybeApplied != 0 || res.Unsent != 0 || res.Chunks != 1 || res.Took <= 0 {
		t.Errorf("%+v", res)
	}
	if get.Val() != "1" {
		t.Errorf("GET a: %v", get)
	}
	var lines []string
	for _, o := range res.Outcomes() {
		lines = append(lines, o.String())
	}
	want := []string{
		"#0 set: done, applied: yes",
		"#1 incr: ERR value is not an integer or out of range, applied: no",
		"#2 get: done, applied: yes",
		"#3 get: done, applied: yes",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("outcomes:\n%s", strings.Join(lines, "\n"))
	}

	var failed *redisconn.PipelineError
	var reply redis.Error
	if !errors.As(err, &failed) || failed.Result != res || !errors.As(err, &reply) || redisconn.ClassOf(err) != redisconn.ClassReply {
		t.Errorf("%T: %v", err, err)
	}
	if redisconn.SafeToRetry(err) || redisconn.IsMaybeApplied(err) {
		t.Errorf("safe to retry %t, maybe applied %t", redisconn.SafeToRetry(err), redisconn.IsMaybeApplied(err))
	}
	text := strings.ReplaceAll(err.Error(), client.Config().Connection.Addrs[0], "ADDR")
	if text != "redisconn: pipeline on ADDR: 1 of 4 commands failed: #1 incr: ERR value is not an integer or out of range, applied: no; likely: the command does not fit the key's type or its own syntax; next: read the server's text; it is unchanged" {
		t.Error(text)
	}
}

func TestAnEmptyPipelineSendsNothing(t *testing.T) {
	_, proxy, client := behindProxy(t)
	before := proxy.Stats().Commands["get"]
	res, err := client.RunPipeline(t.Context(), func(redis.Pipeliner) error { return nil })
	if err != nil || res.Commands != 0 || res.Chunks != 0 || len(res.Outcomes()) != 0 || proxy.Stats().Commands["get"] != before {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestAPipelineWithALostReplySaysWhichCommandsMayHaveBeenApplied(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.CommandKey("incr", "n2"), 1)

	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for i := range 5 {
			p.Incr(t.Context(), fmt.Sprint("n", i))
			p.Set(t.Context(), fmt.Sprint("s", i), i, 0)
		}
		return nil
	})
	settled(t, proxy)

	if res.Succeeded+res.Failed != 10 || res.MaybeApplied != res.Failed || !redisconn.IsMaybeApplied(err) || redisconn.SafeToRetry(err) {
		t.Errorf("%+v: %v", res, err)
	}
	if text := err.Error(); !strings.Contains(text, "commands failed, "+strconv.Itoa(res.MaybeApplied)+" of them may have been applied: #4 incr: the connection broke: ") {
		t.Error(text)
	}
	outcomes := res.Outcomes()
	if len(outcomes) != 10 || outcomes[0].Err != nil || outcomes[9].Err != nil || outcomes[4].Applied != redisconn.AppliedMaybe {
		t.Errorf("%v", outcomes)
	}
	for i := range 5 {
		// What comes after the cut may have been on its way or not; nothing is applied twice.
		n := stored(t, server, fmt.Sprint("n", i))
		if n != "1" && (i <= 2 || n != "") {
			t.Errorf("n%d is %q, want 1, or nothing behind the cut", i, n)
		}
	}
}

func TestAMillionCommandsTakeTheMemoryOfOneChunk(t *testing.T) {
	const million, limit = 1_000_000, 48 << 20
	_, client := alone(t)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	runtime.GC()
	before, most := heap(), uint64(0)

	began := time.Now()
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for i := range million {
			p.Set(t.Context(), "key:"+strconv.Itoa(i%5000), "value", 0)
		}
		return nil
	}, redisconn.WithProgress(func(redisconn.PipelineProgress) { most = max(most, heap()) }))

	if err != nil || res.Succeeded != million || res.Chunks != million/1000 {
		t.Errorf("%+v, %v", res, err)
	}
	grown := int64(most) - int64(before)
	t.Logf("a million commands in %s, heap at most %.1f MiB above %.1f MiB", time.Since(began).Round(time.Millisecond), float64(grown)/(1<<20), float64(before)/(1<<20))
	if grown > limit {
		t.Errorf("the heap grew by %d MiB, want at most %d", grown>>20, limit>>20)
	}
}

// alone is a server and a client of it, with nothing in between.
func alone(t *testing.T, opts ...redisconn.Option) (*redisconntest.Server, *redisconn.Client) {
	t.Helper()
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t)
	return server, batchClient(t, server.Config(), opts...)
}

func TestAPipelineIsSentInChunksWhileItIsQueued(t *testing.T) {
	for name, test := range map[string]struct {
		option redisconn.PipelineOption
		sizes  []int // of the values
		chunks []int // commands sent after each
	}{
		"by count":                  {redisconn.WithChunk(2, 0), []int{1, 1, 1, 1, 1}, []int{2, 4, 5}},
		"by bytes":                  {redisconn.WithChunk(0, 1000), []int{400, 400, 400, 10, 400}, []int{2, 4, 5}},
		"one that is larger":        {redisconn.WithChunk(0, 1000), []int{10, 5000, 10}, []int{1, 2, 3}},
		"by whichever comes first":  {redisconn.WithChunk(3, 1000), []int{1, 1, 1, 900, 900}, []int{3, 4, 5}},
		"one chunk, when in bounds": {redisconn.WithChunk(0, 0), []int{1, 2, 3}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := alone(t)
			var sent, queuedAt []int
			n := 0
			res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
				for i, size := range test.sizes {
					p.Set(t.Context(), fmt.Sprint("k", i), strings.Repeat("x", size), 0)
					n++
				}
				return nil
			}, test.option, redisconn.WithProgress(func(p redisconn.PipelineProgress) {
				sent, queuedAt = append(sent, p.Commands), append(queuedAt, n)
				if p.Succeeded != p.Commands || p.Failed != 0 || p.Chunks != len(sent) || p.Elapsed <= 0 {
					t.Errorf("%+v", p)
				}
			}))
			if err != nil || !slices.Equal(sent, test.chunks) || res.Chunks != len(test.chunks) {
				t.Errorf("sent after each chunk %v, want %v: %v", sent, test.chunks, err)
			}
			if !slices.Equal(queuedAt, test.chunks) {
				t.Errorf("chunks were sent after %v commands were queued", queuedAt)
			}
		})
	}
}

func TestAPipelineWhoseFunctionFailsSendsNoMore(t *testing.T) {
	server, client := alone(t)
	enough := errors.New("enough")
	var last *redis.IntCmd
	var outcomes []redisconn.Outcome
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for range 5 {
			last = p.Incr(t.Context(), "n")
		}
		return enough
	}, redisconn.WithChunk(2, 0), redisconn.WithOutcome(func(o redisconn.Outcome) { outcomes = append(outcomes, o) }))

	if !errors.Is(err, enough) || res.Commands != 5 || res.Succeeded != 4 || res.Unsent != 1 || res.Failed != 0 {
		t.Errorf("%+v: %v", res, err)
	}
	if !strings.Contains(err.Error(), "its function returned: enough; 1 command not sent") {
		t.Error(err)
	}
	if !redisconn.SafeToRetry(last.Err()) || redisconn.SafeToRetry(err) {
		t.Errorf("safe to retry: the last command %t, the pipeline %t", redisconn.SafeToRetry(last.Err()), redisconn.SafeToRetry(err))
	}
	if len(outcomes) != 5 || outcomes[4].Index != 4 || outcomes[4].Err == nil || outcomes[4].Applied != redisconn.AppliedNo {
		t.Errorf("outcomes %v", outcomes)
	}
	if n := stored(t, server, "n"); n != "4" {
		t.Errorf("n is %s, want 4", n)
	}

	res, err = client.RunPipeline(t.Context(), func(p redis.Pipeliner) error { return enough })
	if !errors.Is(err, enough) || !redisconn.SafeToRetry(err) || res.Commands != 0 {
		t.Errorf("%+v: %v", res, err)
	}
}

func TestADrainInTheMiddleOfAPipelineEndsItBetweenTwoChunks(t *testing.T) {
	server, client := alone(t)
	running := make(chan struct{})
	type end struct {
		res *redisconn.PipelineResult
		err error
	}
	ended := make(chan end)
	go func() {
		res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
			for range 100_000 {
				if err := p.Incr(t.Context(), "n").Err(); err != nil {
					return err
				}
			}
			return nil
		}, redisconn.WithChunk(100, 0), redisconn.WithProgress(func(p redisconn.PipelineProgress) {
			if p.Chunks == 5 {
				close(running)
			}
		}))
		ended <- end{res, err}
	}()
	<-running
	receipt, drainErr := client.Drain(t.Context())
	got := <-ended

	if drainErr != nil || receipt.Abandoned != 0 {
		t.Errorf("%s, %v", receipt, drainErr)
	}
	if !errors.Is(got.err, redisconn.ErrDraining) && !errors.Is(got.err, redisconn.ErrClosed) {
		t.Errorf("the pipeline ended with %v", got.err)
	}
	if n := stored(t, server, "n"); n != strconv.Itoa(got.res.Succeeded) || got.res.MaybeApplied != 0 || got.res.Failed != 100 || got.res.Unsent != 1 {
		t.Errorf("the server executed %s: %+v", n, got.res)
	}
}

func TestACommandBehindAChunkThatFoundNobodyFailsAtOnce(t *testing.T) {
	server, client := alone(t)
	refusals := 0
	began := time.Now()
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for i := range 1000 {
			if i == 250 {
				server.Kill()
			}
			if p.Set(t.Context(), "k", i, 0).Err() != nil {
				refusals++
			}
		}
		return nil
	}, redisconn.WithChunk(100, 0))

	if took := time.Since(began); took > 2*client.Config().Timeouts.Operation {
		t.Errorf("it took %s", took)
	}
	if res.Succeeded != 200 || res.Failed != 100 || res.Unsent != 700 || refusals != 700 || res.Chunks != 3 {
		t.Errorf("%d refused while queued, %+v", refusals, res)
	}
	if !strings.Contains(err.Error(), "700 commands not sent") {
		t.Error(err)
	}
}

func TestAPipelineGoesOnBehindAChunkWhoseConnectionBroke(t *testing.T) {
	server, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.Nth(15, redisconntest.Command("incr")), 1)
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for range 30 {
			p.Incr(t.Context(), "n")
		}
		return nil
	}, redisconn.WithChunk(10, 0))
	settled(t, proxy)

	if res.Chunks != 3 || res.Unsent != 0 || res.Succeeded != 24 || res.MaybeApplied != 6 || !redisconn.IsMaybeApplied(err) {
		t.Errorf("%+v: %v", res, err)
	}
	n, _ := strconv.Atoi(stored(t, server, "n"))
	if n < res.Succeeded || n > res.Succeeded+res.MaybeApplied {
		t.Errorf("n is %d, want %d to %d", n, res.Succeeded, res.Succeeded+res.MaybeApplied)
	}
}

func TestAPipelineThatIsNotAnsweredInTimeEndsThere(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.Blackhole()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	res, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
		for range 10 {
			p.Incr(ctx, "n")
		}
		return nil
	}, redisconn.WithChunk(2, 0))
	if res.Failed != 2 || res.Unsent != 8 || !errors.Is(err, context.DeadlineExceeded) || redisconn.ClassOf(err) != redisconn.ClassTimeout {
		t.Errorf("%+v: %v", res, err)
	}
}

func TestAReplicaRefusesThePipelinesWritesAndNothingElse(t *testing.T) {
	redisconntest.NoLeaks(t)
	replica := redisconntest.NewServer(t, redisconntest.WithReplicaOf(redisconntest.NewServer(t)))
	client := batchClient(t, replica.Config())
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Get(t.Context(), "a")
		p.Set(t.Context(), "a", 1, 0)
		p.Get(t.Context(), "a")
		return nil
	})
	if res.Succeeded != 2 || res.Failed != 1 || redisconn.ClassOf(err) != redisconn.ClassReadOnly || !redis.IsReadOnlyError(err) {
		t.Errorf("%+v: %v", res, err)
	}
	if o := res.Failures()[0]; o.Index != 1 || o.Applied != redisconn.AppliedNo {
		t.Errorf("%v", o)
	}
}

// One argument of a type that the driver cannot write used to fail the whole
// chunk, half written, with its connection.
func TestAnArgumentThatCannotBeSentFailsItsOwnCommandOnly(t *testing.T) {
	type status string
	server, proxy, client := behindProxy(t)
	var bad *redis.StatusCmd
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "a", 1, 0)
		bad = p.Set(t.Context(), "b", status("on"), 0)
		p.Set(t.Context(), "c", 3, 0)
		return nil
	})
	misfit := wantCommandError(t, bad.Err(), redisconn.ClassUnknown, redisconn.AppliedNo)
	if misfit.Command != "set" || !strings.Contains(bad.Err().Error(), "argument 2 is a redisconn_test.status, which cannot be sent") {
		t.Error(bad.Err())
	}
	if res.Succeeded != 2 || res.Failed != 1 || res.Failures()[0].Index != 1 || stored(t, server, "c") != "3" {
		t.Errorf("%+v: %v", res, err)
	}
	links := proxy.Stats().Accepted

	res, err = client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Do(t.Context(), "set", "a", status("on"))
		return nil
	})
	if res.Failed != 1 || !redisconn.SafeToRetry(err) || proxy.Stats().Accepted != links {
		t.Errorf("alone: %+v: %v", res, err)
	}
}

func TestEveryArgumentThatTheDriverWritesIsSent(t *testing.T) {
	_, client := alone(t)
	text, number, yes, now, nap := "text", 7, true, time.Now(), time.Second
	args := []any{"echo", nil, "text", []byte("text"), &text, (*string)(nil), 1, int64(1), uint8(1), 1.5, true, &number, &yes, now, &now, nap, &nap, marshaler{}}
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for _, arg := range args {
			p.Do(t.Context(), "echo", arg)
		}
		return nil
	})
	if err != nil || res.Succeeded != len(args) {
		t.Errorf("%+v: %v", res, err)
	}
}

type marshaler struct{}

func (marshaler) MarshalBinary() ([]byte, error) { return []byte("binary"), nil }

func TestAPipelineKeepsAHundredFailuresAndCountsTheRest(t *testing.T) {
	server, client := alone(t)
	if err := server.Client().Set(t.Context(), "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	seen, failed := 0, 0
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		for range 1500 {
			p.Incr(t.Context(), "text")
			p.Get(t.Context(), "text")
		}
		return nil
	}, redisconn.WithOutcome(func(o redisconn.Outcome) {
		if o.Index != seen {
			t.Errorf("outcome %d is that of command %d", seen, o.Index)
		}
		seen++
		if o.Err != nil {
			failed++
		}
	}))
	if res.Failed != 1500 || res.Succeeded != 1500 || len(res.Failures()) != 100 || len(res.Outcomes()) != 100 || seen != 3000 || failed != 1500 {
		t.Errorf("%+v, %d outcomes, %d of them failed", res, seen, failed)
	}
	if text := err.Error(); !strings.Contains(text, "; and 1497 more; likely: ") || len(text) > 1000 {
		t.Error(text)
	}
}

func TestAScriptThatFailsMayHaveWrittenBefore(t *testing.T) {
	server, client := alone(t)
	var outcomes []redisconn.Outcome
	res, err := client.RunPipeline(t.Context(), func(p redis.Pipeliner) error {
		p.Eval(t.Context(), "redis.call('incr', KEYS[1]); return redis.call('nosuchcommand')", []string{"n"})
		p.EvalSha(t.Context(), strings.Repeat("0", 40), nil)
		p.Eval(t.Context(), "return redis.error_reply('LOADING the dishwasher')", nil)
		p.Get(t.Context(), "a")
		return nil
	}, redisconn.WithChunk(3, 0), redisconn.WithOutcome(func(o redisconn.Outcome) { outcomes = append(outcomes, o) }))
	if res.Unsent != 0 || len(outcomes) != 4 || outcomes[0].Applied != redisconn.AppliedMaybe || outcomes[1].Applied != redisconn.AppliedNo || !redisconn.IsMaybeApplied(err) {
		t.Errorf("%v: %v", outcomes, err)
	}
	if n := stored(t, server, "n"); n != "1" {
		t.Errorf("n is %q: the test's script does not write before it fails", n)
	}
}

func TestAHooksOwnErrorIsThatOfItsCommandsAndEndsThePipeline(t *testing.T) {
	breaker := errors.New("the breaker is open")
	server, client := alone(t, redisconn.WithHooks(pipelineHook(func(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
		return func(context.Context, []redis.Cmder) error { return breaker }
	})))
	res, err := client.RunPipeline(t.Context(), queued(t.Context(), "set a 1", "set b 1", "set c 1"), redisconn.WithChunk(1, 0))
	if !errors.Is(err, breaker) || res.Failed != 1 || res.Unsent != 2 || stored(t, server, "a") != "" {
		t.Errorf("%+v: %v", res, err)
	}
	tx, err := client.RunTransaction(t.Context(), queued(t.Context(), "set a 1"))
	if !errors.Is(err, breaker) || tx.Applied != redisconn.AppliedMaybe {
		t.Errorf("%+v: %v", tx, err)
	}
}

// A hook may keep what it was given, and look at it when the next chunk is under way.
func TestAChunkIsNotOverwrittenByTheNext(t *testing.T) {
	var chunks [][]redis.Cmder
	_, client := alone(t, redisconn.WithHooks(pipelineHook(func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
		return func(ctx context.Context, cmds []redis.Cmder) error {
			chunks = append(chunks, cmds)
			return next(ctx, cmds)
		}
	})))
	if _, err := client.RunPipeline(t.Context(), queued(t.Context(), "set a 1", "set b 2", "get a", "get b"), redisconn.WithChunk(2, 0)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(chunks); got != "[[set a 1: OK set b 2: OK] [get a: 1 get b: 2]]" {
		t.Error(got)
	}
}

func TestThePipelinerIsADriversPipeliner(t *testing.T) {
	server, client := alone(t)
	ctx := t.Context()
	var kept redis.Pipeliner
	res, err := client.RunPipeline(ctx, func(p redis.Pipeliner) error {
		kept = p
		p.Set(ctx, "forgotten", 1, 0)
		p.Discard()
		if err := p.BatchProcess(ctx, redis.NewStatusCmd(ctx, "set", "a", 1), redis.NewStatusCmd(ctx, "set", "b", 2)); err != nil {
			t.Error(err)
		}
		if p.Len() != 2 || len(p.Cmds()) != 2 || p.Pipeline() != p {
			t.Errorf("%d queued: %v", p.Len(), p.Cmds())
		}
		if cmds, err := p.Exec(ctx); err != nil || len(cmds) != 2 || p.Len() != 0 || stored(t, server, "b") != "2" {
			t.Errorf("Exec: %v, %v", cmds, err)
		}
		if cmds, err := p.Exec(ctx); err != nil || len(cmds) != 0 {
			t.Errorf("Exec of nothing: %v, %v", cmds, err)
		}
		if cmds, err := p.Pipelined(ctx, queued(ctx, "get a", "get none")); err != redis.Nil || len(cmds) != 2 || cmds[0].(*redis.Cmd).Val() != "1" {
			t.Errorf("Pipelined: %v, %v", cmds, err)
		}
		if err := p.Do(ctx).Err(); err == nil || !strings.Contains(err.Error(), "needs a name") {
			t.Errorf("a command of nothing: %v", err)
		}
		enough := errors.New("enough")
		if _, err := p.Pipelined(ctx, func(redis.Pipeliner) error { return enough }); err != enough {
			t.Errorf("Pipelined whose function fails: %v", err)
		}
		if err := p.BatchProcess(ctx, redis.NewStatusCmd(ctx, "set", "x", struct{}{}), redis.NewStatusCmd(ctx, "set", "y", 1)); err == nil || p.Len() != 1 {
			t.Errorf("BatchProcess of a misfit: %v", err)
		}
		p.Discard()

		p.Set(ctx, "behind", 1, 0)
		if cmds, err := p.TxPipelined(ctx, queued(ctx, "incr n", "incr n")); err != nil || len(cmds) != 2 || stored(t, server, "n") != "2" || stored(t, server, "behind") != "" {
			t.Errorf("TxPipelined: %v, %v", cmds, err)
		}
		tx := p.TxPipeline()
		tx.Incr(ctx, "n")
		if cmds, err := tx.Exec(ctx); err != nil || len(cmds) != 1 || p.Len() != 1 {
			t.Errorf("TxPipeline: %v, %v", cmds, err)
		}
		return nil
	})
	if err != nil || res.Commands != 5 || res.Chunks != 3 || stored(t, server, "forgotten") != "" || stored(t, server, "behind") != "1" {
		t.Errorf("%+v: %v", res, err)
	}

	if err := kept.Set(ctx, "late", 1, 0).Err(); err == nil || !strings.Contains(err.Error(), "ended with the function") {
		t.Errorf("a command after the end: %v", err)
	}
	if _, err := kept.Exec(ctx); err == nil {
		t.Error("Exec after the end says nothing")
	}
}
