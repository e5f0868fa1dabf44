package redisconn_test

import (
	"context"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/everycommand"
)

func TestTheLaneIsForManyCallsInFlight(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{Pool: redisconn.PoolConfig{Size: 20}})
	for inFlight, want := range map[int64]bool{1: false, 2: false} {
		if got := choice.Wanted(inFlight); got != want {
			t.Errorf("%d in flight: %v, want %v", inFlight, got, want)
		}
	}
	if !choice.Wanted(3) {
		t.Error("3 in flight: not wanted")
	}
	// Two, then three, then two … changed the route with every call.
	if !choice.Wanted(2) || choice.Wanted(1) {
		t.Error("the lane was not kept for two, or for a lone one")
	}
	for range 32 {
		choice.Observe(50*time.Microsecond, 2)
	}
	if choice.Wanted(2) || !choice.Wanted(3) {
		t.Error("the lane was not left after 32 slender flights")
	}
	choice.Wanted(3)
	for range 100 {
		choice.Observe(50*time.Microsecond, 3)
	}
	if !choice.Wanted(2) {
		t.Error("the lane was left while its flights were full")
	}
}

// Who waits 10 ms for a reply had better not wait for the next flight before.
func TestFarAwayACallGoesDirectWhileThePoolHasRoom(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{Pool: redisconn.PoolConfig{Size: 20}})
	for range 32 {
		choice.Observe(10*time.Millisecond, 3)
	}
	if choice.Wanted(10) || !choice.Wanted(11) {
		t.Error("want direct up to half of the pool")
	}
	for range 32 {
		choice.Observe(100*time.Microsecond, 3) // it came nearer
	}
	if !choice.Wanted(3) {
		t.Error("want the lane from 3 on again")
	}
}

func TestPipeliningAlwaysTakesALoneCallAsWell(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{Pipelining: redisconn.PipeliningAlways})
	if !choice.Wanted(1) {
		t.Error("a lone call goes direct")
	}
}

func TestPipeliningOffTakesNoCall(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{Pipelining: redisconn.PipeliningOff})
	if choice.Wanted(2) || choice.Wanted(5000) {
		t.Error("a call takes the lane")
	}
}

// Far away, who comes while a flight is in the air had to wait for a whole round
// trip before its own.
func TestFarAwayFlightsFollowEachOther(t *testing.T) {
	client, proxy, _ := openProxied(t, onLane)
	proxy.Delay(40 * time.Millisecond)
	for range 40 {
		client.Ping(t.Context())
	}
	ended := make(chan time.Duration, 2)
	send := func() {
		began := time.Now()
		if err := client.Ping(context.Background()).Err(); err != nil {
			t.Error(err)
		}
		ended <- time.Since(began)
	}
	go send() // opens a second connection
	go send()
	<-ended
	<-ended
	var least time.Duration = time.Hour
	for range 10 {
		go send()
		eventually(t, "the first is in the air", func() bool {
			stats := client.Stats()
			return stats.InFlight == 1 && stats.Routes.LaneQueued == 0
		})
		go send()
		least = min(least, max(<-ended, <-ended))
	}
	if least > 75*time.Millisecond {
		t.Errorf("two calls, one after the other, took at least %s; a round trip is 40ms", least)
	}
}

func TestPatienceFollowsTheUsualFlightWithinBounds(t *testing.T) {
	choice := redisconn.NewLaneChoice(redisconn.Config{})
	if got := choice.Patience(); got != 50*time.Millisecond {
		t.Errorf("before the first flight: %s", got)
	}
	for range 200 {
		choice.Observe(20*time.Millisecond, 100)
	}
	if got := choice.Patience(); got < 250*time.Millisecond || got > 320*time.Millisecond {
		t.Errorf("with flights of 20ms: %s, want about 320ms", got)
	}
	for range 200 {
		choice.Observe(time.Second, 100)
	}
	if got := choice.Patience(); got != 1500*time.Millisecond {
		t.Errorf("with flights of 1s: %s, want half of the operation timeout", got)
	}
}

// A copy travels in the place of a command whose caller may leave. The driver
// has some seventy types of commands, each with a Clone of its own, and one that
// forgot a field would lose it for the caller.
func TestACopyOfACommandIsLikeIt(t *testing.T) {
	types, unfaithful := map[reflect.Type]bool{}, map[string]bool{}
	everycommand.Make(t, func(cmd redis.Cmder) {
		standIn := cmd.Clone()
		types[reflect.TypeOf(cmd)] = true
		if !redisconn.IsFaithful(cmd, standIn) {
			unfaithful[reflect.TypeOf(cmd).String()] = true
			return
		}
		of, copied := reflect.ValueOf(cmd).Elem(), reflect.ValueOf(standIn).Elem()
		for i := range of.NumField() {
			if of.Field(i).IsZero() != copied.Field(i).IsZero() {
				t.Errorf("%T (%v): the copy's %s differs", cmd, cmd.Args(), of.Type().Field(i).Name)
			}
		}
	})
	want := map[string]bool{ // they go direct
		"*redis.ZeroCopyStringCmd": true, "*redis.HImportDiscardCmd": true, "*redis.HImportDiscardAllCmd": true,
		"*redis.HImportPrepareCmd": true, "*redis.HImportSetCmd": true,
	}
	if !maps.Equal(unfaithful, want) {
		t.Errorf("copies that cannot take the place of their commands: %v, want %v", unfaithful, want)
	}
	if len(types) < 60 {
		t.Errorf("only %d types of commands were tried", len(types))
	}
}
