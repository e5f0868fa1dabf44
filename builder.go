package redisconn

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// Builder makes a [Config] from several sources and remembers where each value
// came from. Its methods record and never fail; [Builder.Build] reports every
// problem of every source at once. The last writer of a field wins, in the order
// of the calls, so that a chain reads as its own rule of precedence:
//
//	NewBuilder().PoolSize(50).URL(base).Env("REDIS_").Build() // operators override code
//
// A source changes only what it mentions. Two exceptions keep accidents out:
// password and password_file replace each other when they come from different
// sources, and a URL with a plaintext scheme is an error where TLS was asked for
// before it.
//
// The zero Builder is ready for use. A Builder is not safe for concurrent use.
type Builder struct {
	cfg      Config
	origins  map[string][]origin // by field path, in the order of the calls
	problems []*FieldError
	unread   map[string]bool // fields whose text could not be read, about which nothing more can be said
	warnings []Warning
	prefix   string // of the variables that Explain names
	layers   int    // sources seen so far
	loneUser string // the URL that named a user without a password, see Builder.loneUserProblem
}

// origin is one source that set a field.
type origin struct {
	source string // as shown
	layer  int    // which source it is: what is set in one place together is judged together
}

// codeLayer is the source that setters and Apply write: the program is one author.
const codeLayer = 0

const codeSource = "code"

// NewBuilder returns a Builder that knows only the defaults.
func NewBuilder() *Builder { return &Builder{} }

// String is what was recorded so far, secrets masked.
func (b *Builder) String() string {
	return "redisconn.Builder(" + b.cfg.String() + ", " + plural(len(b.problems), "problem") + ")"
}

