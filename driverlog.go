package redisconn

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// The driver logs through one logger for the whole process, without levels and
// once per event. driverLog takes its place when the first client connects and
// passes the lines on to the clients' own loggers: a line that names a
// client's address to that client's, any other to the client that connected
// last. Lines that differ only in numbers are told once per driverLogEvery,
// with the count of those that were not.
//
// A program that wants the lines itself calls redis.SetLogger after its first
// Connect.
type driverLog struct {
	mu      sync.Mutex // guards what follows
	clients []*Client
	seen    map[string]*repeated
}

type repeated struct {
	told    time.Time
	skipped int
}

const (
	driverLogEvery = 10 * time.Second
	// driverLogShapes bounds how many different lines are told apart.
	driverLogShapes = 256
)

var (
	theDriverLog  = &driverLog{seen: map[string]*repeated{}}
	driverLogOnce sync.Once
)

func registerDriverLog(c *Client) {
	driverLogOnce.Do(func() { redis.SetLogger(theDriverLog) })
	theDriverLog.mu.Lock()
	defer theDriverLog.mu.Unlock()
	theDriverLog.clients = append(theDriverLog.clients, c)
}

func unregisterDriverLog(c *Client) {
	theDriverLog.mu.Lock()
	defer theDriverLog.mu.Unlock()
	for i, known := range theDriverLog.clients {
		if known == c {
			theDriverLog.clients = append(theDriverLog.clients[:i], theDriverLog.clients[i+1:]...)
			return
		}
	}
}

// Printf is what the driver calls.
func (l *driverLog) Printf(ctx context.Context, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	client, skipped, tell := l.admit(text)
	if !tell {
		return
	}
	logger := slog.Default()
	if client != nil {
		logger = client.log
		text = client.scrub(text)
	}
	attrs := []any{"text", peerText(fmt.Errorf("%s", text))}
	if skipped > 0 {
		attrs = append(attrs, "skipped", skipped)
	}
	logger.WarnContext(ctx, "redis driver", attrs...)
}

// admit decides whether a line is told, and whose it is.
func (l *driverLog) admit(text string) (client *Client, skipped int, tell bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		client = c
		if strings.Contains(text, c.addr) {
			break
		}
	}
	shape := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
	now := time.Now()
	line := l.seen[shape]
	switch {
	case line == nil:
		if len(l.seen) >= driverLogShapes {
			clear(l.seen)
		}
		l.seen[shape] = &repeated{told: now}
		return client, 0, true
	case now.Sub(line.told) < driverLogEvery:
		line.skipped++
		return client, 0, false
	}
	skipped, line.skipped, line.told = line.skipped, 0, now
	return client, skipped, true
}

// scrub takes the client's password out of a line. The driver is not known to
// print it; this is the last net below that.
func (c *Client) scrub(text string) string {
	secret := c.config.Connection.Password.Reveal()
	if g := c.generation.Load(); g != nil {
		secret = g.config.Connection.Password.Reveal()
	}
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, redacted)
}
