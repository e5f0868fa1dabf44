package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestNewDoesNothingButValidate(t *testing.T) {
	redisconntest.NoLeaks(t)
	touched := func(context.Context, string, string) (net.Conn, error) {
		t.Error("New dialled")
		return nil, errors.New("nobody was to call")
	}
	cfg := configFor("cache.invalid:6379")
	cfg.Connection.PasswordFile = "/no/such/file" // which New does not read
	cfg.Pool.MinIdle = 5
	client, err := redisconn.New(cfg, redisconn.WithDialer(touched))
	if err != nil {
		t.Fatal(err)
	}
	if got := client.State(); got != redisconn.StateIdle {
		t.Errorf("state %s, want idle", got)
	}
	if client.Unwrap() != nil {
		t.Error("there is a driver client before Connect")
	}
	if got := client.PoolStats(); *got != (redis.PoolStats{}) {
		t.Errorf("pool statistics before Connect: %+v", got)
	}
	// Not closed on purpose: NoLeaks finds whatever New would have started.
}

func TestNewReportsEveryProblemAtOnce(t *testing.T) {
	_, err := redisconn.New(redisconn.Config{
		Pool:   redisconn.PoolConfig{Size: -1},
		Health: redisconn.HealthConfig{FailAfter: -1},
	})
	if len(redisconn.FieldErrors(err)) != 2 {
		t.Fatalf("got %v, want two field errors", err)
	}
	if got := redisconn.ClassOf(err); got != redisconn.ClassConfig {
		t.Errorf("class %s, want config", got)
	}
	if _, err := redisconn.Open(t.Context(), redisconn.Config{Pool: redisconn.PoolConfig{Size: -1}}); redisconn.ClassOf(err) != redisconn.ClassConfig {
		t.Errorf("Open: %v", err)
	}
}

func TestModeEmbeddedNeedsTheOption(t *testing.T) {
	_, err := redisconn.New(redisconn.Config{Mode: redisconn.ModeEmbedded})
	var field *redisconn.FieldError
	if !errors.As(err, &field) || field.Field != "mode" || !strings.Contains(field.Fix, "redisconn/embedded") {
		t.Errorf("got %v, want an error that says what to import", err)
	}
}

func TestAClientTalks(t *testing.T) {
	client, server := openServer(t)
	ctx := t.Context()
	if err := client.Set(ctx, "k", "v", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(ctx, "k").Result(); got != "v" || err != nil {
		t.Errorf("GET: %q, %v", got, err)
	}
	if got, err := client.Do(ctx, "STRLEN", "k").Int(); got != 1 || err != nil {
		t.Errorf("Do: %d, %v", got, err)
	}
	cmd := redis.NewStringCmd(ctx, "get", "k")
	if err := client.Process(ctx, cmd); err != nil || cmd.Val() != "v" {
		t.Errorf("Process: %q, %v", cmd.Val(), err)
	}
	if got := server.Client().Get(ctx, "k").Val(); got != "v" {
		t.Errorf("the server has %q", got)
	}
	if got := client.Config(); got.Pool.Size != 10 || got.Retry.Effect != redisconn.EffectIdempotent {
		t.Errorf("Config is not the one in force: %v", got)
	}
	if got := client.PoolStats(); got.TotalConns == 0 {
		t.Errorf("pool statistics after commands: %+v", got)
	}
	stats := client.Stats()
	if stats.Commands != 4 || stats.Failures != 0 || stats.Generation != 1 || stats.State != redisconn.StateReady || stats.InFlight != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestUnwrapIsTheDriversOwnClient(t *testing.T) {
	client, _ := openServer(t)
	driver, ok := client.Unwrap().(*redis.Client)
	if !ok {
		t.Fatalf("Unwrap returned %T", client.Unwrap())
	}
	if err := driver.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if got := client.Stats().Commands; got != 0 {
		t.Errorf("a command by way of Unwrap was counted: %d", got)
	}
}

// A typed method that went around the layer below would dial with the face's
// driver client, which has no server, and count nothing.
func TestEveryMethodOfUniversalClientPassesTheGate(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	skip := map[string]string{
		"AddHook": "sends nothing", "PoolStats": "sends nothing", "Close": "ends the client", "Shutdown": "ends the client",
		"Pipeline": "sends nothing itself", "TxPipeline": "sends nothing itself", "Pipelined": "tested with batches", "TxPipelined": "tested with batches",
		"Subscribe": "returns a subscription", "PSubscribe": "returns a subscription", "SSubscribe": "returns a subscription",
		"JSONDebugMemory": "panics in the driver, which has not written it", "Quit": "panics in the driver, which has not written it",
		"AutoPipeline": "refuses", "AutoPipelineWithOptions": "refuses", "AsyncAutoPipeline": "refuses", "AsyncAutoPipelineWithOptions": "refuses",
	}
	face := reflect.TypeFor[redis.UniversalClient]()
	value := reflect.ValueOf(client)
	called := 0
	for i := range face.NumMethod() {
		method := face.Method(i)
		if skip[method.Name] != "" {
			continue
		}
		before := client.Stats().Commands
		err := callWithAnything(t, value.MethodByName(method.Name), method.Name)
		if !errors.Is(err, redisconn.ErrDown) && !refusedByTheDriver(err) {
			t.Errorf("%s: %v, want ErrDown", method.Name, err)
		}
		if errors.Is(err, redisconn.ErrDown) && client.Stats().Commands == before {
			t.Errorf("%s was not counted", method.Name)
		}
		called++
	}
	if called < 400 {
		t.Errorf("only %d methods were called: what became of the interface?", called)
	}
}

// refusedByTheDriver reports errors about arguments, which the driver returns before it sends anything.
func refusedByTheDriver(err error) bool {
	return err != nil && redisconn.ClassOf(err) == redisconn.ClassUnknown
}

// callWithAnything calls a method with arguments that mean nothing and returns the error it ends in.
func callWithAnything(t *testing.T, method reflect.Value, name string) error {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panicked: %v", name, p)
		}
	}()
	of := method.Type()
	var args []reflect.Value
	for i := range of.NumIn() {
		if of.IsVariadic() && i == of.NumIn()-1 {
			break
		}
		args = append(args, anything(of.In(i)))
	}
	results := method.Call(args)
	last := results[len(results)-1].Interface()
	switch result := last.(type) {
	case error:
		return result
	case interface{ Err() error }:
		return result.Err()
	}
	t.Errorf("%s returned a %T, from which no error can be had", name, last)
	return nil
}

