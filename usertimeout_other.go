//go:build !linux

package redisconn

import (
	"net"
	"time"
)

// limitUnacknowledged does nothing: only Linux has TCP_USER_TIMEOUT. Elsewhere
// keepalive and the deadlines of commands find a broken path.
func limitUnacknowledged(net.Conn, time.Duration) bool { return false }
