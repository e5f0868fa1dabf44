package redisconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"
)

// commands is go-redis's typed command surface. The name keeps the embedded
// field of [Client] out of its public fields.
type commands = redis.Cmdable

// background is the context of work that no caller waits for.
var background = context.Background()

var (
	errNeverConnected = errors.New("Connect was never called")
	errConnecting     = errors.New("Connect is under way")
	errNoAutoPipeline = errors.New("redisconn: the driver's AutoPipeline would pass by this client's retries, drain and health; use the client itself, or Unwrap for the driver's own")
)

// Client is a connection to Redis: go-redis's typed commands, with this layer
// below each of them. It satisfies redis.UniversalClient, so libraries that
// take one take a Client. All methods are safe for concurrent use.
//
// Make one with [New] and connect it with [Client.Connect], or do both with
// [Open]. End it with [Client.Drain], [Client.Shutdown] or [Client.Close]; a
// closed client does not open again.
type Client struct {
	commands // the face: a driver client that never dials, whose calls arrive in process and processBatch

	face   *redis.Client
	blank  *redis.Client // lends its typed methods to batches; see newBatch
	hooks  *hookChain
	gate   *gate
	config *Config // resolved: every default filled in; behind a pointer, which fmt does not follow
	addr   string  // what errors and health call the server
	log    *slog.Logger
	opts   options

	generation atomic.Pointer[generation]
	watch      atomic.Pointer[sentinelWatch] // nil where no sentinels are asked
	deployment atomic.Pointer[deployment]    // nil where there is one server, or nothing is known yet
	writes     writeGate
	lingering  lingering
	monitor    atomic.Pointer[monitor]
	machine    *machine
	recorder   *recorder
	deadlines  *deadlines
	retries    retryPolicy
	counts     counts
	routes     routeCounts
	cache      cacheCounts
	holders    holders

	renewals      renewals
	stream        stream // the subscription to the credentials provider, where there is one
	subscriptions subscriptions
	refusedAddrs  sync.Map        // addresses that were refused and told of
	attempts      attempts        // to connect
	told          told            // what attempts to connect have told; whoever connects owns it
	installing    sync.Mutex      // a generation is installed before the end of life, or not at all
	life          context.Context // ends when Drain begins to close
	end           context.CancelFunc
	background    sync.WaitGroup // the client's own goroutines
	embeds        atomic.Bool    // the embedded server was started and not closed
	shutdown      shutdown
}

var _ redis.UniversalClient = (*Client)(nil)

// New makes a client from cfg and does nothing else: no connection, no name
// resolution, no file is read, no goroutine runs. It fails when cfg is not
// valid, with every problem at once: see [FieldErrors].
func New(cfg Config, opts ...Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	resolved := cfg.withDefaults()
	c := &Client{
		gate:     newGate(resolved.Pool.MaxInFlight),
		config:   &resolved,
		addr:     serverName(resolved),
		recorder: newRecorder(),
		shutdown: shutdown{done: make(chan struct{})},
	}
	c.subscriptions.gaps.told = c.recorder.record
	for _, opt := range opts {
		opt(&c.opts)
	}
	if err := c.opts.check(resolved); err != nil {
		return nil, err
	}
	c.counts.byClass = newFailureCounts()
	c.log = c.opts.logger
	if c.log == nil {
		c.log = slog.Default()
	}
	c.log = c.log.With("redis", c.addr)
	c.renewals.asked = make(chan struct{}, 1)
	c.stream.client = c
	c.life, c.end = context.WithCancel(background)
	c.deadlines = &deadlines{life: c.life, operation: resolved.Timeouts.Operation}
	c.machine = newMachine(c.recorder, c.log)
	c.retries = newRetryPolicy(resolved.Retry, newRetryBudget(resolved.Retry.Budget, &c.gate.commands))

	c.hooks = newHookChain(c.process, c.processBatch)
	for _, hook := range c.opts.hooks {
		c.hooks.add(hook)
	}
	c.blank = newSilentDriver()
	c.face = newSilentDriver()
	c.face.AddHook(faceHook{c.hooks})
	c.commands = c.face
	return c, nil
}

// Open is New and Connect. With [WithBackgroundConnect] it does not wait for the connection.
func Open(ctx context.Context, cfg Config, opts ...Option) (*Client, error) {
	c, err := New(cfg, opts...)
	if err != nil {
		return nil, err
	}
	if c.opts.background {
		c.connectInBackground()
		return c, nil
	}
	if err := c.Connect(ctx); err != nil {
		_, closing := c.Drain(ctx) // nothing is open: this only makes the state final
		return nil, errors.Join(err, closing)
	}
	return c, nil
}

// newSilentDriver makes a driver client that never dials: it is there for its typed methods.
func newSilentDriver() *redis.Client {
	options := driverOptions(Config{Connection: ConnectionConfig{Protocol: 2}}, "127.0.0.1:0",
		func(context.Context, string) (net.Conn, error) {
			return brokenLink{&linkError{phase: phaseDial, err: errNeverConnected}}, nil
		})
	options.PoolSize = 1
	return redis.NewClient(options)
}

