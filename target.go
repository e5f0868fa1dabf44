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
	config    Config // every default filled in, the credentials read
	addr      string // the server that commands go to; behind sentinels empty until they have named it, of a cluster the seeds
	dialer    *dialer
	suspect   func()     // asks the monitor for a look
	sentinels *sentinels // that name the server; nil when the configuration does
	cluster   *cluster   // nil for a single server; made when the target is verified
	files     digest     // of the files that were read
	digest    digest     // of all material that was read
}

// newTarget reads what the configuration names: the credentials and the
// certificates. What is unwise but possible becomes a warning.
func (c *Client) newTarget(ctx context.Context) (*target, error) {
	began := time.Now()
	report := stageReporter(c.stageReport)
	cfg := c.config.Clone()
	warnings := cfg.Lint()
	files := digestFiles(cfg.namedFiles())
	now, more, err := c.readCredentials(ctx)
	if err != nil {
		return nil, report.failed(StageConfig, err)
	}
	c.renewals.expire(now.Expires)
	cfg.Connection.Username, cfg.Connection.Password = now.Username, now.Password
	warnings = append(warnings, more...)
	tls, more, err := cfg.TLS.load()
	if err != nil {
		return nil, report.failed(StageConfig, err)
	}
	warnings = append(warnings, more...)
	d := &dialer{tls: tls, secret: now.Password, timeout: cfg.Timeouts.Dial, silence: cfg.Timeouts.Silence, watched: cfg.Cache.Enabled,
		allow: newAllowList(cfg.Connection, c.addressTeller()), place: c.opts.place}
	if err := c.chooseDialer(d, cfg); err != nil {
		return nil, report.failed(StageConfig, err)
	}
	t := &target{config: cfg, addr: serverName(cfg), dialer: d, suspect: c.suspect, files: files, digest: files.with(now)}
	if cfg.asksSentinels() {
		if t.sentinels, more, err = c.newSentinels(cfg, d); err != nil {
			return nil, report.failed(StageConfig, err)
		}
		t.addr = ""
		warnings = append(warnings, more...)
	}
	d.life, d.end = context.WithCancel(c.life)
	c.tellWarnings(warnings)
	report.passed(StageConfig, began, "the configuration is valid")
	return t, nil
}

// chooseDialer decides what opens the stream.
func (c *Client) chooseDialer(d *dialer, cfg Config) error {
	switch {
	case cfg.Mode == ModeEmbedded:
		if err := c.startEmbedded(); err != nil {
			return err
		}
		d.own, d.allow = true, nil
		d.open = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.opts.embedded.Dial(ctx) }
	case c.opts.dial != nil:
		d.own, d.allow.byName = true, true
		d.open = c.opts.dial
	default:
		d.open = (&net.Dialer{KeepAliveConfig: keepAliveFor(d.silence)}).DialContext
	}
	return nil
}

// probe is a driver client with exactly one connection, which was verified when
// it was made. The pool's callers cannot take it, so a saturated pool does not
// look like an outage; when it breaks it is thrown away, never dialled again.
type probe struct {
	client   *redis.Client
	verified time.Duration // latency of the PING that ended its verification, the shorter one where there were two
}

// verify opens a connection of its own and proves, stage by stage, that commands
// will work on it.
func (t *target) verify(ctx context.Context, report stageReporter) (*probe, serverFacts, error) {
	switch {
	case t.sentinels == nil:
		return t.verifySeeds(ctx, t.seeds(), report)
	case t.addr == "":
		return t.verifyMaster(ctx, report)
	}
	return t.verifyServer(ctx, t.addr, report)
}

// verifyMaster is verify behind sentinels, for the first time: it decides which
// server the target is. Another master is another target.
func (t *target) verifyMaster(ctx context.Context, report stageReporter) (*probe, serverFacts, error) {
	began := time.Now()
	words := t.sentinels.ask(ctx)
	err := report.failed(StageDiscover, words.failure())
	for _, master := range words.candidates() {
		report.passed(StageDiscover, began, master.String())
		var p *probe
		var facts serverFacts
		if p, facts, err = t.verifyServer(ctx, master.addr, report); err == nil {
			t.addr = master.addr
			return p, facts, nil
		}
		// One that cannot be reached is the master all the same; only one that
		// denies it sends us on to what other sentinels believe.
		if diagnose(err).class != ClassReadOnly {
			break
		}
	}
	return nil, serverFacts{}, err
}

// moved is the target at another server: the same configuration, with connections
// of its own that live within life.
func (t *target) moved(addr string, life context.Context) *target {
	next := *t
	next.addr, next.dialer = addr, t.dialer.again(life)
	return &next
}

// end lets go of a target that no generation came to use.
func (t *target) end() {
	t.dialer.end()
	if t.sentinels != nil {
		t.sentinels.end()
	}
}

// verifyServer is verify for one of the target's servers.
func (t *target) verifyServer(ctx context.Context, addr string, report stageReporter) (*probe, serverFacts, error) {
	conn, err := t.dialer.dial(ctx, addr, report)
	if err != nil {
		return nil, serverFacts{}, err
	}
	// The driver minds a context's deadline while it waits for a reply, not its cancellation.
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			closeQuietly(conn)
		}
	})()
	p := t.newProbe(addr, conn)
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
func (t *target) newProbe(addr string, conn net.Conn) *probe {
	taken := make(chan net.Conn, 1)
	taken <- conn
	options := driverOptions(t.config, addr, func(context.Context, string) (net.Conn, error) {
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
			if report != nil { // who watches knows what the server speaks, and has no time to ask
				err = t.dialer.explainSilence(ctx, p.addr(), err)
			}
		}
		return serverFacts{}, report.failed(StageHandshake, err)
	}
	facts := p.facts(ctx)
	report.passed(StageHandshake, began, facts.greeting(t.config))
	if err := t.suits(p.addr(), facts); err != nil {
		return serverFacts{}, report.failed(StageReady, err)
	}
	report.passed(StageReady, time.Now(), facts.readiness())

	began = time.Now()
	if err := p.measure(ctx); err != nil {
		return serverFacts{}, report.failed(StagePing, err)
	}
	report.passed(StagePing, began, "PING answered")
	return facts, nil
}

// measure sends the PING that ends a verification, and another one where the server
// seems to be far away: it may have been a pause of this process.
func (p *probe) measure(ctx context.Context) (err error) {
	if p.verified, err = p.ping(ctx); err != nil || p.verified < farAway {
		return err
	}
	again, err := p.ping(ctx)
	p.verified = min(p.verified, again)
	return err
}

// ping sends one PING and measures it.
func (p *probe) ping(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := p.client.Ping(ctx).Err()
	return time.Since(began), err
}

// addr is the server that the connection leads to.
func (p *probe) addr() string { return p.client.Options().Addr }

// close drops the connection, if there is one. The driver's word on how that went
// changes nothing.
func (p *probe) close() {
	if p != nil {
		_ = p.client.Close()
	}
}
