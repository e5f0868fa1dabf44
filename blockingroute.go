package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// blockingRoute carries the commands that wait at the server: BLPOP and its kin.
// Each holds a connection for as long as it waits, so they have connections of
// their own, and the pool stays with those that come and go. How many there are
// is bounded, because every one of them is a client to the server.
type blockingRoute struct {
	config  Config
	options func(dialAddr) *redis.Options // of a connection to the server, for a dial
	dial    dialAddr
	places  chan struct{} // holds one for each command under way
	holders holders       // who they are

	mu    sync.Mutex // guards what follows
	idle  []*line    // the one used last is at the end
	ended bool
}

// line is a driver client of one connection, for one command at a time. So it is
// known which connection to cut when the command's caller gives up: the driver
// does not look at a cancellation while it waits for a reply.
type line struct {
	client *redis.Client
	conn   atomic.Pointer[net.Conn] // what was dialled last
}

func newBlockingRoute(cfg Config, options func(dialAddr) *redis.Options, dial dialAddr) *blockingRoute {
	return &blockingRoute{config: cfg, options: options, dial: dial, places: make(chan struct{}, cfg.Pool.Blocking)}
}

// carry lets send have a connection for something that may wait at the server
// for timeout, 0 for ever. The connection is cut when ctx ends.
func (r *blockingRoute) carry(ctx context.Context, name string, timeout time.Duration, send func(*redis.Client) error) error {
	if err := r.takePlace(ctx, timeout); err != nil {
		return err
	}
	defer func() { <-r.places }()
	defer r.holders.hold(name)()
	l := r.take()
	untouched := context.AfterFunc(ctx, l.cut)
	err := l.open(ctx, r.config.Timeouts.Dial)
	if err == nil {
		err = send(l.client)
	}
	if !untouched() || !isAnswer(err) || !r.giveBack(l) {
		l.close()
	}
	var link *linkError
	if errors.As(err, &link) && ctx.Err() != nil {
		return &linkError{phase: link.phase, err: ctx.Err()} // that the connection broke was our doing
	}
	return err
}

// takePlace waits for one of the places, as long as it is of use: a command that
// begins too late for its own timeout would be cut in the middle of it.
func (r *blockingRoute) takePlace(ctx context.Context, timeout time.Duration) error {
	select {
	case r.places <- struct{}{}:
		return nil
	default:
	}
	began := time.Now()
	useful := ctx
	if deadline, ok := ctx.Deadline(); ok && timeout > 0 && time.Until(deadline) > timeout {
		var cancel context.CancelFunc
		useful, cancel = context.WithDeadline(ctx, deadline.Add(-timeout))
		defer cancel()
	}
	select {
	case r.places <- struct{}{}:
		return nil
	case <-useful.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &noPlaceError{max: cap(r.places), waited: time.Since(began), holders: r.holders.describe()}
}

// noPlaceError: as many commands as may block at once do so.
type noPlaceError struct {
	max     int
	waited  time.Duration
	holders string
}

func (e *noPlaceError) Error() string {
	return fmt.Sprintf("all %s for blocking commands (pool.blocking) are taken, waited %s (held by %s)",
		plural(e.max, "connection"), e.waited.Round(time.Millisecond), e.holders)
}

// Unwrap makes it the exhaustion of a pool.
func (e *noPlaceError) Unwrap() error { return redis.ErrPoolTimeout }

// take returns an idle line, or a new one.
func (r *blockingRoute) take() *line {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.idle) - 1; last >= 0 {
		l := r.idle[last]
		r.idle = slices.Delete(r.idle, last, last+1)
		return l
	}
	l := &line{}
	options := r.options(func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := r.dial(ctx, addr)
		if err == nil {
			l.conn.Store(&conn)
		}
		return conn, err
	})
	options.PoolSize, options.MinIdleConns, options.MaxIdleConns = 1, 0, 1
	// How long a reply may take is for the command's own timeout to say, and its
	// context knows that. The driver knows it only of its own typed commands.
	options.ReadTimeout = -1
	l.client = newDriver(options)
	return l
}

// giveBack keeps a line for the next command, up to as many as the pool keeps.
func (r *blockingRoute) giveBack(l *line) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.idle) >= r.config.Pool.MaxIdle {
		return false
	}
	r.idle = append(r.idle, l)
	return true
}

// end closes the idle lines. The connections of the others are cut with the
// generation's dialer, and whoever holds one closes it.
func (r *blockingRoute) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for _, l := range r.idle {
		l.close()
	}
	r.idle = nil
}

// open opens the connection, where there is none yet, in a time of its own,
// because what comes then may take without end.
func (l *line) open(ctx context.Context, timeout time.Duration) error {
	if l.conn.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := l.client.Ping(ctx).Err()
	var link *linkError
	if errors.As(err, &link) && link.phase == phaseRead {
		return &linkError{phase: phaseHandshake, err: link.err} // what was to follow was not written
	}
	return err
}

// cut ends what the line waits for.
func (l *line) cut() {
	if conn := l.conn.Load(); conn != nil {
		closeQuietly(*conn)
	}
}

// close closes the line. The driver's word on how that went changes nothing.
func (l *line) close() { _ = l.client.Close() }

// waitsAtServer reports whether this very command may wait at the server.
func waitsAtServer(cmd redis.Cmder) bool {
	if !effect.Blocks(cmd.Name()) {
		return false
	}
	_, waits := effect.BlockingTimeout(cmd.Args())
	return waits
}

// send makes one attempt at a command.
func (r *blockingRoute) send(ctx context.Context, cmd redis.Cmder) error {
	timeout, _ := effect.BlockingTimeout(cmd.Args())
	return r.carry(ctx, cmd.Name(), timeout, func(driver *redis.Client) error { return driver.Process(ctx, cmd) })
}
