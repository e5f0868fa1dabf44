package redisconn

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// sentinelPatience is how long the first sentinel to answer waits for the word
	// of the others: one that hangs must not hold up a switch, and one that is a
	// moment late may know better.
	sentinelPatience = 100 * time.Millisecond
	// maxSentinels bounds how many are learnt from others: a sane deployment has
	// three to seven, and each costs two connections.
	maxSentinels = 16
)

// sentinels are those that watch a master, known by the configuration and from
// each other. They are asked over connections that have nothing in common with
// those of commands: other credentials, other TLS, another dialer.
type sentinels struct {
	master string
	config Config // as whom they are asked
	dialer *dialer
	asking sync.WaitGroup // questions under way

	mu    sync.Mutex // guards what follows
	known []*sentinel
	over  bool
}

// sentinel is one of them. The set's mutex guards what changes.
type sentinel struct {
	addr       string
	configured bool // by the program, so it is never forgotten
	client     *redis.Client
	life       context.Context
	forget     context.CancelFunc // ends life: others do not know it any more
	id         string             // its run id, once it has told
	busy       bool               // a question is under way: one that hangs is not asked another
	answered   time.Time          // when it last gave its word
}

// newSentinels reads what the configuration names for the link to the
// sentinels. They share with the data nodes what opens the stream, and no more.
func (c *Client) newSentinels(cfg Config, stream *dialer) (*sentinels, []Warning, error) {
	var warnings []Warning
	own := cfg.Sentinel
	if own.PasswordFile != "" {
		password, more, err := readPasswordFile(own.PasswordFile)
		if err != nil {
			return nil, nil, ofSentinels(err)
		}
		own.Password, warnings = password, more
	}
	tls, more, err := cfg.sentinelTLS().load()
	if err != nil {
		if own.TLS == SentinelTLSOn {
			err = ofSentinels(err)
		}
		return nil, nil, err
	}
	if own.TLS == SentinelTLSOn { // otherwise they are those of the data nodes, told already
		warnings = append(warnings, more...)
	}
	for i := range warnings {
		warnings[i].Field = sentinelField(warnings[i].Field)
	}
	s := &sentinels{
		master: own.Master,
		dialer: &dialer{open: stream.open, own: stream.own, allow: stream.allow, place: stream.place, tls: tls, secret: own.Password, timeout: cfg.Timeouts.Dial, silence: cfg.Timeouts.Silence},
		config: cfg,
	}
	s.config.Connection = ConnectionConfig{
		Username: own.Username, Password: own.Password, ClientName: cfg.Connection.ClientName, Protocol: 2,
	}
	s.config.Pool = PoolConfig{Size: 1, MaxIdle: 1, Wait: cfg.Timeouts.Dial, IdleTimeout: cfg.Pool.IdleTimeout}
	s.dialer.life, s.dialer.end = context.WithCancel(c.life)
	for _, addr := range cfg.Connection.Addrs {
		s.add(addr, "", true)
	}
	return s, warnings, nil
}

// ofSentinels puts the sentinels' fields into errors that name those of the data nodes.
func ofSentinels(err error) error {
	problems := FieldErrors(err)
	for _, p := range problems {
		p.Field = sentinelField(p.Field)
	}
	return joinFieldErrors(problems)
}

// sentinelField is the sentinels' counterpart of a field of the data nodes.
func sentinelField(path string) string {
	_, name, _ := strings.Cut(path, ".")
	return "sentinel." + name
}

// add makes a sentinel known. The caller holds the mutex, or is alone.
func (s *sentinels) add(addr, id string, configured bool) {
	options := driverOptions(s.config, addr, s.dial)
	options.DisableIdentity = true // sentinels know no CLIENT SETINFO
	one := &sentinel{addr: addr, id: id, configured: configured, client: redis.NewClient(options)}
	one.life, one.forget = context.WithCancel(s.dialer.life)
	s.known = append(s.known, one)
}

// dial opens a connection to a sentinel. The program's hooks are for commands;
// they do not see it.
func (s *sentinels) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := s.dialer.dial(ctx, addr, nil)
	if err == nil {
		return conn, nil
	}
	var failed *linkError
	errors.As(err, &failed) // as every error of a dial is
	return brokenLink{failed}, nil
}

// end closes every connection to the sentinels and waits for the questions
// under way.
func (s *sentinels) end() {
	s.dialer.end()
	s.mu.Lock()
	s.over = true
	for _, one := range s.known {
		_ = one.client.Close() // its connections are cut; what the driver says of that changes nothing
	}
	s.mu.Unlock()
	s.asking.Wait()
}

// all returns those that are known.
func (s *sentinels) all() []*sentinel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.known)
}

