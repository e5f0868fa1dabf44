package redisconn

import "time"

// Config says everything about a connection to Redis that is data. A zero field
// means the documented default, so a literal with only an address is complete;
// what can be switched off has a switch of its own name. Config is compared,
// copied and printed freely: secrets in it mask themselves.
//
// Get one from [FromEnv], [ParseURL] or a [Builder], which report every mistake
// at once, or write the literal by hand; [Config.Validate] checks either kind.
// [Fields] and docs/environment.md list every field with its variable, URL key,
// default and range, and [Config.Explain] what holds in one Config.
//
// A Config may be read by several goroutines at once. Copying the struct shares
// the slice of addresses; [Config.Clone] shares nothing.
//
// Collaborators such as loggers and dialers are no data: see [Option].
type Config struct {
	Mode       Mode             // what kind of deployment the addresses lead to; default ModeAuto
	Connection ConnectionConfig // where to connect and as whom
	Sentinel   SentinelConfig   // of a Sentinel deployment: which master, and how to ask for it
	TLS        TLSConfig        // how the link is encrypted and verified
	Timeouts   TimeoutConfig    // how long each thing may take
	Pool       PoolConfig       // how many connections, and for how long
	Retry      RetryConfig      // what may be sent again, when, and how often
	WhenDown   WhenDown         // what a command does while Redis is down; default WhenDownWait
	Pipelining Pipelining       // whether commands of many callers travel together; default PipeliningAuto
	Health     HealthConfig     // how health is sampled and judged
	Reload     ReloadConfig     // how files that change are noticed
	Cache      CacheConfig      // a client-side cache of what was read; default none
	Cluster    ClusterConfig    // of a cluster: where reads go, how it is followed
}

// ConnectionConfig is where to connect and as whom.
type ConnectionConfig struct {
	// Addrs are the servers' addresses: host:port, [IPv6]:port, a bare host
	// (port 6379 is meant), or the absolute path of a unix socket. A standalone
	// server has exactly one; of a cluster any of its nodes will do, and more than
	// one survive the loss of one. Default: localhost:6379. Of a Sentinel deployment
	// they are the sentinels, whose port is 26379: one that answers is enough to
	// find the master and the other sentinels.
	Addrs []string

	// AllowAddrs are the addresses that Redis may send this client to, and with it
	// the password, besides Addrs: a network (10.0.0.0/8), the end of a name
	// (.cache.internal) or a whole one, each with :port where only that is meant.
	// Default: those of the same kind as Addrs, be that loopback, private or
	// public. Link-local addresses and unix sockets are refused always. See
	// docs/topologies.md.
	AllowAddrs []string

	// Username is the ACL user. Empty means Redis's user "default".
	Username string

	// Password authenticates Username. Empty means no AUTH is sent, unless
	// PasswordFile is set. See https://redis.io/docs/latest/commands/auth/.
	Password Secret

	// PasswordFile is the path of a file that holds the password, as Kubernetes
	// and Docker mount secrets. One trailing newline is not part of the password.
	// It contradicts Password.
	PasswordFile string

	// DB is the number of the logical database, 0 to 16383; default 0. A cluster
	// has no other.
	DB int

	// ClientName names every connection in CLIENT LIST; default none.
	ClientName string

	// Protocol is the RESP version, 2 or 3; default 3.
	Protocol int

	// Compat asks for nothing beyond what a minimal server or proxy understands:
	// RESP 2, no CLIENT SETINFO, no CLIENT MAINT_NOTIFICATIONS. For KeyDB, old
	// Redis, some proxies and tight ACLs.
	Compat bool
}

// TLSConfig is how the link is encrypted and verified. Asking for TLS means TLS or an error, never plaintext.
type TLSConfig struct {
	Enabled            bool   // use TLS; the schemes rediss and valkeys set it
	CAFile             string // PEM bundle that signs the server; default the system's roots
	CertFile           string // PEM certificate of this client (mutual TLS); needs KeyFile
	KeyFile            string // PEM private key of this client; needs CertFile
	CA                 string // what CAFile would hold, for secrets that come in variables
	Cert               string // what CertFile would hold; needs Key
	Key                Secret // what KeyFile would hold; needs Cert
	ServerName         string // name the server's certificate must carry; default the host of the address
	MinVersion         string // "1.2" or "1.3"; default "1.2"
	InsecureSkipVerify bool   // accept any certificate: anyone on the path can read and change everything

	// ExpiryWarning is how long before a certificate ends, the server's or this
	// client's, health begins to warn; default 14 days (336h).
	ExpiryWarning time.Duration
}

// TimeoutConfig is how long each thing may take.
type TimeoutConfig struct {
	Connect   time.Duration // all attempts of Connect together; default 15s
	Dial      time.Duration // one attempt to open a connection: TCP, TLS and handshake; default 2s
	Operation time.Duration // a command whose context has no deadline, retries included; default 3s
	Read      time.Duration // waiting for one reply; default Operation
	Write     time.Duration // handing one command to the kernel; default Operation
	Shutdown  time.Duration // how long Close lets commands in flight finish; default 10s

	// Silence is how long a connection may stay silent, although an answer is due,
	// while the server answers no probe either: then it is cut, also under a
	// command that may block for ever. The kernel gives up a peer that is gone
	// within as much (keepalive; on Linux also TCP_USER_TIMEOUT). Default 15s.
	Silence time.Duration
}

