package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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

// registerDriverLog passes the driver's lines on to a client that has a generation.
func registerDriverLog(c *Client) {
	driverLogOnce.Do(func() { redis.SetLogger(theDriverLog) })
	theDriverLog.register(c)
}

func unregisterDriverLog(c *Client) { theDriverLog.unregister(c) }

func (l *driverLog) register(c *Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients = append(l.clients, c)
}

func (l *driverLog) unregister(c *Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients = slices.DeleteFunc(l.clients, func(known *Client) bool { return known == c })
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
	}
	attrs := []any{"text", peerText(errors.New(l.scrub(text)))}
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
		if strings.Contains(text, c.server()) {
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

// scrub takes the clients' passwords out of a line. The driver is not known to
// print one; this is the last net below that.
func (l *driverLog) scrub(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		// Of the generation: a password from a file is not in the client's own configuration.
		if secret := c.generation.Load().config.Connection.Password.Reveal(); secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}
