package redisconn

import (
	"encoding/json"
	"time"
)

// NodeHealth is what is known of one node of a Sentinel deployment or a cluster.
// What a node does not tell is absent.
type NodeHealth struct {
	Addr        string        `json:"addr"`
	ID          string        `json:"id,omitempty"`    // of a cluster's node
	Role        string        `json:"role"`            // master, replica or sentinel
	Slots       string        `json:"slots,omitempty"` // of its shard, as in 0-5460
	Status      Status        `json:"status"`
	Class       Class         `json:"class,omitempty"`            // of the failure behind the reason
	Reason      string        `json:"reason,omitempty"`           // why it is not pass
	Latency     time.Duration `json:"latency_ms"`                 // of its last PING; milliseconds in JSON
	Link        string        `json:"replication_link,omitempty"` // of a replica: up or down
	Lag         *int64        `json:"lag_bytes,omitempty"`        // of a replica: how far it is behind its master
	LastSuccess time.Time     `json:"last_success,omitzero"`
}

// MarshalJSON gives milliseconds, as fractions.
func (n NodeHealth) MarshalJSON() ([]byte, error) {
	type plain NodeHealth
	return json.Marshal(struct {
		plain
		Latency float64 `json:"latency_ms"`
	}{plain(n), milliseconds(n.Latency)})
}

// SlotCoverage is how much of a cluster's key space is served.
type SlotCoverage struct {
	Covered   int      `json:"covered"`             // slots with a master that serves them
	Total     int      `json:"total"`               // 16384
	Uncovered []string `json:"uncovered,omitempty"` // the ranges that nobody serves, as in 0-5460
}

// Quorum is what the sentinels can still do.
type Quorum struct {
	Master    string `json:"master"`    // the name they watch
	Sentinels int    `json:"sentinels"` // how many are known
	Answering int    `json:"answering"` // how many of them answer
	Needed    int    `json:"needed"`    // how many must agree that the master is down
}

// CertificateHealth is a certificate that the connection depends on, and how long it lasts.
type CertificateHealth struct {
	Of       string    `json:"of"`             // server or client
	Node     string    `json:"node,omitempty"` // whose it is, for a server
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
}
