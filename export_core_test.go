package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Seams for the black-box tests of the connection.

// DriverOptions is what a configuration, its defaults filled in, becomes for the driver.
func DriverOptions(c Config) *redis.Options {
	return driverOptions(c, c.Connection.Addrs[0], func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("these options dial nothing")
	})
}

// TrackedSubscriptions is how many subscriptions the client would close.
func TrackedSubscriptions(c *Client) int {
	c.subscriptions.mu.Lock()
	defer c.subscriptions.mu.Unlock()
	return len(c.subscriptions.open)
}

// Gate is the gate on its own.
type Gate struct{ gate *gate }

// NewGate returns a gate as New has it: closed, because nothing is connected.
func NewGate() Gate { return NewGateFor(1000) }

// NewGateFor is NewGate with a bound on the calls in flight.
func NewGateFor(most int) Gate { return Gate{newGate(most)} }

func (g Gate) Enter() bool                             { return g.gate.enter() }
func (g Gate) Leave()                                  { g.gate.leave() }
func (g Gate) InFlight() int64                         { return g.gate.inside() }
func (g Gate) Shut() int64                             { return g.gate.shut() }
func (g Gate) AwaitEmpty(ctx context.Context) bool     { return g.gate.awaitEmpty(ctx) }
func (g Gate) Close(cause error, waiting bool)         { g.gate.close(cause, waiting) }
func (g Gate) Open()                                   { g.gate.open() }
func (g Gate) GiveUp()                                 { g.gate.giveUp() }
func (g Gate) GaveUp() bool                            { return g.gate.gaveUp() }
func (g Gate) Await(ctx context.Context, f bool) error { return g.gate.await(ctx, f) }

// RetryBudget is a retry budget on its own, with the counter of commands it looks at.
func RetryBudget(percent int) (take func() bool, sent *atomic.Int64) {
	sent = new(atomic.Int64)
	return newRetryBudget(percent, sent).take, sent
}

// Deadlines gives calls their budgets.
func Deadlines(life context.Context, operation time.Duration) (bound func(context.Context) (context.Context, context.CancelFunc), blocking func(context.Context, redis.Cmder) (context.Context, context.CancelFunc)) {
	d := &deadlines{life: life, operation: operation}
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return d.bound(ctx, time.Now()) },
		func(ctx context.Context, cmd redis.Cmder) (context.Context, context.CancelFunc) {
			return d.boundBlocking(ctx, cmd, time.Now())
		}
}

// Backoff is the pause before the next attempt.
func Backoff(least, most time.Duration, attempts int) time.Duration {
	return retryPolicy{min: least, max: most}.backoff(attempts)
}

// Record puts an event into a client's flight recorder.
func Record(c *Client, e Event) { c.recorder.record(e) }

// Machine is the state machine on its own.
type Machine struct{ machine *machine }

// NewMachine returns a machine as New has it.
func NewMachine(log *slog.Logger) Machine { return Machine{newMachine(newRecorder(), log)} }

// To makes a transition.
func (m Machine) To(next State, reason string) bool { return m.machine.to(next, reason) }

// PeerText makes a peer's text safe.
func PeerText(err error) string { return peerText(err) }

// LinkError is a failure of a connection in a phase: dial, handshake, write or read.
func LinkError(at string, err error) error { return &linkError{phase: phase(at), err: err} }

// AppliedOf is what an error of the driver proves about a command's effect.
func AppliedOf(err error) Applied { return diagnose(err).applied }

// IsHandshake reports whether p is of the driver's handshake alone.
func IsHandshake(p []byte) bool { return isHandshake(p) }

// CutLink is a connection as the client hands it to the driver, of a generation that ends.
func CutLink(conn net.Conn) net.Conn {
	life, end := context.WithCancel(context.Background())
	defer end()
	d := &dialer{life: life}
	return d.link(background, "", conn, conn)
}

// NewLink wraps a connection.
func NewLink(conn net.Conn) net.Conn {
	return asConn(&link{Conn: conn, release: func() {}, shut: conn.Close})
}

// ProviderError is a provider of credentials that failed.
func ProviderError(err error) error { return &providerError{err} }

// BrokenLink is a dial that failed.
func BrokenLink(err error) net.Conn { return brokenLink{&linkError{phase: phaseDial, err: err}} }

// DriverLogf is the driver logging a line.
func DriverLogf(format string, args ...any) {
	theDriverLog.Printf(background, format, args...)
}

// NewDriverLog returns the logging of a driver whose clients are all closed.
func NewDriverLog() func(ctx context.Context, format string, args ...any) {
	return (&driverLog{seen: map[string]*repeated{}}).Printf
}

// ForgetDriverLines makes the driver's next lines new ones.
func ForgetDriverLines() {
	theDriverLog.mu.Lock()
	defer theDriverLog.mu.Unlock()
	clear(theDriverLog.seen)
}
