package redisconn_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

func TestANodesHealthAsJSON(t *testing.T) {
	lag := int64(0)
	for want, node := range map[string]redisconn.NodeHealth{
		`{"addr":"10.0.0.1:6379","role":"master","status":"pass","latency_ms":1.5}`: {
			Addr: "10.0.0.1:6379", Role: "master", Status: redisconn.StatusPass, Latency: 1500 * time.Microsecond,
		},
		`{"addr":"10.0.0.2:6379","id":"4f3a","role":"replica","slots":"0-5460","status":"warn","reason":"behind","replication_link":"up","lag_bytes":0,"latency_ms":0}`: {
			Addr: "10.0.0.2:6379", ID: "4f3a", Role: "replica", Slots: "0-5460", Status: redisconn.StatusWarn, Reason: "behind", Link: "up", Lag: &lag,
		},
	} {
		got, err := json.Marshal(node)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v\nwant %s", got, err, want)
		}
	}
}
