package redisconn

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// target is a server with everything that is needed to reach it: the
// configuration, resolved, and the dialer with its certificates.
type target struct {
	config  Config // every default filled in, the password read
	addr    string // the server that commands go to; of a cluster, the seeds
	dialer  *dialer
	suspect func()   // asks the monitor for a look
	cluster *cluster // nil for a single server; made when the target is verified
}

// probe is a driver client with exactly one connection, which was verified when
// it was made. The pool's callers cannot take it, so a saturated pool does not
// look like an outage; when it breaks it is thrown away, never dialled again.
type probe struct {
	client   *redis.Client
	verified time.Duration // latency of the PING that ended its verification
}

// verifyServer opens a connection of its own and proves, stage by stage, that
// commands will work on it.
func (t *target) verifyServer(ctx context.Context, report stageReporter) (*probe, serverFacts, error) {
	conn, err := t.dialer.dial(ctx, t.addr, report)
	if err != nil {
		return nil, serverFacts{}, err
	}
	// The driver minds a context's deadline while it waits for a reply, not its cancellation.
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			closeQuietly(conn)
		}
	})()
	p := t.newProbe(conn)
	facts, err := t.prove(ctx, p, report)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			err = report.failed(stageOf(err), &linkError{phase: phaseHandshake, err: ctx.Err()})
		}
		p.close()
		closeQuietly(conn) // in case the driver never took it
		return nil, serverFacts{}, err
	}
	return p, facts, nil
}

// newProbe makes a driver client of one connection and no other.
func (t *target) newProbe(conn net.Conn) *probe {
	taken := make(chan net.Conn, 1)
	taken <- conn
	options := driverOptions(t.config, t.addr, func(context.Context, string) (net.Conn, error) {
		select {
		case conn := <-taken:
			return conn, nil
		default:
			return brokenLink{&linkError{phase: phaseDial, err: net.ErrClosed}}, nil
		}
	})
	options.PoolSize, options.MinIdleConns, options.MaxIdleConns = 1, 0, 1
	options.ConnMaxIdleTime, options.ConnMaxLifetime, options.ConnMaxLifetimeJitter = -1, 0, 0
	return &probe{client: redis.NewClient(options)}
}

// prove runs the stages that need the protocol. The first command brings the
// driver's handshake with it; what failed there is told by its class.
func (t *target) prove(ctx context.Context, p *probe, report stageReporter) (serverFacts, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeouts.Dial)
	defer cancel()
	began := time.Now()
	if _, err := p.ping(ctx); err != nil {
		switch diagnose(err).class {
		case ClassLoading, ClassMasterDown, ClassBusy:
			return serverFacts{}, report.failed(StageReady, err)
		case ClassLost, ClassProtocol, ClassTimeout:
			err = t.explainSilence(ctx, err)
		}
		return serverFacts{}, report.failed(StageHandshake, err)
	}
	facts := p.facts(ctx)
	report.passed(StageHandshake, began, facts.greeting(t.config))
	report.passed(StageReady, time.Now(), facts.readiness())

	began = time.Now()
	latency, err := p.ping(ctx)
	if err != nil {
		return serverFacts{}, report.failed(StagePing, err)
	}
	p.verified = latency
	report.passed(StagePing, began, "PING answered")
	return facts, nil
}

// explainSilence looks behind a plaintext handshake that got no sensible
// answer: a port that speaks TLS hangs up on plaintext without a word.
func (t *target) explainSilence(ctx context.Context, err error) error {
	if t.dialer.tls != nil || !t.dialer.speaksTLS(ctx, t.addr) {
		return err
	}
	return &linkError{phase: phaseHandshake, err: &mismatchError{
		wanted: "plaintext", found: "TLS", fix: "use rediss:// (tls.enabled=true) or the server's plaintext port",
	}}
}

// ping sends one PING and measures it.
func (p *probe) ping(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := p.client.Ping(ctx).Err()
	return time.Since(began), err
}

// close drops the connection. The driver's word on how that went changes nothing.
func (p *probe) close() { _ = p.client.Close() }
