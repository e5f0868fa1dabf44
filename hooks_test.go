package redisconn_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// notingHook notes what passes it, with its name.
type notingHook struct {
	name string

	mu    *sync.Mutex // guards notes
	notes *[]string
}

func newNotes() (hook func(name string) redis.Hook, notes func() []string) {
	var mu sync.Mutex
	var all []string
	return func(name string) redis.Hook { return notingHook{name, &mu, &all} },
		func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
}

func (h notingHook) note(what string, err error) {
	if err != nil {
		what += " failed"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	*h.notes = append(*h.notes, h.name+" "+what)
}

func (h notingHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		h.note("dial", nil)
		return next(ctx, network, addr)
	}
}

func (h notingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.note("before "+cmd.Name(), nil)
		err := next(ctx, cmd)
		h.note("after "+cmd.Name(), err)
		return err
	}
}

func (h notingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.note("before pipeline", nil)
		err := next(ctx, cmds)
		h.note("after pipeline", err)
		return err
	}
}

func TestTheHookThatWasAddedFirstIsOutermost(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("s3cret"))
	cfg := configFor(server.Addr())
	cfg.Connection.Password = "s3cret"
	hook, notes := newNotes()
	client := openClient(t, cfg, redisconn.WithHooks(hook("1"), hook("2")))
	client.AddHook(hook("3"))
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error { return p.Get(t.Context(), "k").Err() }); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 before set", "2 before set", "3 before set",
		"1 dial", "2 dial", "3 dial", // and nothing of the handshake, which carries the password
		"3 after set", "2 after set", "1 after set",
		"1 before pipeline", "2 before pipeline", "3 before pipeline",
		"3 after pipeline", "2 after pipeline", "1 after pipeline",
	}
	if got := notes(); !slices.Equal(got, want) {
		t.Errorf("hooks saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHooksSeeACallOnceWithItsFinalError(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	hook, notes := newNotes()
	client := openClient(t, configFor(proxy.Addr()), redisconn.WithHooks(hook("h")))
	proxy.Answer(redisconntest.Command("get"), 2, redisconntest.Loading)
	if err := client.Get(t.Context(), "absent").Err(); err != redis.Nil {
		t.Fatal(err)
	}
	proxy.DropReply(redisconntest.Command("incr"), 1)
	if err := client.Incr(t.Context(), "n").Err(); !errors.Is(err, redisconn.ErrMaybeApplied) {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(notes(), func(note string) bool { return note == "h dial" })
	want := []string{"h before get", "h after get failed", "h before incr", "h after incr failed"}
	if !slices.Equal(got, want) {
		t.Errorf("hooks saw %q, want %q", got, want)
	}
	if proxy.Stats().Commands["get"] != 3 {
		t.Errorf("%d GETs were sent, want 3", proxy.Stats().Commands["get"])
	}
}

func TestHooksMayBeAddedWhileCommandsRun(t *testing.T) {
	client, _ := openServer(t)
	hook, notes := newNotes()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := client.Ping(t.Context()).Err(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		client.AddHook(hook("h"))
	}
	eventually(t, "commands through all hooks", func() bool { return len(notes()) >= 40 })
	close(stop)
	all.Wait()
}

// refusingHook answers instead of what is below it.
type refusingHook struct{ err error }

func (h refusingHook) DialHook(redis.DialHook) redis.DialHook { return nil }
func (h refusingHook) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { return h.err }
}
func (h refusingHook) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return nil
}

func TestAHookMayAnswerAndMayLeaveOut(t *testing.T) {
	client, _ := openServer(t)
	refusal := errors.New("not today")
	client.AddHook(refusingHook{refusal})
	if err := client.Get(t.Context(), "k").Err(); err != refusal {
		t.Errorf("got %v, want the hook's own error", err)
	}
	if got := redisconn.ClassOf(refusal); got != redisconn.ClassUnknown {
		t.Errorf("class %s, want unknown", got)
	}
	// A nil hook function is one that is not there.
	if _, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error { return p.Ping(t.Context()).Err() }); err != nil {
		t.Error(err)
	}
}

// passingHook leaves every command alone.
type passingHook struct{ redis.Hook }

func (passingHook) ProcessHook(redis.ProcessHook) redis.ProcessHook { return nil }
func (passingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (passingHook) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network today") }
}

func TestADialHooksErrorIsAFailedDial(t *testing.T) {
	client, _ := openServer(t)
	client.AddHook(passingHook{})
	err := client.Incr(t.Context(), "n").Err()
	if err == nil || !strings.Contains(err.Error(), "no network today") || !redisconn.SafeToRetry(err) {
		t.Errorf("got %v, want the hook's error, and nothing applied", err)
	}
}
