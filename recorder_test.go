package redisconn_test

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestTheFlightRecorderKeepsTheLast512Events(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	if got := client.History(); len(got) != 0 {
		t.Errorf("a new client has %d events", len(got))
	}
	for n := range 600 {
		redisconn.Record(client, redisconn.Event{Kind: redisconn.EventWarning, Detail: strconv.Itoa(n)})
	}
	history := client.History()
	if len(history) != 512 || history[0].Detail != "88" || history[511].Detail != "599" {
		t.Errorf("%d events, from %s to %s", len(history), history[0].Detail, history[len(history)-1].Detail)
	}
	if !slices.IsSortedFunc(history, func(a, b redisconn.Event) int { return a.At.Compare(b.At) }) {
		t.Error("the events are not in their order")
	}
}

func TestAListenerThatIsSlowMissesEventsWhichAreCounted(t *testing.T) {
	client := newClient(t, configFor("127.0.0.1:1"))
	events, stop := client.Events(2)
	for n := range 5 {
		redisconn.Record(client, redisconn.Event{Kind: redisconn.EventWarning, Detail: strconv.Itoa(n)})
	}
	if got := client.Stats().EventsDropped; got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
	stop()
	stop() // twice is once
	var details []string
	for e := range events {
		details = append(details, e.Detail)
	}
	if !slices.Equal(details, []string{"0", "1"}) {
		t.Errorf("got %q", details)
	}
}

func TestListenersEndWithTheClient(t *testing.T) {
	redisconntest.NoLeaks(t)
	client := newClient(t, configFor("127.0.0.1:1"))
	events, stop := client.Events(0) // room for one all the same
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, ok := <-events; !ok || e.To != redisconn.StateDraining {
		t.Errorf("got %+v", e)
	}
	if _, ok := <-events; ok {
		t.Error("the channel is open after the end")
	}
	stop()
	late, stop := client.Events(1)
	if _, ok := <-late; ok {
		t.Error("a channel asked for after the end is open")
	}
	stop()
}

func TestOnStateChangeTellsEveryTransitionInOrder(t *testing.T) {
	server := redisconntest.NewServer(t)
	client := newClient(t, configFor(server.Addr()))
	var mu sync.Mutex
	var states []redisconn.State
	closed := make(chan struct{})
	client.OnStateChange(func(change redisconn.StateChange) {
		mu.Lock()
		defer mu.Unlock()
		if change.At.IsZero() || change.Reason == "" {
			t.Errorf("%+v", change)
		}
		states = append(states, change.From)
		if change.To == redisconn.StateClosed {
			states = append(states, change.To)
			close(closed)
		}
	})
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := client.StateSince(); got.To != redisconn.StateReady || got.From != redisconn.StateConnecting || got.Reason != "verified" {
		t.Errorf("StateSince: %+v", got)
	}
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-closed
	want := []redisconn.State{redisconn.StateIdle, redisconn.StateConnecting, redisconn.StateReady, redisconn.StateDraining, redisconn.StateClosed}
	if !slices.Equal(states, want) {
		t.Errorf("told %v, want %v", states, want)
	}
}

// A listener for transitions shared a buffer with events of every kind, so a
// storm of them pushed out the very transition that explained it.
func TestOtherEventsDoNotPushTransitionsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		client := server.open(t, nil)
		told := make(chan redisconn.State, 10)
		client.OnStateChange(func(change redisconn.StateChange) {
			time.Sleep(time.Second)
			told <- change.To
		})
		for range 1000 {
			redisconn.Record(client, redisconn.Event{Kind: redisconn.EventMaybeApplied})
		}
		if _, err := client.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		if first, second := <-told, <-told; first != redisconn.StateDraining || second != redisconn.StateClosed {
			t.Errorf("told %s and %s", first, second)
		}
	})
}

func TestOnStateChangeEndsWhenItIsStopped(t *testing.T) {
	redisconntest.NoLeaks(t)
	client := newClient(t, configFor("127.0.0.1:1"))
	stop := client.OnStateChange(func(redisconn.StateChange) { t.Error("told after stop") })
	stop()
	if _, err := client.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventAsJSONLeavesOutWhatItsKindDoesNotHave(t *testing.T) {
	event := redisconn.Event{At: time.Unix(0, 0).UTC(), Kind: redisconn.EventAttempt, Stage: redisconn.StageDial, Class: redisconn.ClassRefused, Attempt: 1, Took: time.Millisecond, Detail: "refused"}
	got, err := json.Marshal(event)
	want := `{"at":"1970-01-01T00:00:00Z","kind":"attempt","stage":"dial","class":"refused","attempt":1,"took":1000000,"detail":"refused"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
