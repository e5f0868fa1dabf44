package faults_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// The password was changed while a service ran. Its next pipeline needed a new
// connection, whose handshake the server refused; the driver returned that error
// from Exec but put it to none of the commands, so every command of the
// pipeline, and of a transaction, passed for a success with a zero value.
func TestBatchOnAConnectionThatTheServerRefusedDoesNotPassForASuccess(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithPassword("before"))
	client := open(t, server.Addr(), func(cfg *redisconn.Config) { cfg.Connection.Password = "before" })
	if err := server.Client().ConfigSet(t.Context(), "requirepass", "after").Err(); err != nil {
		t.Fatal(err)
	}
	batches := map[string]func(func(redis.Pipeliner) error) ([]redis.Cmder, error){
		"pipeline": func(fn func(redis.Pipeliner) error) ([]redis.Cmder, error) { return client.Pipelined(t.Context(), fn) },
		"transaction": func(fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
			return client.TxPipelined(t.Context(), fn)
		},
	}
	for name, run := range batches {
		t.Run(name, func(t *testing.T) {
			var set *redis.StatusCmd
			var incr *redis.IntCmd
			_, err := run(func(p redis.Pipeliner) error {
				set = p.Set(t.Context(), "k", "v", 0)
				incr = p.Incr(t.Context(), "n")
				return nil
			})
			for what, err := range map[string]error{"Exec": err, "SET": set.Err(), "INCR": incr.Err()} {
				if redisconn.ClassOf(err) != redisconn.ClassAuth || !redisconn.SafeToRetry(err) || errors.Is(err, redisconn.ErrMaybeApplied) {
					t.Errorf("%s returns %v, want class %s and nothing applied", what, err, redisconn.ClassAuth)
				}
			}
		})
	}
}