// Format writes String, whatever the verb, also of a Builder that is no pointer:
// see [Client.Format].
func (b Builder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// URL reads a URL, see [ParseURL]. What the URL does not mention stays as it is.
func (b *Builder) URL(raw string) *Builder { return b.Set(urlPath, raw, urlPath) }

// urlPath stands for a URL as a whole where a field's path is meant.
const urlPath = "url"

// Set reads one field from text, as a command-line flag does. The path is that
// of [Field], or url for a whole URL, the source is what errors and Explain call
// the place it came from, such as "flag --pool-size".
func (b *Builder) Set(path, value, source string) *Builder {
	if path == urlPath {
		b.newLayer().readURL(value, source)
		return b
	}
	f, known := findField(path)
	if !known {
		b.report(&FieldError{
			Field: path, Source: source,
			Reason: "there is no such field",
			Fix:    cmp.Or(didYouMean(path, names(func(f field) string { return f.path })), "redisconn.Fields lists the paths"),
		})
		return b
	}
	b.newLayer().set(f, value, source)
	return b
}

// Apply lets code change anything. What differs afterwards counts as set by code.
func (b *Builder) Apply(change func(*Config)) *Builder {
	before, after := b.cfg, b.cfg.Clone()
	change(&after)
	b.cfg = after.Clone() // the caller may keep what it put in
	var changed []string
	for _, f := range configFields {
		if f.text(&before) != f.text(&after) {
			changed = append(changed, f.path)
		}
	}
	b.attribute(changed, origin{codeSource, codeLayer})
	return b
}

// code writes fields that are set by code whether or not their values change.
func (b *Builder) code(write func(*Config), paths ...string) *Builder {
	write(&b.cfg)
	b.attribute(paths, origin{codeSource, codeLayer})
	return b
}

// Mode sets the kind of deployment.
func (b *Builder) Mode(m Mode) *Builder {
	return b.code(func(c *Config) { c.Mode = m }, "mode")
}

// Addr sets the servers' addresses, see [ConnectionConfig.Addrs].
func (b *Builder) Addr(addrs ...string) *Builder {
	return b.code(func(c *Config) { c.Connection.Addrs = slices.Clone(addrs) }, "connection.addrs")
}

// Sentinel sets the name of the master that sentinels watch: the addresses are
// theirs then, see [SentinelConfig].
func (b *Builder) Sentinel(master string) *Builder {
	return b.code(func(c *Config) { c.Sentinel.Master = master }, "sentinel.master")
}

// Username sets the ACL user.
func (b *Builder) Username(name string) *Builder {
	return b.code(func(c *Config) { c.Connection.Username = name }, "connection.username")
}

// Password sets the password of the user.
func (b *Builder) Password(password Secret) *Builder {
	return b.code(func(c *Config) { c.Connection.Password = password }, "connection.password")
}

// PasswordFile sets the file that holds the password. It is read when a
// connection is made, not before.
func (b *Builder) PasswordFile(path string) *Builder {
	return b.code(func(c *Config) { c.Connection.PasswordFile = path }, "connection.password_file")
}

// DB sets the number of the logical database.
func (b *Builder) DB(number int) *Builder {
	return b.code(func(c *Config) { c.Connection.DB = number }, "connection.db")
}

// ClientName sets the name of every connection in CLIENT LIST.
func (b *Builder) ClientName(name string) *Builder {
	return b.code(func(c *Config) { c.Connection.ClientName = name }, "connection.client_name")
}

// TLS turns TLS on with the given settings, whatever their Enabled says;
// TLS(TLSConfig{}) verifies the server against the system's roots.
func (b *Builder) TLS(settings TLSConfig) *Builder {
	settings.Enabled = true
	return b.code(func(c *Config) { c.TLS = settings }, "tls.enabled", "tls.ca_file", "tls.cert_file",
		"tls.key_file", "tls.server_name", "tls.min_version", "tls.insecure_skip_verify")
}

// ConnectTimeout bounds all attempts of Connect together.
func (b *Builder) ConnectTimeout(d time.Duration) *Builder {
	return b.code(func(c *Config) { c.Timeouts.Connect = d }, "timeouts.connect")
}

// OperationTimeout bounds a command whose context has no deadline, retries included.
func (b *Builder) OperationTimeout(d time.Duration) *Builder {
	return b.code(func(c *Config) { c.Timeouts.Operation = d }, "timeouts.operation")
}

// ShutdownTimeout bounds how long Close lets commands in flight finish.
func (b *Builder) ShutdownTimeout(d time.Duration) *Builder {
	return b.code(func(c *Config) { c.Timeouts.Shutdown = d }, "timeouts.shutdown")
}

// PoolSize sets the most connections that commands may hold at once.
func (b *Builder) PoolSize(n int) *Builder {
	return b.code(func(c *Config) { c.Pool.Size = n }, "pool.size")
}

// RetryEffect sets the strongest effect that is sent again when nobody knows
// whether the first attempt was applied.
func (b *Builder) RetryEffect(e Effect) *Builder {
	return b.code(func(c *Config) { c.Retry.Effect = e }, "retry.effect")
}

// WhenDown sets what a command does while Redis is down.
func (b *Builder) WhenDown(w WhenDown) *Builder {
	return b.code(func(c *Config) { c.WhenDown = w }, "when_down")
}

// Build returns the configuration, or every problem at once, each a
// [*FieldError]. Zero fields stay zero and mean their defaults, so that an edit
// afterwards moves what follows it. Each call returns a Config of its own.
func (b *Builder) Build() (Config, error) {
	problems, unread := slices.Clone(b.problems), b.unread
	if p := b.loneUserProblem(); p != nil {
		problems = append(problems, p)
		unread = map[string]bool{"connection.username": true}
		for path := range b.unread {
			unread[path] = true
		}
	}
	problems = append(problems, b.cfg.faults(unread, b.sourcesOf)...)
	if len(problems) > 0 {
		return Config{}, joinFieldErrors(problems)
	}
	return b.cfg.Clone(), nil
}

// Lint returns the warnings of the sources, such as a variable with a misspelt
// name, and those of the configuration itself, see [Config.Lint].
func (b *Builder) Lint() []Warning {
	return append(slices.Clone(b.warnings), b.cfg.Lint()...)
}

// report records a problem.
func (b *Builder) report(p *FieldError) { b.problems = append(b.problems, p) }

// attribute records who set fields. A password that another source gave makes
// way for a newly set password file, and the other way round: operators who
// mount a file need not know that the URL holds a password for development.
func (b *Builder) attribute(paths []string, by origin) {
	if b.origins == nil {
		b.origins = map[string][]origin{}
	}
	for _, path := range paths {
		b.origins[path] = append(b.origins[path], by)
	}
	for _, path := range paths {
		other, isPair := findField(passwordAlternatives[path])
		if !isPair || !fieldAt(path).isSet(&b.cfg) || !other.isSet(&b.cfg) {
			continue
		}
		if last := b.origins[other.path]; last[len(last)-1].layer != by.layer {
			other.value(&b.cfg).SetZero()
			b.origins[path] = slices.Insert(b.origins[path], len(b.origins[path])-1, last...)
			delete(b.origins, other.path)
		}
	}
}

// passwordAlternatives are the two ways to give each password.
var passwordAlternatives = map[string]string{
	"connection.password":      "connection.password_file",
	"connection.password_file": "connection.password",
	"sentinel.password":        "sentinel.password_file",
	"sentinel.password_file":   "sentinel.password",
}

// sourcesOf returns who set a field, the last one first and each once.
func (b *Builder) sourcesOf(path string) []string {
	var sources []string
	for _, o := range slices.Backward(b.origins[path]) {
		if !slices.Contains(sources, o.source) {
			sources = append(sources, o.source)
		}
	}
	return sources
}

// loneUserProblem refuses redis://secret@host once it is certain that no other
// source gave a password. Other tools write a lone password there; here it would
// be a user's name, and travel and be printed as one.
func (b *Builder) loneUserProblem() *FieldError {
	if !b.hasLoneUser() {
		return nil
	}
	return &FieldError{
		Field: "connection.username", Source: b.loneUser, Value: redacted,
		Reason: "the URL has a user without a password, which may be a password without its colon",
		Fix:    "write redis://:password@host for a password, or ?username=name for a user who has none",
	}
}

func (b *Builder) hasLoneUser() bool {
	conn := b.cfg.Connection
	sources := b.sourcesOf("connection.username")
	return b.loneUser != "" && conn.Password == "" && conn.PasswordFile == "" &&
		len(sources) > 0 && sources[0] == b.loneUser
}
