//go:build !linux

package redisconn

import (
	"net"
	"time"
)

// hasUserTimeout says that this system cannot give up unacknowledged data by time.
const hasUserTimeout = false

// limitUnacknowledged does nothing: only Linux has TCP_USER_TIMEOUT. Elsewhere
// keepalive and the deadlines of commands find a broken path.
func limitUnacknowledged(net.Conn, time.Duration) error { return nil }