// faceHook hands every command of the face to the layer below and never calls next.
type faceHook struct{ chain *hookChain }

func (h faceHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h faceHook) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.chain.current.Load().process(ctx, cmd)
	}
}

func (h faceHook) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.chain.current.Load().pipeline(ctx, cmds)
	}
}

// Do sends any command.
func (c *Client) Do(ctx context.Context, args ...any) *redis.Cmd { return c.face.Do(ctx, args...) }

// Process sends cmd.
func (c *Client) Process(ctx context.Context, cmd redis.Cmder) error { return c.face.Process(ctx, cmd) }

// AddHook adds a hook below those that are there. Hooks see each call once,
// with its final error, and never the handshake; [WithJourney] tells them how it
// travelled.
func (c *Client) AddHook(hook redis.Hook) { c.hooks.add(hook) }

// Unwrap returns the driver's client of the current generation, nil before
// Connect. What is done through it is not retried, counted or drained, and the
// client of a later generation is another one: do not keep it.
func (c *Client) Unwrap() redis.UniversalClient {
	if g := c.generation.Load(); g != nil {
		return g.lent
	}
	return nil
}

// PoolStats returns the driver's numbers of the current generation; zeros before Connect.
func (c *Client) PoolStats() *redis.PoolStats {
	if g := c.generation.Load(); g != nil {
		return g.lent.PoolStats()
	}
	return &redis.PoolStats{}
}

// String names the client by its server and its state.
func (c *Client) String() string {
	return "redisconn.Client(" + c.addr + ", " + string(c.State()) + ")"
}

// Format writes String, whatever the verb: fmt would otherwise look at the
// fields, and there it does not know that a password masks itself. In a field
// that is not exported it does not ask for Format either, nor follows pointers.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Config returns a copy of the configuration in force, every default filled in.
func (c *Client) Config() Config { return c.config.Clone() }

// AutoPipeline is not available: it returns an error that says why.
func (c *Client) AutoPipeline() (*redis.AutoPipeliner, error) { return nil, errNoAutoPipeline }

// AutoPipelineWithOptions is not available: it returns an error that says why.
func (c *Client) AutoPipelineWithOptions(*redis.AutoPipelineOptions) (*redis.AutoPipeliner, error) {
	return nil, errNoAutoPipeline
}

// AsyncAutoPipeline is not available: it returns an error that says why.
func (c *Client) AsyncAutoPipeline() (*redis.AutoPipeliner, error) { return nil, errNoAutoPipeline }

// AsyncAutoPipelineWithOptions is not available: it returns an error that says why.
func (c *Client) AsyncAutoPipelineWithOptions(*redis.AutoPipelineOptions) (*redis.AutoPipeliner, error) {
	return nil, errNoAutoPipeline
}

// Option adds a collaborator to a client. Everything that is data is in Config.
type Option func(*options)

type options struct {
	logger     *slog.Logger
	dial       DialFunc
	hooks      []redis.Hook
	embedded   EmbeddedServer
	place      AddressMap
	background bool

	credentials CredentialsFunc
	streaming   auth.StreamingCredentialsProvider
}

// WithLogger sends the client's log lines, and the driver's, to l instead of slog.Default.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithDialer opens connections with dial instead of a net.Dialer. TLS, when the
// configuration asks for it, comes on top.
func WithDialer(dial DialFunc) Option { return func(o *options) { o.dial = dial } }

// WithHooks adds hooks, the first outermost. See [Client.AddHook].
func WithHooks(hooks ...redis.Hook) Option {
	return func(o *options) { o.hooks = append(o.hooks, slices.Clone(hooks)...) }
}

// WithBackgroundConnect lets Open return at once and connect in the background
// for as long as it takes, for services to which Redis is optional. Commands
// wait or fail as Config.WhenDown says; a failure that only an intervention can
// mend is tried again once a second.
func WithBackgroundConnect() Option { return func(o *options) { o.background = true } }

// EmbeddedServer is a Redis in this process. Package embedded has one.
type EmbeddedServer interface {
	// Start is called when a client begins to connect.
	Start() error
	// Dial opens a connection.
	Dial(ctx context.Context) (net.Conn, error)
	// Close is called once for every Start that succeeded: when the client has
	// failed to connect, or is closed.
	Close()
}

// WithEmbedded is where the mode embedded finds its server. Programs use embedded.Option.
func WithEmbedded(server EmbeddedServer) Option { return func(o *options) { o.embedded = server } }

const embeddedNote = "embedded server, in this process: for development and tests, not for production"

// check finds options that do not fit the configuration.
func (o options) check(cfg Config) error {
	if cfg.Mode == ModeEmbedded && o.embedded == nil {
		return &FieldError{
			Field: "mode", Source: "config", Value: string(ModeEmbedded),
			Reason: "the embedded server is not part of this package",
			Fix:    `import "github.com/redisconn/redisconn/embedded" and pass embedded.Option() to New or Open`,
		}
	}
	return o.checkCredentials(cfg.Connection)
}
