package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// onLane sends every command that may on the lane.
func onLane(c *redisconn.Config) { c.Pipelining = redisconn.PipeliningAlways }

// behindLane connects a client that uses the lane through a proxy.
func behindLane(t *testing.T, change ...func(*redisconn.Config)) (*redisconn.Client, *redisconntest.Proxy, *redisconntest.Server) {
	t.Helper()
	return openProxied(t, append([]func(*redisconn.Config){onLane}, change...)...)
}

func TestCommandsOfManyCallersTravelTogether(t *testing.T) {
	client, server := openServer(t, onLane)
	const callers, each = 64, 100
	before := server.CommandCalls("incr")
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if err := client.Incr(t.Context(), "n").Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n, _ := server.Client().Get(t.Context(), "n").Int(); n != callers*each || server.CommandCalls("incr")-before != callers*each {
		t.Errorf("n is %d, INCR was called %d times, want %d", n, server.CommandCalls("incr")-before, callers*each)
	}
	routes := client.Stats().Routes
	if routes.Lane != callers*each || routes.Batches >= routes.Lane || routes.LaneQueued != 0 {
		t.Errorf("%+v", routes)
	}
	if got := client.PoolStats().TotalConns; got != 0 {
		t.Errorf("the pool has %d connections", got)
	}
}

func TestEachRouteGivesTheSameAnswers(t *testing.T) {
	server := redisconntest.NewServer(t)
	server.Client().LPush(t.Context(), "list", "x")
	var answers []string
	for _, pipelining := range []redisconn.Pipelining{redisconn.PipeliningOff, redisconn.PipeliningAlways, redisconn.PipeliningAuto} {
		cfg := configFor(server.Addr())
		cfg.Pipelining = pipelining
		client := openClient(t, cfg)
		cancelled, cancel := context.WithCancel(t.Context())
		defer cancel()
		var text string
		for _, ctx := range []context.Context{context.Background(), cancelled} {
			for _, cmd := range []redis.Cmder{
				client.Get(ctx, "absent"), client.Get(ctx, "list"), client.Set(ctx, "k", "v", 0), client.Get(ctx, "k"),
				client.HSet(ctx, "h", "f", 1), client.HGetAll(ctx, "h"), client.LRange(ctx, "list", 0, -1), client.Do(ctx, "nosuch"),
			} {
				text += cmd.String() + "\n"
			}
			client.Del(ctx, "h")
		}
		answers = append(answers, text)
	}
	if answers[0] != answers[1] || answers[0] != answers[2] {
		t.Errorf("direct:\n%s\non the lane:\n%s", answers[0], answers[1])
	}
}

func TestWhatMightKeepOthersWaitingGoesDirect(t *testing.T) {
	client, _ := openServer(t, onLane)
	ctx := t.Context()
	client.Keys(ctx, "*")
	client.Set(ctx, "large", strings.Repeat("x", 32<<10), 0)
	client.Set(ctx, "large", bytes.Repeat([]byte("x"), 32<<10), 0)
	client.Set(ctx, "mine", marshalled("x"), 0)
	client.GetToBuffer(ctx, "k", make([]byte, 40<<10)) // its caller may leave, and the buffer is the caller's
	_ = client.Process(ctx, redis.NewRawWriteToCmd(ctx, io.Discard, "get", "k"))
	if got := client.Stats().Routes.Lane; got != 0 {
		t.Errorf("%d commands took the lane, want none", got)
	}
}

// marshalled is a value that only the program can spell.
type marshalled string

func (m marshalled) MarshalBinary() ([]byte, error) { return []byte(m), nil }

