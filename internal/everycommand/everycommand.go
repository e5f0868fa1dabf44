// Package everycommand makes every command that the driver has, for tests that a
// driver with a new one is to fail.
package everycommand

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Make calls every method of the driver's command surface, with a sample for each
// argument, and hands over the commands that they make before these leave. It
// returns the names of the methods that panicked.
func Make(t testing.TB, each func(redis.Cmder)) (panicked []string) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	client.AddHook(catcher(each))
	for method := range reflect.TypeFor[redis.Cmdable]().Methods() {
		if !call(t, reflect.ValueOf(client).MethodByName(method.Name)) {
			panicked = append(panicked, method.Name)
		}
	}
	return panicked
}

// call calls a method with samples; ok is false when it panics.
func call(t testing.TB, method reflect.Value) (ok bool) {
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

func sample(t testing.TB, typ reflect.Type) reflect.Value {
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
