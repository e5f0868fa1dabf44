package redisconntest_test

import (
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestTheConfigOfAServerLeadsToIt(t *testing.T) {
	for name, options := range map[string][]redisconntest.ServerOption{
		"tcp with a password": {redisconntest.WithPassword("secret/with=signs")},
		"a unix socket":       {redisconntest.WithUnixSocket()},
		"tls":                 {redisconntest.WithTLS(redisconntest.NewCA(t))},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := redisconn.Open(t.Context(), redisconntest.NewServer(t, options...).Config())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
