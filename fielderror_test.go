package redisconn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestFieldErrorIsOneLineWithFieldValueSourceReasonAndFix(t *testing.T) {
	for want, e := range map[string]redisconn.FieldError{
		"redis config: pool.size = -1 (env REDIS_POOL_SIZE): it is negative; leave it out": {
			Field: "pool.size", Value: "-1", Source: "env REDIS_POOL_SIZE", Reason: "it is negative", Fix: "leave it out"},
		`redis config: connection.username = "a b\n": spaces`: {Field: "connection.username", Value: "a b\n", Reason: "spaces"},
		`redis config: x = "\"": quote`:                       {Field: "x", Value: `"`, Reason: "quote"},
		"redis config: url: this is no URL":                   {Field: "url", Reason: "this is no URL"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFieldErrorsFindsThemWhereverTheyAreWrapped(t *testing.T) {
	a, b := &redisconn.FieldError{Field: "a"}, &redisconn.FieldError{Field: "b"}
	err := fmt.Errorf("open: %w", errors.Join(a, errors.New("other"), fmt.Errorf("and %w", b)))
	if got := redisconn.FieldErrors(err); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("found %v", got)
	}
	for _, err := range []error{nil, errors.New("other")} {
		if got := redisconn.FieldErrors(err); got != nil {
			t.Errorf("%v: found %v", err, got)
		}
	}
}

func TestLongValuesAreCutInErrors(t *testing.T) {
	_, err := redisconn.NewBuilder().Set("pool.size", strings.Repeat("9", 5000)+"x", "test").Build()
	if got := redisconn.FieldErrors(err); len(got) != 1 || len(got[0].Error()) > 250 {
		t.Errorf("got %v", err)
	}
}