// ask asks every sentinel at once and returns a word for each, in their order.
func (s *sentinels) ask(ctx context.Context) testimony {
	known := s.all()
	words := make([]word, len(known))
	answers := make(chan word, len(known))
	waiting := 0
	for i, one := range known {
		begun, answered := s.begin(one)
		words[i] = word{from: one, answered: answered, err: errNoWordYet}
		if begun {
			waiting++
			s.asking.Go(func() {
				w := s.question(one, !answered.IsZero())
				s.finish(one, &w)
				answers <- w
			})
		}
	}
	var patience <-chan time.Time
	for ; waiting > 0; waiting-- {
		select {
		case w := <-answers:
			words[slices.Index(known, w.from)] = w
			if w.err == nil && patience == nil {
				patience = time.After(sentinelPatience)
			}
			continue
		case <-patience:
		case <-ctx.Done():
		}
		break
	}
	s.learn(words)
	return testimony{master: s.master, words: words}
}

// begin reports whether a sentinel can be asked now, and when it last answered.
func (s *sentinels) begin(one *sentinel) (begun bool, answered time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.busy || s.over {
		return false, one.answered
	}
	one.busy = true
	return true, one.answered
}

// finish notes how a question ended.
func (s *sentinels) finish(one *sentinel, w *word) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.busy = false
	if w.err == nil {
		one.answered = time.Now()
		one.id = cmp.Or(w.id, one.id)
	}
	w.answered, w.id = one.answered, one.id
}

// question asks one sentinel. A connection that broke while nobody used it is
// no answer: then it is asked on a new one. One that never answered may be no
// sentinel at all.
func (s *sentinels) question(one *sentinel, known bool) word {
	ctx, cancel := context.WithTimeout(s.dialer.life, s.config.Timeouts.Dial)
	defer cancel()
	w := s.put(ctx, one)
	switch class := diagnose(w.err).class; {
	case w.err == nil:
	case known && class == ClassLost:
		w = s.put(ctx, one)
	case !known && (class == ClassLost || class == ClassProtocol || class == ClassTimeout):
		w.err = s.dialer.explainSilence(ctx, one.addr, w.err)
	}
	return w
}

// put asks one sentinel all there is to know, in one round trip. Only the first
// reply is needed: an ACL may forbid the others.
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-commands.
func (s *sentinels) put(ctx context.Context, one *sentinel) word {
	addr := redis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", s.master)
	master := redis.NewMapStringStringCmd(ctx, "sentinel", "master", s.master)
	replicas := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "replicas", s.master)
	others := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "sentinels", s.master)
	id := redis.NewStringCmd(ctx, "sentinel", "myid")
	pipe := one.client.Pipeline()
	for _, cmd := range []redis.Cmder{addr, master, replicas, others, id} {
		_ = pipe.Process(ctx, cmd) // it is queued; its own error is looked at below
	}
	began := time.Now()
	_, err := pipe.Exec(ctx)
	if addr.Err() == nil && addr.Val() == nil {
		addr.SetErr(err) // of the handshake: the driver keeps it from the commands
	}
	w := word{from: one, took: time.Since(began)}
	if w.addr, w.err = masterAddress(addr); w.err != nil {
		return w
	}
	w.epoch, _ = strconv.ParseInt(master.Val()["config-epoch"], 10, 64) // unknown counts as the oldest
	w.quorum, _ = strconv.Atoi(master.Val()["quorum"])
	w.flags = master.Val()["flags"]
	w.replicas, w.others, w.id = replicas.Val(), others.Val(), id.Val()
	return w
}

// learn makes the sentinels known that others named, and forgets those that the
// program did not configure, that do not answer and that nobody names any more.
// A run id tells that two addresses are one sentinel.
func (s *sentinels) learn(words []word) {
	named := map[string]string{} // run id or, without one, address → address
	silent := map[*sentinel]bool{}
	for _, w := range words {
		silent[w.from] = w.err != nil
		for _, other := range w.others {
			if addr, err := nodeAddress(other["ip"], other["port"]); err == nil {
				named[cmp.Or(other["runid"], addr)] = addr
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || len(named) == 0 {
		return
	}
	seen := map[string]bool{}
	s.known = slices.DeleteFunc(s.known, func(one *sentinel) bool {
		isNamed := named[cmp.Or(one.id, one.addr)] != "" || slices.Contains(slices.Collect(maps.Values(named)), one.addr)
		gone := !one.configured && (silent[one] && !isNamed || seen[one.id])
		if seen[one.id] = one.id != ""; gone {
			one.forget()
			_ = one.client.Close() // nobody is to hear how that went
		}
		return gone
	})
	for _, one := range s.known {
		maps.DeleteFunc(named, func(id, addr string) bool { return id == one.id || addr == one.addr })
	}
	for _, id := range slices.Sorted(maps.Keys(named)) {
		if len(s.known) < maxSentinels {
			s.add(named[id], id, false)
		}
	}
}
