package redisconn_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
)

// When a server with 200 callers went away, the client dialled it 362 times
// within 100 ms: every caller dialled, failed within microseconds and came again
// after a backoff of milliseconds.
func TestDialThatFailedAnswersForTheNextOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var breaker redisconn.DialBreaker
		refused := errors.New("refused")
		dials := 0
		dial := func(result error) error { return breaker.Dial(func() error { dials++; return result }) }

		if err := dial(nil); err != nil || dials != 1 {
			t.Fatalf("%v after %d dials, want none after 1", err, dials)
		}
		if err := dial(refused); !errors.Is(err, refused) || dials != 2 {
			t.Fatalf("%v after %d dials, want refused after 2", err, dials)
		}
		for range 100 {
			if err := dial(nil); !errors.Is(err, refused) || dials != 2 {
				t.Fatalf("within the pause: %v after %d dials, want refused after 2", err, dials)
			}
		}
		time.Sleep(redisconn.DialPause)
		if err := breaker.Dial(func() error {
			if err := dial(nil); !errors.Is(err, refused) {
				t.Errorf("while one finds out for the rest: %v, want refused", err)
			}
			return nil
		}); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		if err := dial(nil); err != nil || dials != 3 {
			t.Errorf("after a success: %v after %d dials, want none after 3", err, dials)
		}

		if err := dial(refused); !errors.Is(err, refused) {
			t.Error(err)
		}
		breaker.Reset()
		if err := dial(nil); err != nil {
			t.Errorf("after a reset: %v", err)
		}
	})
}