func anything(of reflect.Type) reflect.Value {
	switch of.Kind() {
	case reflect.Interface:
		for _, value := range []any{context.Background(), redis.NewCmd(context.Background(), "ping"), &redis.VectorRef{Name: "x"}, "x"} {
			if reflect.TypeOf(value).AssignableTo(of) {
				return reflect.ValueOf(value)
			}
		}
	case reflect.Pointer:
		return reflect.New(of.Elem())
	case reflect.Func:
		return reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value {
			var zeros []reflect.Value
			for i := range of.NumOut() {
				zeros = append(zeros, reflect.Zero(of.Out(i)))
			}
			return zeros
		})
	}
	return reflect.Zero(of)
}

func TestTheDriversAutoPipelineIsRefusedWithTheReason(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	for name, call := range map[string]func() (*redis.AutoPipeliner, error){
		"AutoPipeline":      client.AutoPipeline,
		"AsyncAutoPipeline": client.AsyncAutoPipeline,
		"AutoPipelineWithOptions": func() (*redis.AutoPipeliner, error) {
			return client.AutoPipelineWithOptions(nil)
		},
		"AsyncAutoPipelineWithOptions": func() (*redis.AutoPipeliner, error) {
			return client.AsyncAutoPipelineWithOptions(nil)
		},
	} {
		if pipeliner, err := call(); pipeliner != nil || err == nil || !strings.Contains(err.Error(), "use the client itself") {
			t.Errorf("%s: %v, %v", name, pipeliner, err)
		}
	}
}

// A library that takes a redis.UniversalClient: a lock as redsync takes it.
type lock struct{ client redis.UniversalClient }

func (l lock) acquire(ctx context.Context, name, token string) (bool, error) {
	return l.client.SetNX(ctx, name, token, time.Minute).Result()
}

var releaseLock = redis.NewScript(`if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0`)

func (l lock) release(ctx context.Context, name, token string) (bool, error) {
	n, err := releaseLock.Run(ctx, l.client, []string{name}, token).Int()
	return n == 1, err
}

func TestALibraryThatTakesAUniversalClientTakesThisOne(t *testing.T) {
	client, _ := openServer(t)
	mutex := lock{client}
	if ok, err := mutex.acquire(t.Context(), "lock", "mine"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := mutex.acquire(t.Context(), "lock", "yours"); ok || err != nil {
		t.Errorf("two hold the lock: %v, %v", ok, err)
	}
	if ok, err := mutex.release(t.Context(), "lock", "mine"); !ok || err != nil {
		t.Errorf("release: %v, %v", ok, err)
	}
}

func TestCommandsBeforeConnectFailAtOnce(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	within(t, 200*time.Millisecond, "a command before Connect", func() {
		err := client.Get(t.Context(), "k").Err()
		if !errors.Is(err, redisconn.ErrDown) || !strings.Contains(err.Error(), "Connect was never called") {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyGoroutinesShareOneClient(t *testing.T) {
	client, server := openServer(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				if err := client.Incr(t.Context(), "n").Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, _ := server.Client().Get(t.Context(), "n").Int(); got != 1000 {
		t.Errorf("counter %d, want 1000", got)
	}
}

func TestAUnixSocketIsAnAddress(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUnixSocket())
	client := openClient(t, configFor(server.Addr()))
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestAPrintedClientShowsNoSecret(t *testing.T) {
	cfg := configFor("cache:6379")
	cfg.Connection.Password = "s3cret"
	client := newClient(t, cfg)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb, client); got != "redisconn.Client(cache:6379, idle)" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
