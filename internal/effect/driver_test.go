package effect_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// Every method of the driver's command surface is called, with a sample for each argument, and the commands it makes
// are caught before they leave. A driver that learns a new command fails this test until the table knows it too.
func TestEveryCommandOfTheDriverHasARow(t *testing.T) {
	caught := map[string]bool{}
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	client.AddHook(catcher(func(cmd redis.Cmder) {
		if row, name := rowOf(cmd.Args()); row == nil {
			t.Errorf("%s is not in the table: %v", name, cmd.Args())
		} else {
			caught[name] = true
		}
	}))

	var refused []string
	for method := range reflect.TypeFor[redis.Cmdable]().Methods() {
		if !call(t, reflect.ValueOf(client).MethodByName(method.Name)) {
			refused = append(refused, method.Name)
		}
	}

	// They panic: not implemented, no function given, no mode given.
	if want := []string{"JSONDebugMemory", "JSONSetMode", "Pipelined", "Quit", "TxPipelined"}; !slices.Equal(refused, want) {
		t.Errorf("methods that could not be called: %v, want %v", refused, want)
	}
	if len(caught) < 380 {
		t.Errorf("only %d commands were caught", len(caught))
	}
}

// rowOf finds the row of a command by the public names, without going through the lookup under test.
func rowOf(args []any) (_ *effect.Row, name string) {
	name = strings.ToLower(args[0].(string))
	if hasSubcommands(name) && len(args) > 1 {
		name += "|" + strings.ToLower(args[1].(string))
	}
	row, ok := effect.Lookup(name)
	if !ok {
		return nil, name
	}
	return &row, name
}

func hasSubcommands(command string) bool {
	for name := range effect.Rows() {
		if strings.HasPrefix(name, command+"|") {
			return true
		}
	}
	return false
}

// call calls a method with samples; ok is false when it panics.
func call(t *testing.T, method reflect.Value) (ok bool) {
	defer func() { ok = recover() == nil }()
	var in []reflect.Value
	for typ := range method.Type().Ins() {
		in = append(in, sample(t, typ))
	}
	if method.Type().IsVariadic() {
		method.CallSlice(in)
	} else {
		method.Call(in)
	}
	return true
}

func sample(t *testing.T, typ reflect.Type) reflect.Value {
	switch typ {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(t.Context())
	case reflect.TypeFor[time.Duration]():
		return reflect.ValueOf(time.Second)
	case reflect.TypeFor[redis.Vector]():
		return reflect.ValueOf(&redis.VectorFP32{Val: []byte("vector")})
	case reflect.TypeFor[any]():
		return reflect.ValueOf("value")
	}
	value := reflect.New(typ).Elem()
	switch {
	case typ.Kind() == reflect.String:
		value.SetString("text")
	case value.CanInt():
		value.SetInt(1)
	case value.CanUint():
		value.SetUint(1)
	case typ.Kind() == reflect.Slice:
		return reflect.Append(value, sample(t, typ.Elem()), sample(t, typ.Elem()))
	case typ.Kind() == reflect.Pointer:
		return reflect.New(typ.Elem())
	}
	return value
}

// catcher is a hook that lets no command through.
type catcher func(redis.Cmder)

var errCaught = errors.New("caught before it left")

func (c catcher) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c catcher) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		c(cmd)
		return errCaught
	}
}

func (c catcher) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return errCaught }
}
