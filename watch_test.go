package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestWatchReturnsTheErrorOfItsFunctionAsItIs(t *testing.T) {
	_, client := alone(t)
	enough := errors.New("enough")
	if err := client.Watch(t.Context(), func(*redis.Tx) error { return enough }, "k"); err != enough {
		t.Errorf("%v", err)
	}
	if err := client.Watch(t.Context(), func(tx *redis.Tx) error { return tx.Get(t.Context(), "k").Err() }, "k"); err != redis.Nil {
		t.Errorf("%v", err)
	}
	if err := client.Watch(t.Context(), func(tx *redis.Tx) error { return tx.Ping(t.Context()).Err() }); err != nil {
		t.Errorf("without keys: %v", err)
	}
}

func TestWatchNoticesAChange(t *testing.T) {
	server, client := alone(t)
	err := client.Watch(t.Context(), func(tx *redis.Tx) error {
		if err := server.Client().Set(t.Context(), "k", "changed", 0).Err(); err != nil {
			t.Error(err)
		}
		_, err := tx.TxPipelined(t.Context(), queued(t.Context(), "set k mine"))
		return err
	}, "k")
	if err != redis.TxFailedErr || redisconn.ClassOf(err) != redisconn.ClassConflict || stored(t, server, "k") != "changed" {
		t.Errorf("%v", err)
	}
}

// The first command on a connection finds out that the server has closed it. For
// WATCH that used to be the caller's problem, as the driver's raw error.
func TestWatchIsSentAgainUntilItStands(t *testing.T) {
	for name, fault := range map[string]func(*redisconntest.Proxy){
		"the connection was closed": func(p *redisconntest.Proxy) { p.CutAll() },
		"its reply was lost":        func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("watch"), 1) },
		"the server is loading":     func(p *redisconntest.Proxy) { p.Answer(redisconntest.Command("watch"), 1, redisconntest.Loading) },
	} {
		t.Run(name, func(t *testing.T) {
			_, proxy, client := behindProxy(t)
			fault(proxy)
			runs := 0
			err := client.Watch(t.Context(), func(tx *redis.Tx) error {
				runs++
				_, err := tx.TxPipelined(t.Context(), queued(t.Context(), "incr n"))
				return err
			}, "k")
			if err != nil || runs != 1 {
				t.Errorf("after %d runs: %v", runs, err)
			}
		})
	}
}

