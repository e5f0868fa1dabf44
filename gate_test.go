package redisconn_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
)

var errOutage = &redisconn.ConnectError{Class: redisconn.ClassLost, Err: errors.New("the cable was cut")}

func TestTheGateCountsCalls(t *testing.T) {
	gate := redisconn.NewGate()
	for range 3 {
		if !gate.Enter() {
			t.Fatal("refused")
		}
	}
	gate.Leave()
	if got := gate.InFlight(); got != 2 {
		t.Errorf("%d in flight, want 2", got)
	}
	if got := gate.Shut(); got != 2 {
		t.Errorf("shut with %d in flight, want 2", got)
	}
	if gate.Enter() {
		t.Error("a shut gate let a call in")
	}
	if got := gate.InFlight(); got != 2 {
		t.Errorf("%d in flight after a refusal, want 2", got)
	}
}

func TestAFullGateRefusesUntilACallHasLeft(t *testing.T) {
	gate := redisconn.NewGateFor(2)
	for range 2 {
		if !gate.Enter() {
			t.Fatal("refused below the bound")
		}
	}
	if gate.Enter() || gate.InFlight() != 2 {
		t.Errorf("the bound of 2 let a third in, or counts it: %d in flight", gate.InFlight())
	}
	gate.Leave()
	if !gate.Enter() {
		t.Error("refused although one has left")
	}
	if gate.Shut() != 2 || gate.Enter() {
		t.Error("a shut gate let a call in")
	}
	gate.Leave()
	gate.Leave()
	if !gate.AwaitEmpty(t.Context()) {
		t.Error("not empty")
	}
}

// Many at a time come to a full gate, and each hides for a moment how many are inside.
func TestAFloodNeverGetsMoreThanTheBoundThroughTheGate(t *testing.T) {
	const most = 4
	gate := redisconn.NewGateFor(most)
	var inside, admitted atomic.Int64
	var flood sync.WaitGroup
	for range 10 * most {
		flood.Go(func() {
			for range 1000 {
				if !gate.Enter() {
					continue
				}
				admitted.Add(1)
				if n := inside.Add(1); n > most {
					t.Errorf("%d inside", n)
				}
				runtime.Gosched()
				inside.Add(-1)
				gate.Leave()
			}
		})
	}
	flood.Wait()
	if gate.InFlight() != 0 || admitted.Load() == 0 {
		t.Errorf("%d in flight after the flood, %d were admitted", gate.InFlight(), admitted.Load())
	}
}

func TestAShutGateIsEmptyWhenTheLastCallHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := redisconn.NewGate()
		gate.Enter()
		gate.Shut()
		go func() {
			time.Sleep(time.Second)
			gate.Enter() // refused, but counted for a moment: it must not hide that the gate is empty
			gate.Leave()
		}()
		began := time.Now()
		if !gate.AwaitEmpty(context.Background()) || time.Since(began) != time.Second {
			t.Errorf("after %s", time.Since(began))
		}
	})
}

func TestAnEmptyGateIsEmptyAlsoForAContextThatHasEnded(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		gate := redisconn.NewGate()
		gate.Shut()
		if !gate.AwaitEmpty(ended) {
			t.Fatal("not empty")
		}
	}
}

func TestTheWaitForAnEmptyGateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := redisconn.NewGate()
		gate.Enter()
		gate.Shut()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if gate.AwaitEmpty(ctx) {
			t.Error("empty with a call inside")
		}
	})
}

// The sign bit of the count says that the gate is shut, so entering, leaving and
// shutting race over one word. A call that was refused in the instant between
// shutting an empty gate and telling so told it first, and Drain, whose turn it
// was to tell, waited for a reader of its own words: for ever.
func TestNoCallSlipsThroughAGateThatIsBeingShut(t *testing.T) {
	for range 200 {
		gate := redisconn.NewGate()
		var inside sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range 8 {
			inside.Go(func() {
				begun <- struct{}{}
				for range 1000 {
					if !gate.Enter() {
						return
					}
					gate.Leave()
				}
			})
		}
		<-begun
		gate.Shut()
		if !gate.AwaitEmpty(t.Context()) {
			t.Fatal("not empty")
		}
		inside.Wait()
		if got := gate.InFlight(); got != 0 {
			t.Fatalf("%d in flight", got)
		}
	}
}

func TestCallsWaitAtTheGateUntilTheOutageEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := redisconn.NewGate()
		gate.Close(errOutage, true)
		go func() {
			time.Sleep(time.Second)
			gate.Close(errors.New("now it is something else"), true) // wakes those who wait, who wait on
			time.Sleep(time.Second)
			gate.Open()
		}()
		began := time.Now()
		if err := gate.Await(context.Background(), false); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := gate.Await(context.Background(), true); err != nil {
			t.Errorf("an open gate: %v", err)
		}
	})
}

func TestTheWaitAtTheGateEndsWithTheCallersBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := redisconn.NewGate()
		gate.Open()
		gate.Close(errOutage, true)
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		defer cancel()
		err := gate.Await(ctx, false)
		if !errors.Is(err, errOutage) || !strings.HasPrefix(err.Error(), "down for 1.5s: the connection broke: the cable was cut") {
			t.Errorf("got %v", err)
		}
	})
}

func TestANewCauseIsNoNewOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := redisconn.NewGate()
		gate.Open()
		gate.Close(errors.New("something else"), true)
		time.Sleep(time.Minute)
		gate.Close(errOutage, false)
		if err := gate.Await(context.Background(), false); err == nil || err.Error() != "down for 1m0s: the connection broke: the cable was cut" {
			t.Errorf("got %v", err)
		}
	})
}

func TestNobodyWaitsAtAGateThatDoesNotAskForIt(t *testing.T) {
	gate := redisconn.NewGate()
	gate.Close(errOutage, false)
	if err := gate.Await(t.Context(), false); !errors.Is(err, errOutage) {
		t.Errorf("got %v", err)
	}
	gate.Close(errOutage, true)
	if err := gate.Await(t.Context(), true); !errors.Is(err, errOutage) {
		t.Errorf("fail fast: %v", err)
	}
}

func TestGivingUpSendsThoseWhoWaitAway(t *testing.T) {
	gate := redisconn.NewGate()
	gate.Close(errOutage, true)
	answer := make(chan error, 1)
	go func() { answer <- gate.Await(context.Background(), false) }()
	if gate.GaveUp() {
		t.Error("gave up before")
	}
	gate.GiveUp()
	if err := <-answer; !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if !gate.GaveUp() {
		t.Error("did not give up")
	}
}