// A command whose caller has gone was written to when its reply came, while the
// program used it for something else. Run with -race.
func TestACommandIsNeverWrittenToAfterItsCallerHasGone(t *testing.T) {
	client, proxy, server := behindLane(t)
	const calls, callers = 20_000, 50
	proxy.Slice(64)
	var all sync.WaitGroup
	var right, gone, wrong atomic.Int64
	for caller := range callers {
		all.Go(func() {
			for n := range calls / callers {
				key := fmt.Sprint(caller, ":", n)
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
				if n%2 == 0 {
					time.AfterFunc(rand.N(time.Millisecond), cancel)
				}
				cmd := redis.NewStringCmd(ctx, "echo", key)
				err := client.Process(ctx, cmd)
				cmd.SetVal("reused " + cmd.Val()) // it is ours again
				cmd.SetErr(nil)
				switch {
				case err == nil && cmd.Val() == "reused "+key:
					right.Add(1)
				case err == nil:
					wrong.Add(1)
				default:
					gone.Add(1)
				}
				cancel()
			}
		})
	}
	all.Wait()
	proxy.Clear()
	if wrong.Load() > 0 || right.Load() == 0 || gone.Load() == 0 {
		t.Errorf("%d right, %d gave up, %d got the reply of another", right.Load(), gone.Load(), wrong.Load())
	}
	if got := client.Stats().Routes.LaneQueued; got != 0 {
		t.Errorf("%d commands are still queued", got)
	}
	_ = server
}

// What is told as not applied must never be executed, whoever gave up when.
func TestACommandThatLeftTheQueueIsNeverExecuted(t *testing.T) {
	client, proxy, server := behindLane(t)
	proxy.Delay(50 * time.Millisecond)
	const callers = 400
	told := make([]error, callers)
	var all sync.WaitGroup
	all.Go(func() { client.Incr(context.Background(), "first") })
	eventually(t, "a flight that the others wait for", func() bool {
		stats := client.Stats()
		return stats.InFlight == 1 && stats.Routes.LaneQueued == 0
	})
	for i := range callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond+rand.N(120*time.Millisecond))
			defer cancel()
			told[i] = client.Incr(ctx, fmt.Sprint("k", i)).Err()
		})
	}
	all.Wait()
	proxy.Clear()
	settled(t, proxy)
	var no, maybe int
	for i, err := range told {
		executed := server.Client().Exists(t.Context(), fmt.Sprint("k", i)).Val() == 1
		var failed *redisconn.CommandError
		switch {
		case err == nil && !executed:
			t.Errorf("k%d: done, and yet not there", i)
		case errors.As(err, &failed) && failed.Applied == redisconn.AppliedNo:
			no++
			if executed {
				t.Errorf("k%d was executed, and its caller told: %v", i, err)
			}
		case errors.As(err, &failed):
			maybe++
		}
	}
	if no == 0 || maybe == 0 {
		t.Errorf("%d left the queue, %d left a flight: the test shows nothing", no, maybe)
	}
}

// callersLeave has 50 callers call at once, and fails the test when the last of them
// is back more than 100 ms after the deadline of all. By how much a bare timer is
// late is the machine's doing.
func callersLeave(t *testing.T, deadline time.Duration, call func(i int)) {
	t.Helper()
	began := time.Now()
	timer := make(chan time.Duration, 1)
	time.AfterFunc(deadline, func() { timer <- time.Since(began) - deadline })
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { call(i) })
	}
	all.Wait()
	took := time.Since(began)
	if late := <-timer; took > deadline+late+100*time.Millisecond {
		t.Errorf("the last caller is back after %s, at a deadline of %s which the machine kept to %s", took, deadline, late)
	}
}

func TestACallerLeavesTheLaneAtItsDeadline(t *testing.T) {
	client, server := openServer(t, onLane)
	client.Ping(t.Context())
	server.Pause()
	defer server.Resume()
	callersLeave(t, 250*time.Millisecond, func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		if i%2 == 0 {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
		if err := client.Incr(ctx, "n").Err(); !errors.Is(err, ctx.Err()) {
			t.Errorf("got %v, want %v", err, ctx.Err())
		}
	})
}