func TestAWatchThatDoesNotStandWasNotApplied(t *testing.T) {
	never := func(t *testing.T) func(*redis.Tx) error {
		return func(*redis.Tx) error {
			t.Error("the function ran without its watch")
			return nil
		}
	}
	t.Run("nobody answers", func(t *testing.T) {
		_, proxy, client := behindProxy(t)
		proxy.Blackhole()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := client.Watch(ctx, never(t), "a", "b")
		watch := wantCommandError(t, err, redisconn.ClassTimeout, redisconn.AppliedNo)
		if watch.Command != "watch" || watch.Keys != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	t.Run("it is refused for the moment, for ever", func(t *testing.T) {
		_, proxy, client := behindProxy(t)
		proxy.Answer(redisconntest.Command("watch"), redisconntest.Always, redisconntest.Loading)
		err := client.Watch(t.Context(), never(t), "a")
		wantCommandError(t, err, redisconn.ClassLoading, redisconn.AppliedNo)
		if !strings.Contains(err.Error(), "the retry budget is spent") {
			t.Error(err)
		}
	})
	t.Run("it is refused for good", func(t *testing.T) {
		_, proxy, client := behindProxy(t)
		proxy.Answer(redisconntest.Command("watch"), 1, "-NOPERM no")
		var reply redis.Error
		if err := client.Watch(t.Context(), never(t), "a"); !errors.As(err, &reply) || err.Error() != "NOPERM no" {
			t.Errorf("%v", err)
		}
	})
	t.Run("the client is closed", func(t *testing.T) {
		_, client := alone(t)
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := client.Watch(t.Context(), never(t), "a"); !errors.Is(err, redisconn.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
	t.Run("it was never connected", func(t *testing.T) {
		client, err := redisconn.New(redisconn.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		wantCommandError(t, client.Watch(t.Context(), never(t), "a"), redisconn.ClassDown, redisconn.AppliedNo)
	})
}

func TestCommandsOfASectionSayWhetherTheyWereApplied(t *testing.T) {
	for name, test := range map[string]struct {
		fault   func(*redisconntest.Proxy)
		run     func(context.Context, *redis.Tx) error
		applied redisconn.Applied
		command string
	}{
		"a command whose reply is lost": {
			func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("incr"), 1) },
			func(ctx context.Context, tx *redis.Tx) error { return tx.Incr(ctx, "n").Err() }, redisconn.AppliedMaybe, "incr",
		},
		"a command that blocks": {
			func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("blpop"), 1) },
			func(ctx context.Context, tx *redis.Tx) error { return tx.BLPop(ctx, time.Second, "list").Err() }, redisconn.AppliedMaybe, "blpop",
		},
		"EXEC whose reply is lost": {
			func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("exec"), 1) },
			func(ctx context.Context, tx *redis.Tx) error {
				_, err := tx.TxPipelined(ctx, queued(ctx, "incr n"))
				return err
			}, redisconn.AppliedMaybe, "transaction",
		},
		"a transaction that is refused for the moment": {
			func(p *redisconntest.Proxy) { p.Answer(redisconntest.Command("incr"), 1, redisconntest.ReadOnly) },
			func(ctx context.Context, tx *redis.Tx) error {
				_, err := tx.TxPipelined(ctx, queued(ctx, "incr n"))
				return err
			}, redisconn.AppliedNo, "transaction",
		},
		"a pipeline of which one reply came": {
			func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("incr"), 1) },
			func(ctx context.Context, tx *redis.Tx) error {
				cmds, err := tx.Pipelined(ctx, queued(ctx, "set a 1", "incr n"))
				if cmds[0].Err() != nil {
					return cmds[0].Err()
				}
				return err
			}, redisconn.AppliedMaybe, "incr",
		},
		"a command behind one that broke the connection": {
			func(p *redisconntest.Proxy) { p.DropReply(redisconntest.Command("incr"), 1) },
			func(ctx context.Context, tx *redis.Tx) error {
				if err := tx.Incr(ctx, "n").Err(); err == nil {
					return errors.New("INCR whose reply was lost succeeded")
				}
				return tx.Decr(ctx, "n").Err()
			}, redisconn.AppliedNo, "decr",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, proxy, client := behindProxy(t)
			test.fault(proxy)
			wrapped := errors.New("in my function")
			failures := client.Stats().Failures
			err := client.Watch(t.Context(), func(tx *redis.Tx) error {
				if err := test.run(t.Context(), tx); err != nil {
					return errors.Join(wrapped, err)
				}
				return nil
			}, "k")
			if !errors.Is(err, wrapped) {
				t.Fatalf("%v", err)
			}
			var command *redisconn.CommandError
			if !errors.As(err, &command) || command.Applied != test.applied || command.Command != test.command || command.Attempts != 1 {
				t.Errorf("%v", err)
			}
			if told := client.Stats().Failures - failures; told < 1 || told > 2 {
				t.Errorf("%d failures were counted", told)
			}
		})
	}
}

// The driver hands the hooks of a section to the connection that it opens for
// it: they saw HELLO with the password in it.
func TestHooksSeeTheCommandsOfASectionAndNotItsHandshake(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t, redisconntest.WithPassword("secret"))
	var seen seenCommands
	client := batchClient(t, server.Config(), redisconn.WithHooks(&seen))
	err := client.Watch(t.Context(), func(tx *redis.Tx) error {
		if err := tx.Set(t.Context(), "a", 1, 0).Err(); err != nil {
			return err
		}
		if cmds, err := tx.Pipelined(t.Context(), queued(t.Context(), "get a", "get none")); err != redis.Nil || cmds[0].Err() != nil {
			return err
		}
		_, err := tx.TxPipelined(t.Context(), queued(t.Context(), "incr a"))
		return err
	}, "k")
	if want := "watch set [get get] [multi incr exec]"; err != nil || strings.Join(seen, " ") != want {
		t.Errorf("hooks saw %q, want %q: %v", strings.Join(seen, " "), want, err)
	}
}

// seenCommands is a hook that notes names; a batch's in brackets.
type seenCommands []string

func (*seenCommands) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s *seenCommands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		*s = append(*s, cmd.Name())
		return next(ctx, cmd)
	}
}
func (s *seenCommands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var names []string
		for _, cmd := range cmds {
			names = append(names, cmd.Name())
		}
		*s = append(*s, "["+strings.Join(names, " ")+"]")
		return next(ctx, cmds)
	}
}

// UNWATCH, which the driver sends when a section ends without a transaction, is nobody's command.
func TestASectionThatLeavesItsWatchBehindIsNoFailure(t *testing.T) {
	_, proxy, client := behindProxy(t)
	proxy.DropReply(redisconntest.Command("unwatch"), 1)
	before := client.Stats()
	if err := client.Watch(t.Context(), func(*redis.Tx) error { return nil }, "k"); err != nil {
		t.Error(err)
	}
	if after := client.Stats(); after.Failures != before.Failures || after.Commands != before.Commands+1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