// PoolConfig is how many connections there are, and for how long.
type PoolConfig struct {
	Size           int           // the most connections commands may hold at once; default 10 per CPU, at least 20
	MinIdle        int           // connections kept open in advance; default 0
	MaxIdle        int           // idle connections above which one that is returned is closed; default Size
	Blocking       int           // the most connections beside these that blocking commands (BLPOP …) may hold; default 10 × Size
	MaxInFlight    int           // the most calls under way at once; one more is refused with ErrOverloaded; default 16384, or twice the connections that there may be
	Wait           time.Duration // how long a command waits for a free connection; default Operation
	IdleTimeout    time.Duration // an idle connection older than this is replaced before use; default 5m
	MaxLifetime    time.Duration // a connection older than this is replaced; default none
	LifetimeJitter time.Duration // spreads MaxLifetime by up to this much either way; default a tenth of MaxLifetime
}

// RetryConfig is what may be sent again, when, and how often.
type RetryConfig struct {
	// Effect is the strongest effect that is sent again when nobody knows whether
	// the first attempt was applied. Failures that prove a command was not applied
	// are retried whatever its effect. Default EffectIdempotent.
	Effect Effect

	MinBackoff time.Duration // before the second attempt, at most this; doubled each time; default 10ms
	MaxBackoff time.Duration // the most any pause grows to; default 500ms

	// Budget bounds the extra load that retries put on Redis, in percent of the
	// commands sent; default 20.
	Budget int
}

// HealthConfig is how health is sampled and judged.
type HealthConfig struct {
	Interval     time.Duration // between samples; default 1s
	Timeout      time.Duration // of one PING; default 500ms
	WarnLatency  time.Duration // p99 of the samples above which health warns; default 50ms
	FailAfter    int           // consecutive failures until Redis counts as down; default 3
	RecoverAfter int           // consecutive successes until it counts as up again; default 2
}

// ReloadConfig is how files that the configuration names are watched: a password
// or a certificate that changes is taken over without a restart, see
// [Client.Reload].
type ReloadConfig struct {
	Interval time.Duration // between two looks at the files; default 1s
	Off      bool          // do not look; Client.Reload still does
}

// CacheConfig is a cache in this process of what was read. Redis tells which keys
// have changed, usually within some milliseconds; until then a read may return what
// was there before, also what another connection of this client has overwritten.
// Needs RESP 3 and database 0. See https://redis.io/docs/latest/develop/reference/client-side-caching/.
type CacheConfig struct {
	Enabled      bool          // keep what single commands read; pipelines and transactions always ask the server
	MaxEntries   int           // the most replies that are kept; default 10000
	MaxStaleness time.Duration // a reply is asked for anew after this time, whatever the server tells; default 1m
}

// ClusterConfig is how a cluster is read and followed.
type ClusterConfig struct {
	// ReadFrom is which nodes of a shard commands go to that change nothing.
	// Replicas lag behind: what was just written may not be there yet. Default
	// ReadFromMaster.
	ReadFrom ReadFrom

	// RefreshInterval is how old the knowledge of who serves which keys may get
	// while nothing hints at a change, also without any traffic; default 10s.
	// Redirections and failing nodes refresh it at once.
	RefreshInterval time.Duration
}

// ReadFrom is which nodes of a cluster's shard answer reads.
type ReadFrom string

// Where reads may go. Writes, scripts and commands without keys go to masters.
const (
	ReadFromMaster        ReadFrom = "master"         // the shard's master; the default
	ReadFromPreferReplica ReadFrom = "prefer-replica" // its replicas in turn, the master when none of them answers
	ReadFromReplica       ReadFrom = "replica"        // its replicas alone
	ReadFromNearest       ReadFrom = "nearest"        // whoever answers PING fastest
)

// Mode is the kind of deployment the addresses lead to.
type Mode string

// The modes.
const (
	ModeAuto       Mode = "auto"       // a master's name means sentinel, several addresses a cluster; one server is asked what it is; the default
	ModeStandalone Mode = "standalone" // one server
	ModeSentinel   Mode = "sentinel"   // the master that sentinels name
	ModeCluster    Mode = "cluster"    // several shards, each with a part of the keys
	ModeEmbedded   Mode = "embedded"   // in this process, for development and tests; needs package embedded
)

// WhenDown is what a command does while Redis is known to be down.
type WhenDown string

// What a command may do while Redis is down.
const (
	WhenDownWait     WhenDown = "wait"      // wait inside its own time budget; the default
	WhenDownFailFast WhenDown = "fail-fast" // fail at once with ErrDown
)

// Pipelining is whether commands of many callers travel together in automatic
// pipelines. Their order, their contexts and their errors are the same either way.
type Pipelining string

// When commands travel together.
const (
	PipeliningAuto   Pipelining = "auto"   // when many are in flight; the default
	PipeliningOff    Pipelining = "off"    // never: each has a connection of its own for as long as it takes
	PipeliningAlways Pipelining = "always" // whenever they may, also a lone one
)

// Effect orders commands by what applying one twice would do. It is decided by
// a command's name and arguments: SET is idempotent, SET NX conditional.
type Effect string

// The effects, from the one that is safest to repeat to the one that is least.
const (
	EffectNever        Effect = "never"        // as a setting: repeat nothing whose outcome is unknown
	EffectRead         Effect = "read"         // changes nothing: GET, PING
	EffectIdempotent   Effect = "idempotent"   // the same state after one time or two: SET, DEL, HSET
	EffectConditional  Effect = "conditional"  // the second time sees what the first did: SETNX, GETDEL
	EffectAccumulating Effect = "accumulating" // each time adds: INCR, LPUSH
	EffectUnknown      Effect = "unknown"      // may do anything: EVAL, module commands
)