// A call without a context that ends travels itself, because its flight ends in time.
func TestAFlightEndsWithTheBudgetOfItsPassengers(t *testing.T) {
	const operation = 300 * time.Millisecond
	client, server := openServer(t, onLane, func(c *redisconn.Config) { c.Timeouts.Operation = operation })
	client.Ping(t.Context())
	server.Pause()
	defer server.Resume()
	callersLeave(t, operation, func(int) {
		if err := client.Incr(context.Background(), "n").Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAFlightThatIsCutTellsEachOfItsCommands(t *testing.T) {
	client, proxy, server := behindLane(t)
	const callers, each = 50, 40
	var done, maybe, other atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				switch err := client.Incr(context.Background(), "n").Err(); {
				case err == nil:
					done.Add(1)
				case redisconn.IsMaybeApplied(err):
					maybe.Add(1)
				default:
					other.Add(1)
					t.Errorf("got %v", err)
				}
				if err := client.Get(context.Background(), "k").Err(); err != redis.Nil {
					t.Errorf("a read, which may be repeated: %v", err)
				}
			}
		})
	}
	cuts := 0
	for range 10 {
		redisconntest.Eventually(t, soon, "calls go on", func() bool { return client.Stats().Routes.Batches > int64(5*cuts) })
		proxy.CutAll()
		cuts++
	}
	all.Wait()
	settled(t, proxy)
	n, _ := server.Client().Get(t.Context(), "n").Int64()
	if n < done.Load() || n > done.Load()+maybe.Load() {
		t.Errorf("%d applied; %d callers were told so, %d maybe", n, done.Load(), maybe.Load())
	}
	if maybe.Load() == 0 {
		t.Error("no flight was cut")
	}
}

// A write that failed proves that the last command of a flight was not executed,
// of the others it proves nothing, unless the kernel took none of it.
func TestAFlightThatWasNotWrittenWholeTellsEachOfItsCommands(t *testing.T) {
	for name, torn := range map[string]bool{"torn": true, "nothing taken": false} {
		t.Run(name, func(t *testing.T) {
			server := redisconntest.NewServer(t)
			f := &faultsOfConn{torn: torn}
			cfg := server.Config()
			onLane(&cfg)
			client := batchClient(t, cfg, redisconn.WithDialer(f.dial))
			hit := make(chan struct{})
			f.set(func(f *faultsOfConn) {
				f.failWrite = func(p []byte) bool {
					if bytes.Count(p, []byte("incr")) < 2 {
						return false
					}
					close(hit)
					return true
				}
			})
			const callers = 30
			var maybe atomic.Int64
			for round := 0; ; round++ {
				var all sync.WaitGroup
				for caller := range callers {
					all.Go(func() {
						key := fmt.Sprint(round, ":", caller)
						err := client.Incr(context.Background(), key).Err()
						if redisconn.IsMaybeApplied(err) {
							maybe.Add(1)
							return
						}
						if n := server.Client().Get(t.Context(), key).Val(); err != nil || n != "1" {
							t.Errorf("%s is %s, its caller was told %v", key, n, err)
						}
					})
				}
				all.Wait()
				select {
				case <-hit:
				default:
					continue
				}
				break
			}
			if got := maybe.Load(); torn != (got > 0) || got >= callers {
				t.Errorf("%d callers were told maybe", got)
			}
		})
	}
}

// One flight whose reply does not come must not hold up those behind it.
func TestCallsAreLedAroundAFlightThatIsStuck(t *testing.T) {
	client, server := openServer(t, onLane, func(c *redisconn.Config) {
		c.Timeouts.Operation, c.Retry.Effect = 10*time.Second, redisconn.EffectNever
	})
	client.Ping(t.Context())
	// BLMPOP is blocking by its name; a script that waits is not, and only its own
	// connection waits for it when the server is told to pause writes.
	if err := server.Client().Do(t.Context(), "CLIENT", "PAUSE", "1500", "WRITE").Err(); err != nil {
		t.Fatal(err)
	}
	stuck := make(chan error, 1)
	go func() { stuck <- client.Set(context.Background(), "k", "v", 0).Err() }()
	eventually(t, "the SET is in the air", func() bool { return client.Stats().InFlight == 1 && client.Stats().Routes.LaneQueued == 0 })
	within(t, time.Second, "twenty reads behind a flight that is stuck", func() {
		for range 20 {
			if err := client.Get(context.Background(), "other").Err(); err != redis.Nil {
				t.Errorf("got %v", err)
			}
		}
	})
	if err := <-stuck; err != nil {
		t.Error(err)
	}
	if err := client.Get(t.Context(), "k").Err(); err != nil {
		t.Error(err)
	}
}

