package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

// Patient is what is examined: a configuration and, once it could be connected,
// the client. What several checks look at is fetched once.
type Patient struct {
	options  Options
	problems []*redisconn.FieldError // of the configuration: with any, there is no client
	warnings []redisconn.Warning
	about    redisconn.Explanation
	config   redisconn.Config  // every default filled in
	client   *redisconn.Client // nil when the configuration cannot be used
	proof    *Proof            // what connecting proved
	look     *look             // at the server's certificate, nil without TLS
	nodes    []*node           // of a cluster, as the client knows them
	at       *node             // whom checks ask: the server, or the node whose turn it is
	secrets  secrets
	unlocked bool          // whoever reaches the server is let in
	stall    time.Duration // the longest this machine was found to stand still
}

// answer is something that was asked for, and how that went.
type answer[T any] struct {
	value T
	err   error
}

// Config returns the configuration under examination, every default filled in.
func (p *Patient) Config() redisconn.Config { return p.config.Clone() }

// Format writes the configuration, secrets masked, whatever the verb: fmt would
// otherwise look at the fields, where it does not ask a password to mask itself.
func (p Patient) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "doctor.Patient(%v)", p.config) }

// Client returns the connected client; nil when it could not be connected.
func (p *Patient) Client() *redisconn.Client {
	if p.proof == nil || p.proof.Class != "" {
		return nil
	}
	return p.client
}

// namesMaster is how the client tells which server the sentinels name.
var namesMaster = regexp.MustCompile(`name (\S+) as the master$`)

// addr is where the server is: behind sentinels the master that they name, or
// the first of them while they name none; of a cluster the node that is asked.
func (p *Patient) addr() string {
	if p.at != nil && p.at.Addr != "" {
		return p.at.Addr
	}
	if named := namesMaster.FindStringSubmatch(p.proof.Step(redisconn.StageDiscover).Said); named != nil {
		return named[1]
	}
	if len(p.config.Connection.Addrs) == 0 {
		return string(redisconn.ModeEmbedded)
	}
	return p.config.Connection.Addrs[0]
}

// host and port are the parts of addr; a socket and an embedded server have none.
func (p *Patient) host() string {
	host, _, _ := net.SplitHostPort(p.addr())
	return host
}

func (p *Patient) port() string {
	_, port, _ := net.SplitHostPort(p.addr())
	return port
}

// user is who the connection is to Redis.
func (p *Patient) user() string {
	if p.config.Connection.Username == "" {
		return "default"
	}
	return p.config.Connection.Username
}

// network is what net.Dial needs for addr.
func (p *Patient) network() string {
	if strings.HasPrefix(p.addr(), "/") {
		return "unix"
	}
	return "tcp"
}

// embedded reports whether the server is in this process, where no network leads.
func (p *Patient) embedded() bool { return p.config.Mode == redisconn.ModeEmbedded }

// dial opens a connection that is no client's.
func (p *Patient) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeouts.Dial)
	defer cancel()
	if p.options.Dial != nil {
		return p.options.Dial(ctx, network, addr)
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// open connects another client to the same server, as change has it.
func (p *Patient) open(ctx context.Context, change func(*redisconn.Config)) (*redisconn.Client, error) {
	cfg := p.config.Clone()
	cfg.Mode, cfg.Connection.Addrs, cfg.Sentinel = redisconn.ModeStandalone, []string{p.addr()}, redisconn.SentinelConfig{}
	if len(p.nodes) > 0 {
		cfg.Mode = redisconn.ModeCluster
	}
	cfg.Pool = redisconn.PoolConfig{Size: 1}
	change(&cfg)
	client, err := redisconn.New(cfg, p.clientOptions()...)
	if err == nil {
		proof := Prove(ctx, client, true, func(redisconn.Event) {})
		if proof.Class == "" {
			return client, nil
		}
		err = errors.Join(&refusal{proof}, client.Close())
	}
	return nil, err
}

// refusal is why a client of the doctor's own could not connect.
type refusal struct{ proof *Proof }

func (r *refusal) Error() string { return r.proof.Failure().Said }

// quiet takes log lines: what they would say is in the report.
var quiet = slog.New(slog.DiscardHandler)

// server is what the client knows of it.
func (p *Patient) server() *redisconn.ServerInfo {
	return cmp.Or(p.client.LastHealth().Server, &redisconn.ServerInfo{})
}

// info is what the server says of itself.
func (p *Patient) info(ctx context.Context) (map[string]string, error) {
	n := p.at
	if n.infos == nil {
		text, err := n.asks.Info(ctx).Result()
		n.infos = &answer[map[string]string]{fieldsOf(text), err}
	}
	return n.infos.value, n.infos.err
}

// setting is one of the server's settings, asked for by its name alone: all of
// them together would bring its passwords here.
func (p *Patient) setting(ctx context.Context, name string) (string, error) {
	n := p.at
	a, asked := n.settings[name]
	if !asked {
		values, err := n.asks.ConfigGet(ctx, name).Result()
		value, known := values[name]
		if err == nil && !known {
			err = fmt.Errorf("%w %s", errUnknownSetting, name)
		}
		a = answer[string]{value, err}
		n.settings[name] = a
	}
	return a.value, a.err
}

var errUnknownSetting = errors.New("the server has no setting")

// unanswered is the finding where a command got no answer: what the user may not
// do, or the server does not know, is no fault of the connection.
func unanswered(command string, err error) Finding {
	class := redisconn.ClassOf(err)
	switch {
	case class == redisconn.ClassACL:
		return Skip("the user may not run " + command)
	case errors.Is(err, errUnknownSetting):
		return Skip(err.Error())
	case class == redisconn.ClassReply && strings.Contains(strings.ToLower(err.Error()), "unknown"):
		return Skip("the server does not know " + command)
	}
	finding := Fail(class, command+": "+err.Error(), Fact{"command", command})
	finding.Fix = remedies[class]
	return finding
}