func TestADrainWaitsForTheLane(t *testing.T) {
	client, proxy, server := behindLane(t)
	proxy.Delay(20 * time.Millisecond)
	const callers = 200
	var done, refused atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				err := client.Incr(context.Background(), "n").Err()
				if err == nil {
					done.Add(1)
					continue
				}
				if !errors.Is(err, redisconn.ErrDraining) && !errors.Is(err, redisconn.ErrClosed) || !redisconn.SafeToRetry(err) {
					t.Errorf("got %v", err)
				}
				refused.Add(1)
				return
			}
		})
	}
	eventually(t, "the lane is full", func() bool { return done.Load() > callers })
	receipt, err := client.Drain(t.Context())
	all.Wait()
	if err != nil || receipt.Abandoned != 0 || receipt.Drained != receipt.InFlight || receipt.InFlight == 0 {
		t.Errorf("%v, %v", receipt, err)
	}
	if n, _ := server.Client().Get(t.Context(), "n").Int64(); n != done.Load() {
		t.Errorf("%d were executed, %d callers were told", n, done.Load())
	}
}

func TestAnIdleLaneHasNoGoroutine(t *testing.T) {
	redisconntest.NoLeaks(t)
	client, _ := openServer(t, onLane)
	for range 3 {
		if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Error(err)
		}
	}
	if _, err := client.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCallersKeepTheirOrder(t *testing.T) {
	client, server := openServer(t)
	var all sync.WaitGroup
	for caller := range 32 {
		all.Go(func() {
			list := fmt.Sprint("list", caller)
			for n := range 200 {
				if err := client.RPush(t.Context(), list, n).Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for caller := range 32 {
		for i, value := range server.Client().LRange(t.Context(), fmt.Sprint("list", caller), 0, -1).Val() {
			if value != fmt.Sprint(i) {
				t.Fatalf("list %d has %s at %d", caller, value, i)
			}
		}
	}
}

// A call may have longer than any flight takes: then it goes by itself.
func TestACallThatMayTakeLongerThanAFlightGoesDirect(t *testing.T) {
	client, _ := openServer(t, onLane, func(c *redisconn.Config) {
		c.Timeouts.Operation, c.Timeouts.Read = time.Second, time.Minute
	})
	for budget, want := range map[time.Duration]int64{time.Hour: 0, 500 * time.Millisecond: 1} {
		before := client.Stats().Routes.Lane
		ctx, cancel := context.WithTimeout(t.Context(), budget)
		if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Error(err)
		}
		cancel()
		if got := client.Stats().Routes.Lane - before; got != want {
			t.Errorf("with %s: %d commands took the lane, want %d", budget, got, want)
		}
	}
}

// Connections are replaced under load: a flight of the old generation lands, and
// nobody boards one that will not depart.
func TestALaneIsReplacedUnderLoad(t *testing.T) {
	client, server := openServer(t, onLane)
	var over atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%2 == 0 {
				ctx = context.Background()
			}
			for !over.Load() {
				if err := client.Incr(ctx, "n").Err(); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	for range 20 {
		if err := client.ForceReconnect(t.Context()); err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	all.Wait()
	if n, _ := server.Client().Get(t.Context(), "n").Int64(); n != done.Load() {
		t.Errorf("%d were applied, %d callers were told", n, done.Load())
	}
}

// Where every pilot waits for a flight that is stuck, calls go direct.
func TestWhereEveryFlightIsStuckCallsGoDirect(t *testing.T) {
	lane := redisconn.NewLaneChoice(redisconn.Config{})
	lane.Stick(8)
	if lane.Board() {
		t.Error("somebody boards a flight that nobody will fly")
	}
	lane.Stick(-8)
}

// Between the look at the current generation and the boarding of its flight it
// may be replaced. Then there is another one.
func TestNobodyBoardsAFlightOfAReplacedGeneration(t *testing.T) {
	lane := redisconn.NewLaneChoice(redisconn.Config{})
	if !lane.Refused(t.Context(), redis.NewStringCmd(t.Context(), "get", "k")) {
		t.Error("a command boards a flight that nobody will fly")
	}
}

// ownCommand is a command of the program's own, whose copy is one of the driver's.
type ownCommand struct{ *redis.StringCmd }

func TestACommandOfTheProgramsOwnTypeGoesDirect(t *testing.T) {
	client, _ := openServer(t, onLane)
	cmd := ownCommand{redis.NewStringCmd(t.Context(), "echo", "x")}
	if err := client.Process(t.Context(), cmd); err != nil || cmd.Val() != "x" {
		t.Errorf("%q, %v", cmd.Val(), err)
	}
	if got := client.Stats().Routes.Lane; got != 0 {
		t.Errorf("%d commands took the lane", got)
	}
}
